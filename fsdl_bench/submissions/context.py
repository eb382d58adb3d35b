"""The context of a fit: the track, the run, and a place for what may be kept between runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from fsdl_bench.checked import is_intact, write_checked
from fsdl_bench.codecs.base import Codec
from fsdl_bench.errors import BadInput
from fsdl_bench.songs import Kind

if TYPE_CHECKING:
    import torch

    from fsdl_bench.sampling import TrainingEpisodes
    from fsdl_bench.submissions.parts import Parts
    from fsdl_bench.submissions.pretrained import Pretrained
    from fsdl_bench.tracks.split import Split

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class FitContext:
    """The track and the run, as a submission sees them.

    Attributes:
        track: the track's name.
        kind: `lyrics` or `midi`.
        digest: the track's logical digest.
        codec: the codec of the tokens: `decode`, `token_kinds`, `allowed_next`.
        shots: the support sizes that are evaluated, such as (0, 1, 2, 5).
        queries: query songs in an episode.
        device: where the songs for `logits` are placed, and where the model should compute.
        seed: the run's seed; the global random generators are already seeded from it.
        checkpoints: a folder of this fit's own, for what a long `fit` needs to resume; removed when the fit
            is complete, or when a file changed that the interrupted fit had used.
        parts: the store behind `once`; None where nothing can be kept.
        refit: whether to train again, without `pretrained` weights and although a fit is cached.
        log: prints a line without disturbing the progress bar.
    """

    track: str
    kind: Kind
    digest: str
    codec: Codec
    shots: tuple[int, ...]
    queries: int
    device: torch.device
    seed: int
    checkpoints: Path
    parts: Parts | None = field(default=None, repr=False)
    refit: bool = False
    log: Callable[[str], None] = field(default=print, repr=False)

    @property
    def vocab_size(self) -> int:
        """V: token ids are below it, and scores have this many columns."""
        return self.codec.vocab_size

    @property
    def unit(self) -> str:
        """The unit of the headline figure: `note` or `byte`."""
        return self.codec.unit

    def episodes(self, split: Split, **options: Any) -> TrainingEpisodes:
        """Return training episodes drawn with this run's seed: an endless iterable for a DataLoader.

        Args:
            split: a split that `fit` received, usually `train`.
            options: of `TrainingEpisodes`: shots, queries, batch_size, ...
        """
        from fsdl_bench.sampling import TrainingEpisodes

        return TrainingEpisodes(split, **({"seed": self.seed} | options))

    def save(self, name: str, state: Any) -> None:
        """Write a checkpoint of a long training: atomically, with a checksum, in place of the previous one.

        Args:
            name: names the checkpoint within this fit.
            state: anything that `torch.save` writes and `torch.load(weights_only=True)` reads.
        """
        import torch

        with write_checked(self.checkpoints / f"{name}.pt") as temporary:
            torch.save(state, temporary)

    def load(self, name: str) -> Any:
        """Return the checkpoint that `save` wrote, on this context's device; None if there is none.

        A damaged checkpoint is reported and counts as missing.
        """
        import torch

        path = self.checkpoints / f"{name}.pt"
        if not path.exists():
            return None
        if not is_intact(path):
            self.log(f"{path} is damaged; the training starts again")
            return None
        return torch.load(path, map_location=self.device, weights_only=True)

    def pretrained(self, name: str, settings: Mapping[str, Any]) -> Pretrained | None:
        """Return weights that ship with the package for this track, seed and these settings.

        The processor time of their training counts as this fit's.

        Args:
            name: of the model's part, such as "lstm".
            settings: of the training, as for `once`.

        Returns:
            The tensors by name, float32 on the CPU, and the record of their training; None if no such weights
            ship, or if the run was asked to train again (`--refit`).

        Raises:
            BadInput: the weights are damaged.
        """
        from fsdl_bench.submissions.pretrained import read_pretrained

        if self.refit:
            return None
        return read_pretrained(name, self.track, self.digest, self.seed, settings)

    def once(self, name: str, settings: Mapping[str, Any], make: Callable[[FitContext], T]) -> T:
        """Return what `make(context)` returns: made by the first submission that asks, reused by the others.

        The key covers `name`, `settings`, the code of the module that defines `make` and of
        everything that this module imports, the track's digest and the run's seed. It is written with
        `torch.save`, verified by its checksum before every use, and made again if it is damaged.

        `make` runs with the random generators set from the run's seed, so the part does not depend on earlier
        draws, nor later draws on whether the part was stored. It gets this context with another `checkpoints`
        folder: an interrupted training is resumed by whichever submission asks next.

        Under `--isolate` parts are shared among submissions from the same folder only, because a stored part
        can run code when it is loaded. Where nothing can be stored, `make` is called every time.

        Args:
            name: letters, digits, `-` and `_`; names the part in messages and on disk.
            settings: everything that `make` depends on besides its code, as values that JSON can write.
            make: a function or lambda that builds the part; what it returns must pickle.

        Raises:
            BadInput: the name or the settings cannot be written.
        """
        from fsdl_bench.submissions.seeding import seeded

        if not re.fullmatch(r"[\w-]{1,60}", name, re.ASCII):
            raise BadInput(f"context.once: expected a name of letters, digits, - and _, found {name!r}")
        key = self.parts.key(settings, make, self.digest, self.seed) if self.parts else None
        if self.parts and key:
            try:
                return self.parts.take(  # type: ignore[no-any-return]
                    name,
                    key,
                    lambda checkpoints: make(replace(self, checkpoints=checkpoints)),
                    seed=self.seed,
                    device=self.device,
                    log=self.log,
                )
            except PermissionError:
                self.log(f"{name} is made for this run alone: its store cannot be written")
        with seeded(self.seed):
            return make(self)
