"""A live submission under the harness's hand: adapt, score a batch, observe; one predictor at a time.

`LocalSession` calls the submission in this process, `isolation.ChildSession` in one of its own. Both go
through the same checks, and nothing else in the harness calls a submission.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch

from fsdl_bench.codecs.base import BOS, Tokens
from fsdl_bench.padding import pad
from fsdl_bench.submissions import checking
from fsdl_bench.submissions.contract import FitContext, SupportsObserve, SupportsPrepare, SupportsStream
from fsdl_bench.submissions.seeding import seeded
from fsdl_bench.submissions.watch import watched

Plain: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True)
class Facts:
    """What a submission says of itself, for the record.

    Attributes:
        name: its class's name, unless it says otherwise.
        parameters: how many numbers were learnt, or None where that cannot be told.
        precision: the coarsest type that scores pass through, if it names one.
    """

    name: str
    family: str
    description: str
    exact: bool
    parameters: int | None
    precision: torch.dtype | None
    notes: dict[str, Plain]


class Session(Protocol):
    """One submission, adapted to at most one support at a time."""

    @property
    def facts(self) -> Facts:
        """What the submission says of itself."""
        ...

    @property
    def sealing(self) -> str:
        """What keeps it from the songs' files, in words."""
        ...

    def adapt(self, support: Sequence[Tokens], seed: int) -> float:
        """Make the predictor for a support the current one; returns the seconds it took."""
        ...

    def scores(self, songs: Sequence[Tokens]) -> torch.Tensor:
        """The current predictor's scores for a batch: float [B, T, V], T the longest song."""
        ...

    def stream_scores(self, song: Tokens) -> torch.Tensor | None:
        """The same for one song, token by token: float [T, V]; None if the predictor has no `stream`."""
        ...

    def observe(self, song: Tokens) -> None:
        """Hand the current predictor a song that was scored, if it wants it."""
        ...

    def close(self) -> None:
        """Let go of the submission."""
        ...


class LocalSession:
    """A submission in this process.

    Args:
        submission: constructed, and fitted if it has a `fit`.
        context: what `prepare` is told.
        sealed: folders of songs that it may not read.
    """

    sealing = "in the harness's process, its reads through Python watched"

    def __init__(self, submission: Any, context: FitContext, sealed: Sequence[Path] = ()) -> None:
        checking.check_submission(submission)
        self._submission = submission
        self._sealed = sealed
        self._device = context.device
        self._vocab_size = context.vocab_size
        self._predictor: Any = None
        self._checked: set[type] = set()
        with seeded(context.seed), watched(sealed):
            if isinstance(submission, SupportsPrepare):
                submission.prepare(context)

    @property
    def facts(self) -> Facts:
        """What the submission says of itself."""
        return describe(self._submission)

    @property
    def predictor(self) -> Any:
        """What `adapt` returned last, to sample from."""
        return self._predictor

    def adapt(self, support: Sequence[Tokens], seed: int) -> float:
        """Make the predictor for a support the current one; returns the seconds it took."""
        songs = tuple(song.copy() for song in support)
        self._predictor = None
        with seeded(seed), torch.enable_grad(), watched(self._sealed):
            start = self._clock()
            predictor = self._submission.adapt(songs)
            seconds = self._clock() - start
        if type(predictor) not in self._checked:
            checking.check_predictor(predictor, self._submission)
            self._checked.add(type(predictor))
        self._predictor = predictor
        return seconds

    def scores(self, songs: Sequence[Tokens]) -> torch.Tensor:
        """The current predictor's scores for a batch: float [B, T, V], T the longest song."""
        batch = pad(songs, self._device)
        with torch.no_grad(), watched(self._sealed):
            raw = self._predictor.logits(batch)
        return checking.as_scores(raw, batch, self._vocab_size, self._predictor)

    def stream_scores(self, song: Tokens) -> torch.Tensor | None:
        """The same for one song, token by token: float [T, V]; None if the predictor has no `stream`."""
        if not isinstance(self._predictor, SupportsStream):
            return None
        with torch.no_grad(), watched(self._sealed):
            stream = self._predictor.stream()
            fed = [BOS, *song[:-1].tolist()]
            rows = [checking.as_step_scores(stream.step(token), self._vocab_size, stream) for token in fed]
        return torch.stack(rows)

    def observe(self, song: Tokens) -> None:
        """Hand the current predictor a song that was scored, if it wants it."""
        if isinstance(self._predictor, SupportsObserve):
            with torch.enable_grad(), watched(self._sealed):
                self._predictor.observe(song.copy())

    def close(self) -> None:
        """Let go of the submission."""
        self._submission = self._predictor = None

    def _clock(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return perf_counter()


def describe(submission: Any) -> Facts:
    """Read a submission's optional attributes: name, family, exact, notes, precision, parameters."""
    text = (type(submission).__doc__ or "").strip()
    precision = getattr(submission, "precision", None)
    if precision is not None and not (isinstance(precision, torch.dtype) and precision.is_floating_point):
        raise checking.ContractError(f"`precision` should be a floating torch.dtype, found {precision!r}")
    notes = getattr(submission, "notes", {})
    return Facts(
        name=str(getattr(submission, "name", type(submission).__name__)),
        family=str(getattr(submission, "family", "")),
        description=" ".join(text.partition("\n\n")[0].split()),
        exact=bool(getattr(submission, "exact", True)),
        parameters=_parameters(submission),
        precision=precision,
        notes={str(key): plain(value) for key, value in notes.items()} if isinstance(notes, dict) else {},
    )


def plain(value: Any) -> Plain:
    """A value as JSON takes it: a number, a text, or the text of anything else."""
    if isinstance(value, np.generic | torch.Tensor) and np.ndim(value) == 0:
        value = value.item()
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _parameters(submission: Any) -> int | None:
    own = getattr(submission, "parameters", None)
    if callable(own):
        own = own()
    if isinstance(own, int):
        return own
    if own is not None:
        return sum(int(parameter.numel()) for parameter in own)
    attributes = getattr(submission, "__dict__", {}).values()
    modules = [value for value in attributes if isinstance(value, torch.nn.Module)]
    unique = {id(parameter): parameter.numel() for module in modules for parameter in module.parameters()}
    return sum(unique.values()) if modules else None
