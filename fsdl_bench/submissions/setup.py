"""The setting of a run: the loaded submission, an opened track and a device."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import torch

from fsdl_bench import fingerprint
from fsdl_bench.codecs.base import Codec
from fsdl_bench.episodes import EpisodeDesign
from fsdl_bench.errors import BadInput
from fsdl_bench.paths import home
from fsdl_bench.songs import Kind
from fsdl_bench.submissions.arguments import as_settings
from fsdl_bench.submissions.context import FitContext
from fsdl_bench.submissions.describing import load_in_child
from fsdl_bench.submissions.identity import Identity, identity
from fsdl_bench.submissions.loading import LoadedSubmission, from_object, load_submission
from fsdl_bench.submissions.parts import Parts
from fsdl_bench.tracks.split import Split
from fsdl_bench.tracks.track import load_track


class RunTrack(Protocol):
    """The part of a track that a run needs; `load_track` returns one, tests may bring their own."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> Kind: ...

    @property
    def digest(self) -> str: ...

    @property
    def codec(self) -> Codec: ...

    @property
    def definition(self) -> EpisodeDesign: ...

    def __getitem__(self, split: str) -> Split: ...


@dataclass(frozen=True)
class Setup:
    """A submission on a track and a device.

    Attributes:
        loaded: the submission.
        source: the submission as the caller named it.
        track: the opened track.
        device: where the model computes.
        isolate: whether the submission runs in processes of its own.
    """

    loaded: LoadedSubmission
    source: str
    track: RunTrack
    device: torch.device
    isolate: bool = False

    @property
    def codec(self) -> Codec:
        """The codec of the track's tokens."""
        return self.track.codec

    @property
    def vocab_size(self) -> int:
        """V, the number of token ids."""
        return self.codec.vocab_size

    @property
    def splits(self) -> tuple[Split, Split]:
        """The meta-training and the validation split, which `fit` is handed."""
        return self.track["train"], self.track["validation"]

    @cached_property
    def sealed(self) -> tuple[Path, ...]:
        """Folders of songs that the submission may not read."""
        return sealed_folders(self.track)

    def identity(self, seed: int) -> Identity:
        """Return what the fit with this seed depends on, as it was when first asked for.

        Raises:
            BadInput: a file that an argument names cannot be read.
        """
        if seed not in self._identities:  # a submission may write into a folder that an argument names
            try:
                self._identities[seed] = identity(self.loaded, self.track.digest, seed)
            except OSError as error:
                raise BadInput(
                    f"{error.filename}: an argument names it, and it cannot be read: {error}"
                ) from None
        return self._identities[seed]

    def fit_folder(self, seed: int) -> Path:
        """Return the folder in which the fit with this seed and its checkpoints are kept."""
        return home() / "fits" / self.identity(seed).key

    def context(self, seed: int, log: Callable[[str], None], *, refit: bool = False) -> FitContext:
        """Return what the submission is told about the track and the run; `refit` as there."""
        design = self.track.definition
        return FitContext(
            track=self.track.name,
            kind=self.track.kind,
            digest=self.track.digest,
            codec=self.codec,
            shots=tuple(design.shots),
            queries=design.queries,
            device=self.device,
            seed=seed,
            checkpoints=self.fit_folder(seed) / "checkpoints",
            parts=self._parts(),
            refit=refit,
            log=log,
        )

    @cached_property
    def _identities(self) -> dict[int, Identity]:
        return {}

    def _parts(self) -> Parts:
        """The store behind `FitContext.once`.

        A stored part can run code when it is loaded, so an isolated submission shares parts only with
        isolated submissions from the same folder.
        """
        root = self.loaded.root
        name = f"isolated-{fingerprint.key(str(root))}" if self.isolate else "shared"
        return Parts(home() / "parts" / name, root, self.loaded.package)


def sealed_folders(track: RunTrack) -> tuple[Path, ...]:
    """Return the folders of songs that a submission on this track may not read."""
    path = getattr(track, "path", None)
    folders = [home() / "tracks", home() / "sources", home() / "converted", *([path] if path else [])]
    return tuple(dict.fromkeys(folder.resolve() for folder in folders))


def set_up(
    submission: str | os.PathLike[str] | Any,
    track: str | os.PathLike[str] | RunTrack,
    *,
    settings: str | Sequence[str] | Mapping[str, Any] = (),
    device: str = "cpu",
    isolate: bool = False,
) -> Setup:
    """Load a submission, open a track and a device.

    Args:
        submission: `path.py`, `path.py:ClassName`, `package.module:ClassName`, `fsdl_bench:MODEL`
            for a reference model, or an object with `adapt`.
        track: the name or the folder of a built track, or an opened one.
        settings: `key=value` for the constructor, or a mapping.
        device: as torch names it.
        isolate: run the submission in processes of its own.

    Raises:
        BadInput: the submission, the track or the device does not exist, or an argument is wrong.
    """
    if isinstance(submission, os.PathLike):
        submission = os.fspath(submission)
    settings = as_settings(settings)
    if isolate and not isinstance(submission, str):
        raise BadInput(
            "--isolate: a submission given as an object cannot be isolated; name its file and class"
        )
    opened: RunTrack = load_track(track) if isinstance(track, str | os.PathLike) else track
    if not isinstance(submission, str):
        loaded, source = from_object(submission), type(submission).__qualname__
    elif isolate:
        loaded, source = load_in_child(submission, settings, sealed_folders(opened)), submission
    else:
        loaded, source = load_submission(submission, settings), submission
    return Setup(loaded, source, opened, open_device(device), isolate)


def open_device(name: str) -> torch.device:
    """Return the device called `name`, set so that float32 is computed as float32, without TF32.

    Raises:
        BadInput: torch knows no such device, or it is not available.
    """
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise BadInput(f"--device {name}: {str(error).splitlines()[0]}") from None
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
    return device
