"""Score cells in several processes, each with a session of its own; or on a Ray cluster.

    items ──engine──▶ worker: one scorer, opened once ──entries──▶ journal, in the order of the items

`FSDL_BENCH_ENGINE=ray` sends the items to a cluster whose nodes share FSDL_BENCH_HOME and the submission's
folder. An item whose worker was lost is given to another one. Scores do not depend on the number of workers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from fsdl_bench import engine
from fsdl_bench.errors import BadInput
from fsdl_bench.evaluation.entries import CellEntry

TRIES = 3
"""The number of times that an item is given to a worker before the run gives up."""


class Scorer(Protocol):
    """Scores items of one seed."""

    def __call__(self, item: Any, /) -> Sequence[CellEntry]:
        """Return the entries of an item."""
        ...

    def close(self) -> None:
        """Release the session."""
        ...


def here(workers: int) -> bool:
    """Whether the items are scored in this process."""
    return workers == 1 and os.environ.get("FSDL_BENCH_ENGINE", "").lower() != "ray"


def scored(make: Callable[[], Scorer], items: Sequence[Any], workers: int) -> Iterator[Sequence[CellEntry]]:
    """Yield the entries of every item, in order but for items whose worker was lost.

    Args:
        make: opens a scorer; sent to every worker unless the items are scored `here`.
        items: what the scorer is called with.
        workers: how many processes.

    Raises:
        BadInput: an item's worker was lost `TRIES` times.
        Exception: whatever the scorer raises.
    """
    if here(workers):
        scorer = make()
        try:
            yield from map(scorer, items)
        finally:
            scorer.close()
        return
    waiting = list(items)
    for _ in range(TRIES):
        outcomes = engine.run(_score, waiting, workers=workers, initializer=_open, initargs=(make,))
        lost, why = [], ""
        for item, outcome in zip(waiting, outcomes, strict=True):
            if isinstance(outcome, engine.Failure):
                lost.append(item)
                why = f"{outcome.reason}: {outcome.detail}"
            else:
                yield outcome
        if not lost:
            return
        waiting = lost
    raise BadInput(f"{len(waiting)} cells could not be scored; the last worker {why}")


_scorer: Scorer


def _open(make: Callable[[], Scorer]) -> None:
    """Open the scorer of a worker; it lives as long as the worker."""
    global _scorer
    _scorer = make()


def _score(item: Any) -> Sequence[CellEntry]:
    return _scorer(item)
