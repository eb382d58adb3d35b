"""Records: the history of the best verified result in each budget class.

A class holds the results of its own budget and of smaller ones. The first verified result of a class is its
first record. A later one is a record if it beats the best before it

    by at least 0.3 % of its NLL, and
    with p < 0.05 in the test paired by artist, Holm-corrected over all results of the class so far.

Results with outside data are in no class, and neither are those without the headline's number of shots.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from fsdl_bench.comparison import compare
from fsdl_bench.results import StoredResult
from fsdl_bench.site.verified import Verified
from fsdl_bench.site.view import BUDGETS, Budget, Record
from fsdl_bench.statistics import LEVEL

LEAST = 0.003
"""A record is better than the former one by at least this share of its NLL."""


def records(results: Sequence[tuple[StoredResult, Verified]]) -> Iterator[Record]:
    """Yield the records of one track and protocol, class by class, in the order of their dates.

    Args:
        results: the verified results with exact likelihoods, references left out, each with its entry.
    """
    for place, budget in enumerate(BUDGETS):
        own = [
            (stored, entry)
            for stored, entry in results
            if stored.result.submission.budget in BUDGETS[: place + 1]
            and not stored.result.submission.outside_data
            and stored.result.headline
        ]
        yield from _of_class(budget, sorted(own, key=lambda pair: (pair[1].date, pair[1].model)))


def _of_class(budget: Budget, results: Sequence[tuple[StoredResult, Verified]]) -> Iterator[Record]:
    best: StoredResult | None = None
    for count, (stored, entry) in enumerate(results):
        gain = p = None
        if best is not None:
            so_far = [replace(one, path=Path(f"{index}.json")) for index, (one, _) in enumerate(results)]
            against = next(index for index, (one, _) in enumerate(results) if one is best)
            found = compare(so_far[: count + 1], against=str(against))
            mine = next(one for one in found.results if one.name == str(count))
            assert mine.difference is not None, "the new result is not the reference"
            gain, p = -mine.difference.mean, mine.p
            if gain < LEAST * (mine.nll.mean + gain) or p is None or p >= LEVEL:
                continue
        best = stored
        yield _record(budget, stored, entry.date, gain, p)


def _record(
    budget: Budget, stored: StoredResult, date: datetime.date, gain: float | None, p: float | None
) -> Record:
    headline = stored.result.headline
    assert headline is not None, "results without it are in no class"
    name = stored.result.submission.name
    return Record(budget=budget, date=date.isoformat(), model=name, nll=headline.nll, gain=gain, p=p)
