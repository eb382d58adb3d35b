"""A submission driven by the harness: adapt, score a batch, observe; one predictor at a time.

`LocalSession` calls the submission in this process, `box.ChildSession` in a process of its own. Both apply
the same checks, and nothing else in the harness calls a submission.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, Protocol, TypeAlias, cast, get_args

import torch

from fsdl_bench.codecs.base import BOS, Tokens
from fsdl_bench.frozen import Plain, plain
from fsdl_bench.padding import pad
from fsdl_bench.submissions import checking
from fsdl_bench.submissions.context import FitContext
from fsdl_bench.submissions.contract import SupportsObserve, SupportsPrepare, SupportsStream
from fsdl_bench.submissions.inputs import Input, Tracker
from fsdl_bench.submissions.seeding import seeded
from fsdl_bench.submissions.streams import next_scores, open_stream
from fsdl_bench.submissions.watch import recording, watched

Budget: TypeAlias = Literal["quarter-hour", "hour", "open"]
"""Budget classes: the processor time of all training behind a submission; "open" has no limit."""


@dataclass(frozen=True)
class Facts:
    """What a submission says about itself, for the record.

    Attributes:
        name: its class's name, unless it has a `name`.
        family: such as "n-gram"; "" if it has none.
        description: the first paragraph of its class's docstring.
        exact: whether its likelihoods are exact, not bounds.
        parameters: the number of learnt parameters; None if unknown.
        ignores_support: whether it declares that its predictors do not depend on the support.
        precision: the coarsest type that scores pass through, such as "bfloat16"; None if not stated.
        notes: numbers and texts that it wants recorded.
        budget: the budget class that its training is meant for.
        outside_data: what it learnt from outside the track, in words; "" for nothing.
        system: whether it combines several models, such as an ensemble.
    """

    name: str
    family: str
    description: str
    exact: bool
    parameters: int | None
    precision: str | None
    notes: dict[str, Plain]
    ignores_support: bool = False
    budget: Budget = "open"
    outside_data: str = ""
    system: bool = False

    @property
    def dtype(self) -> torch.dtype | None:
        """`precision` as a torch type."""
        return getattr(torch, self.precision) if self.precision else None


class Opened(Protocol):
    """A submission that was loaded and prepared."""

    @property
    def facts(self) -> Facts:
        """What the submission says about itself."""
        ...

    @property
    def sealing(self) -> str:
        """What keeps the submission from the songs' files, in words."""
        ...

    def new_inputs(self) -> tuple[Input, ...]:
        """Return the files that the submission used since the last call; all of them at first."""
        ...

    def close(self) -> None:
        """Release the submission."""
        ...


class Session(Opened, Protocol):
    """One submission, adapted to at most one support at a time."""

    def adapt(self, support: Sequence[Tokens], seed: int) -> float:
        """Replace the current predictor by one for this support; return the seconds it took."""
        ...

    def scores(self, songs: Sequence[Tokens]) -> torch.Tensor:
        """Return the current predictor's scores for a batch: float [B, T, V], T the longest song."""
        ...

    def nats(self, songs: Sequence[Tokens]) -> torch.Tensor:
        """Return the current predictor's bounds for a batch: float [B]; only if `facts.exact` is false."""
        ...

    def stream_scores(self, song: Tokens) -> torch.Tensor | None:
        """Return the scores of one song, token by token: float [T, V]; None without `stream`."""
        ...

    def observe(self, song: Tokens) -> None:
        """Hand a scored song to the current predictor if it has `observe`."""
        ...


