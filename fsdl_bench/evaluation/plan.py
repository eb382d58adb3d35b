"""What one run evaluates on what, settled before anything is computed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import torch

from fsdl_bench.codecs.base import Codec, Tokens
from fsdl_bench.episodes import Episode, EpisodeDesign, episodes_digest, evaluation_episodes
from fsdl_bench.errors import BadInput
from fsdl_bench.evaluation.cells import Cell, cells_of
from fsdl_bench.evaluation.provenance import open_device, packages
from fsdl_bench.paths import home
from fsdl_bench.results import Scoring
from fsdl_bench.songs import Kind
from fsdl_bench.submissions.contract import FitContext
from fsdl_bench.submissions.fitting import arguments_digest, fit_folder, shared_parts
from fsdl_bench.submissions.loading import LoadedSubmission
from fsdl_bench.tracks.split import Split
from fsdl_bench.tracks.track import load_track


class EvaluatedTrack(Protocol):
    """What of a track a run needs; `load_track` gives one, tests may bring their own."""

    @property
    def name(self) -> str:
        """The track's name."""
        ...

    @property
    def kind(self) -> Kind:
        """`lyrics` or `midi`."""
        ...

    @property
    def digest(self) -> str:
        """The logical digest."""
        ...

    @property
    def codec(self) -> Codec:
        """What the tokens are written in."""
        ...

    @property
    def definition(self) -> EpisodeDesign:
        """What fixes the episodes."""
        ...

    def __getitem__(self, split: str) -> Split: ...


@dataclass(frozen=True)
class Task:
    """One run: a submission, the episodes of one split of a track, and how they are scored.

    Attributes:
        source: the submission as the caller named it.
        split: the split whose episodes are scored.
        limit: only so many episodes, for a smoke run.
        isolate: whether the submission runs in a process of its own.
    """

    loaded: LoadedSubmission
    source: str
    track: EvaluatedTrack
    split: str
    protocol: Scoring
    shots: tuple[int, ...]
    seeds: tuple[int, ...]
    device: torch.device
    limit: int | None
    isolate: bool

    @property
    def codec(self) -> Codec:
        """What the tokens are written in."""
        return self.track.codec

    @property
    def vocab_size(self) -> int:
        """V."""
        return self.codec.vocab_size

    @cached_property
    def episodes(self) -> list[Episode]:
        """The frozen episodes, or the first of them."""
        return evaluation_episodes(self.track[self.split], self.track.definition)[: self.limit]

    @cached_property
    def cells(self) -> list[Cell]:
        """What is scored for every seed."""
        return cells_of(self.episodes, self.shots, self.track.definition.headline_shot)

    @cached_property
    def donors(self) -> list[Tokens]:
        """Songs for audits to redraw from: every query song."""
        return [song.tokens for episode in self.episodes for song in episode.query]

    @cached_property
    def sealed(self) -> tuple[Path, ...]:
        """Folders of songs that the submission may not read."""
        path = getattr(self.track, "path", None)
        folders = [home() / "tracks", home() / "sources", home() / "converted", *([path] if path else [])]
        return tuple(dict.fromkeys(folder.resolve() for folder in folders))

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Everything that the scores depend on: what a journal goes by."""
        return {
            "submission": self.loaded.digest,
            "arguments": arguments_digest(self.loaded),
            "track": self.track.digest,
            "split": self.split,
            "episodes": episodes_digest(self.episodes),
            "protocol": self.protocol,
            "shots": self.shots,
            "seeds": self.seeds,
            "limit": self.limit,
            "device": self.device.type,
            "isolate": self.isolate,
            "threads": torch.get_num_threads(),
            "packages": packages(),
        }

    def context(self, seed: int, log: Any) -> FitContext:
        """What the submission is told."""
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
            checkpoints=fit_folder(self.loaded, self.track.digest, seed) / "checkpoints",
            parts=shared_parts(self.loaded, self.isolate),
            log=log,
        )


def plan_task(
    loaded: LoadedSubmission,
    source: str,
    track: str | os.PathLike[str] | EvaluatedTrack,
    *,
    split: str,
    protocol: Scoring,
    shots: Sequence[int] | None,
    seeds: Sequence[int],
    device: str,
    limit: int | None,
    isolate: bool,
) -> Task:
    """Open the track and settle what is scored.

    Raises:
        BadInput: the track, the device, the shots or the seeds cannot be had.
    """
    opened: EvaluatedTrack = load_track(track) if isinstance(track, str | os.PathLike) else track
    offered = tuple(opened.definition.shots)
    wanted = tuple(sorted(set(offered if shots is None else shots)))
    if not wanted or not set(wanted) <= set(offered):
        raise BadInput(f"--shots: {opened.name} has {_list(offered)}, found {_list(shots or ())}")
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise BadInput(f"--seeds: expected different numbers from 0 up, found {_list(seeds)}")
    if limit is not None and limit < 1:
        raise BadInput(f"--limit: expected at least 1 episode, found {limit}")
    if isolate and not loaded.spec:
        raise BadInput("a submission given as an object cannot be isolated: name its file and class")
    try:
        where = open_device(device)
    except (RuntimeError, AssertionError) as error:
        raise BadInput(f"--device {device}: {str(error).splitlines()[0]}") from None
    return Task(loaded, source, opened, split, protocol, wanted, tuple(seeds), where, limit, isolate)


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"
