"""Run a submission in a process of its own, which gets the songs to be scored and nothing else.

    harness ──support, songs──▶ child: adapt, logits ──raw scores──▶ harness: normalises, counts, records

The child starts in an empty folder with a scrubbed environment (`process`), inside a wall of namespaces
(`bubblewrap`) and locked in by the kernel (`landlock`), as far as the system offers these. It can read
Python, its own folder, the files that its arguments name and, while it fits, the training and validation
songs; no test song, no source archive, no network. The submission is imported, constructed, fitted and called
in children only, and what comes back is read as plain numbers, never unpickled.

The submission is handed each query song whole, as `logits` needs it; the causality audit checks that no score
depends on later tokens. The fresh copy of the `state` audit is another process, which has not met the true
songs before the redrawn ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import torch
from pydantic import TypeAdapter, ValidationError

from fsdl_bench.codecs.base import Tokens
from fsdl_bench.errors import BadInput
from fsdl_bench.submissions.checking import ContractError
from fsdl_bench.submissions.context import FitContext
from fsdl_bench.submissions.fitting import FIT, cached_fit
from fsdl_bench.submissions.inputs import Input
from fsdl_bench.submissions.process import Child
from fsdl_bench.submissions.session import Facts
from fsdl_bench.submissions.setup import Setup
from fsdl_bench.submissions.stored import Record, read_record

_SHARED = Path("/dev/shm")
"""For the workers of a fit; closed while scoring, so that no process leaves a note for the next."""

_FACTS = TypeAdapter(Facts)
_INPUTS = TypeAdapter(tuple[Input, ...])


class OpenedChild:
    """A submission that a process of its own has loaded, with its fit; `session.Opened`.

    Args:
        setup: the submission and its track.
        context: the context that `prepare` is given.
        record: of the submission's fit; None if it has no `fit`.
        threads: of torch.
    """

    where = "in a process of its own"
    """What keeps the submission apart, in words."""

    def __init__(self, setup: Setup, context: FitContext, record: Record | None, threads: int) -> None:
        self._setup, self._context, self._record, self._threads = setup, context, record, threads
        self._vocab_size = context.vocab_size
        self._inputs = record.inputs if record else ()
        self._child, self.facts = self._open()
        self.sealing = f"{self.where}, {self._child.sealing}"

    def _open(self) -> tuple[Child, Facts]:
        loaded, folder, parts = self._setup.loaded, self._context.checkpoints.parent, self._context.parts
        stored = None if self._record is None else folder
        child = Child(loaded.places, [] if stored is None else [stored], [], self._setup.sealed)
        ignored = (folder, *([parts.folder] if parts else []), *self._setup.sealed)
        try:
            child.load(loaded, ignored, self._threads)
            child.send("open", stored, replace(self._context, log=print))
            return child, facts_of(child.answer()["facts"])
        except BaseException:
            child.close()
            raise

    def new_inputs(self) -> tuple[Input, ...]:
        """Return the files that the submission used since the last call; all of them at first."""
        self._child.send("inputs")
        found = (*self._inputs, *inputs_of(self._child.answer()["inputs"]))
        self._inputs = ()
        return found

    def close(self) -> None:
        """End the process."""
        self._child.close()


class ChildSession(OpenedChild):
    """A submission in a process of its own; a `Session`. The arguments are those of `OpenedChild`."""

    def __init__(self, setup: Setup, context: FitContext, record: Record | None) -> None:
        super().__init__(setup, context, record, torch.get_num_threads())

    def adapt(self, support: Sequence[Tokens], seed: int) -> float:
        """Replace the current predictor by one for this support; return the seconds it took."""
        start = perf_counter()
        self._child.send("adapt", tuple(support), seed)
        self._child.answer()
        return perf_counter() - start

    def scores(self, songs: Sequence[Tokens]) -> torch.Tensor:
        """Return the current predictor's scores for a batch: float [B, T, V], T the longest song."""
        self._child.send("scores", tuple(songs))
        return self._child.tensor((len(songs), max(map(len, songs)), self._vocab_size))

    def nats(self, songs: Sequence[Tokens]) -> torch.Tensor:
        """Return the current predictor's bounds for a batch: float [B]; only if `facts.exact` is false."""
        self._child.send("nats", tuple(songs))
        return self._child.tensor((len(songs),))

    def stream_scores(self, song: Tokens) -> torch.Tensor | None:
        """Return the scores of one song, token by token: float [T, V]; None without `stream`."""
        self._child.send("stream", song)
        return self._child.tensor((len(song), self._vocab_size)) if self._child.answer()["offered"] else None

    def observe(self, song: Tokens) -> None:
        """Hand a scored song to the current predictor if it has `observe`."""
        self._child.send("observe", song)
        self._child.answer()


def fitted_in_child(setup: Setup, context: FitContext) -> Record | None:
    """Fit in a process of its own unless a fit is cached; return the fit's record, None without a `fit`.

    Raises:
        BadInput: the submission breaks the contract, or its fit cannot be stored.
    """
    loaded, folder = setup.loaded, context.checkpoints.parent
    record = cached_fit(setup, context)
    if record is not None:
        return record
    write = [folder, *([context.parts.folder] if context.parts else [])]
    for place in write:
        place.mkdir(parents=True, exist_ok=True)
    files = [path for split in setup.splits for path in split._arrays.files]
    child = Child(loaded.places, files, [*write, _SHARED], setup.sealed)
    try:
        ignored = (*write, *setup.sealed)
        child.load(loaded, ignored, torch.get_num_threads())
        child.send("fit", folder, setup.splits, replace(context, log=print))
        if not child.answer(None)["fits"]:
            return None
    finally:
        child.close()
    record = read_record(folder / FIT)
    if record is None:
        raise BadInput(f"{folder}: the fit was stored and cannot be read back")
    return record


def facts_of(answer: object) -> Facts:
    """Return the child's facts about the submission, checked."""
    try:
        facts = _FACTS.validate_python(answer)
        dtype = facts.dtype
    except (ValidationError, AttributeError) as error:
        raise ContractError(f"the submission's process sent facts of the wrong form: {error}") from None
    if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise ContractError(f"the submission's process sent {facts.precision!r} as its `precision`")
    return facts


def inputs_of(answer: object) -> tuple[Input, ...]:
    """Return the child's list of the files it used, checked."""
    try:
        return _INPUTS.validate_python(answer)
    except ValidationError as error:
        raise ContractError(f"the submission's process sent inputs of the wrong form: {error}") from None