class LocalSession:
    """A submission in this process.

    Args:
        submission: constructed, and fitted if it has a `fit`.
        context: what `prepare` is told.
        sealed: folders of songs that it may not read.
        tracker: records the files that it uses.
    """

    sealing = "in the harness's process, its reads through Python watched"

    def __init__(
        self,
        submission: Any,
        context: FitContext,
        sealed: Sequence[Path] = (),
        tracker: Tracker | None = None,
    ) -> None:
        checking.check_submission(submission)
        self._submission = submission
        self._sealed = sealed
        self._tracker = tracker or Tracker(None)
        self._device = context.device
        self._vocab_size = context.vocab_size
        self._predictor: Any = None
        self._checked: set[type] = set()
        self._told = False
        with seeded(context.seed), self._watched():
            if isinstance(submission, SupportsPrepare):
                submission.prepare(context)

    @cached_property
    def facts(self) -> Facts:
        """What the submission says about itself."""
        return describe(self._submission)

    @property
    def predictor(self) -> Any:
        """What `adapt` returned last, to sample from."""
        return self._predictor

    def adapt(self, support: Sequence[Tokens], seed: int) -> float:
        """Replace the current predictor by one for this support; return the seconds it took."""
        songs = tuple(song.copy() for song in support)
        self._predictor = None
        with seeded(seed), torch.enable_grad(), self._watched():
            start = self._clock()
            predictor = self._submission.adapt(songs)
            seconds = self._clock() - start
        if type(predictor) not in self._checked:
            checking.check_predictor(predictor, self._submission)
            self._checked.add(type(predictor))
        self._predictor = predictor
        return seconds

    def scores(self, songs: Sequence[Tokens]) -> torch.Tensor:
        """Return the current predictor's scores for a batch: float [B, T, V], T the longest song."""
        batch = pad(songs, self._device)
        with torch.no_grad(), self._watched():
            raw = self._predictor.logits(batch)
        return checking.as_scores(raw, batch, self._vocab_size, self._predictor)

    def nats(self, songs: Sequence[Tokens]) -> torch.Tensor:
        """Return the current predictor's bounds for a batch: float [B]; only if `facts.exact` is false."""
        with torch.no_grad(), self._watched():
            raw = self._predictor.nats(pad(songs, self._device))
        return checking.as_bound(raw, len(songs), self._predictor)

    def stream_scores(self, song: Tokens) -> torch.Tensor | None:
        """Return the scores of one song, token by token: float [T, V]; None without `stream`."""
        if not isinstance(self._predictor, SupportsStream):
            return None
        with torch.no_grad(), self._watched():
            stream = open_stream(self._predictor, 1, self._vocab_size, self._device)
            fed = torch.tensor([BOS, *song[:-1].tolist()], device=self._device)
            rows = [next_scores(stream, token, self._vocab_size) for token in fed[:, None]]
        return torch.cat(rows)

    @contextmanager
    def scoring(self) -> Iterator[tuple[Any, int, torch.device]]:
        """The current predictor, V and the device, for scoring in another way than `scores`."""
        with torch.no_grad(), self._watched():
            yield self._predictor, self._vocab_size, self._device

    def observe(self, song: Tokens) -> None:
        """Hand a scored song to the current predictor if it has `observe`."""
        if isinstance(self._predictor, SupportsObserve):
            with torch.enable_grad(), self._watched():
                self._predictor.observe(song.copy())

    def new_inputs(self) -> tuple[Input, ...]:
        """Return the files that the submission used since the last call; all of them at first."""
        told, self._told = self._told, True
        return self._tracker.news() if told else self._tracker.inputs()

    def close(self) -> None:
        """Release the submission."""
        self._submission = self._predictor = None

    @contextmanager
    def _watched(self) -> Iterator[None]:
        with watched(self._sealed), recording(self._tracker):
            yield

    def _clock(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return perf_counter()


def describe(submission: Any) -> Facts:
    """Return a submission's optional attributes: name, family, exact, notes, precision, parameters.

    Raises:
        ContractError: `precision` is no floating-point type, or there is no such `budget`.
    """
    text = (type(submission).__doc__ or "").strip()
    precision = getattr(submission, "precision", None)
    if precision is not None and not (isinstance(precision, torch.dtype) and precision.is_floating_point):
        raise checking.ContractError(f"`precision` should be a floating torch.dtype, found {precision!r}")
    budget = getattr(submission, "budget", "open")
    if budget not in get_args(Budget):
        raise checking.ContractError(
            f"`budget` should be one of {', '.join(get_args(Budget))}, found {budget!r}"
        )
    notes = getattr(submission, "notes", {})
    return Facts(
        name=str(getattr(submission, "name", type(submission).__name__)),
        family=str(getattr(submission, "family", "")),
        description=" ".join(text.partition("\n\n")[0].split()),
        exact=checking.is_exact(submission),
        parameters=_parameters(submission),
        precision=str(precision).removeprefix("torch.") if precision is not None else None,
        notes={str(key): plain(value) for key, value in notes.items()} if isinstance(notes, dict) else {},
        ignores_support=getattr(submission, "ignores_support", False) is True,
        budget=cast(Budget, budget),
        outside_data=str(getattr(submission, "outside_data", "")),
        system=getattr(submission, "system", False) is True,
    )


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
