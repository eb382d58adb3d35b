"""Compare results of the same episodes: which model is best, by how much, and which are tied with it.

Two results are compared artist by artist (`statistics.paired`): their difference has an interval, and a
p-value from the sign-flip test. The p-values of one table are Holm-corrected together. A result is tied
with the best if it is not significantly worse at 5% after the correction.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple

from fsdl_bench.codecs.base import Unit
from fsdl_bench.errors import BadInput
from fsdl_bench.frozen import Frozen
from fsdl_bench.results import Scoring, StoredResult, artist_figures, in_unit, read_result
from fsdl_bench.statistics import LEVEL, Difference, Estimate, Floats, holm, paired_with


class Compared(Frozen):
    """One of the compared results.

    Attributes:
        name: the file's name, or its path if two files share a name.
        exact: false for an upper bound, which is never the best.
        nll: NLL at the compared number of shots, in the track's unit.
        gain: NLL at zero shots minus `nll`.
        control_gain: NLL with the wrong artist's support minus `nll`; at the headline shot only.
        difference: this result minus the reference, paired by artist; None for the reference itself.
        p: the Holm-corrected p-value of that difference.
        tied: whether this result is not significantly worse than the best.
    """

    name: str
    exact: bool
    nll: Estimate
    gain: Estimate | None
    control_gain: Estimate | None
    difference: Estimate | None
    p: float | None
    tied: bool


class Comparison(Frozen):
    """Results of one track and protocol at one number of shots, best first; bounds after exact results."""

    track: str
    protocol: Scoring
    unit: Unit
    shots: int
    artists: int
    best: str
    reference: str
    results: tuple[Compared, ...]


def compare(
    results: Sequence[StoredResult | str | os.PathLike[str]],
    *,
    shots: int | None = None,
    against: str | None = None,
) -> Comparison:
    """Compare results at one number of shots.

    Args:
        results: two or more results with the same track digest, episodes, split and protocol; or their files.
        shots: K; the headline shot by default.
        against: the name of the reference that differences are taken to; the best result by default.

    Raises:
        BadInput: there are fewer than two results, one is a smoke run, they differ in songs or protocol, or
            a name or a number of shots is unknown.
    """
    stored = [one if isinstance(one, StoredResult) else read_result(one) for one in results]
    named = _named(stored)
    check_comparable(named)
    first = stored[0].result
    at = first.track.headline_shot if shots is None else shots
    figures = {name: figures_by_artist(name, one, at) for name, one in named.items()}
    if against is not None and against not in named:
        raise BadInput(f"--against: expected one of {', '.join(named)}, found {against}")
    exact = {name for name, one in named.items() if one.result.submission.exact}
    order = rank(figures, exact=exact, against=against)
    return Comparison(
        track=first.track.name,
        protocol=first.protocol,
        unit=first.track.unit,
        shots=at,
        artists=first.aggregates.artists,
        best=order[0].name,
        reference=against or order[0].name,
        results=tuple(_compared(named[ranked.name], at, ranked) for ranked in order),
    )


class Ranked(NamedTuple):
    """One result of a ranking: its difference to the reference, None for that itself, and if it is tied."""

    name: str
    difference: Difference | None
    tied: bool


def rank(
    figures: Mapping[str, Floats],
    *,
    exact: Container[str],
    against: str | None = None,
    pairs: Pairs | None = None,
) -> list[Ranked]:
    """Rank figures by artist [A], the lowest mean first; upper bounds after exact results.

    Args:
        figures: the name of a result -> its NLL of each artist, the same artists in each.
        exact: the names that are no upper bounds.
        against: the reference of the differences; the best by default.
        pairs: the differences that are known, for rankings of the same figures.
    """
    known = Pairs(figures) if pairs is None else pairs
    ranked = sorted(figures, key=lambda name: (name not in exact, figures[name].mean()))
    if not ranked:
        return []
    differences = known.against(against or ranked[0], ranked)
    told_apart = known.against(ranked[0], ranked)
    return [
        Ranked(name, differences.get(name), name == ranked[0] or told_apart[name].p >= LEVEL)
        for name in ranked
    ]


class Pairs:
    """Differences between figures by artist; each pair is compared once."""

    def __init__(self, figures: Mapping[str, Floats]) -> None:
        self.figures = figures
        self._known: dict[tuple[str, str], Difference] = {}

    def against(self, reference: str, names: Sequence[str]) -> dict[str, Difference]:
        """Return the difference of every other result to the reference, with Holm-corrected p."""
        others = [name for name in names if name != reference]
        new = [name for name in others if (name, reference) not in self._known]
        compared = paired_with([self.figures[name] for name in new], self.figures[reference])
        self._known |= {(name, reference): one for name, one in zip(new, compared, strict=True)}
        found = [self._known[name, reference] for name in others]
        corrected = holm([difference.p for difference in found])
        return {
            name: Difference(difference.estimate, p)
            for name, difference, p in zip(others, found, corrected, strict=True)
        }


def _named(results: Sequence[StoredResult]) -> dict[str, StoredResult]:
    if len(results) < 2:
        raise BadInput(f"compare: expected two results or more, found {len(results)}")
    counts = Counter(stored.name for stored in results)
    named = {str(s.path) if counts[s.name] > 1 else s.name: s for s in results}
    if len(named) < len(results):
        raise BadInput("compare: the same file is given twice")
    return named


def check_comparable(named: Mapping[str, StoredResult]) -> None:
    """Refuse results that cannot be compared.

    Raises:
        BadInput: one is a smoke run, or they differ in songs or protocol.
    """
    for name, stored in named.items():
        if stored.result.smoke:
            raise BadInput(
                f"{name} is a smoke run (--limit): it scored only some episodes and cannot be compared"
            )
    (first_name, first), *others = ((name, stored.result) for name, stored in named.items())
    songs = _songs(named[first_name])
    for name, other in others:
        pairs = [("protocol", first.protocol, other.protocol)]
        pairs += [
            (f"track.{field}", getattr(first.track, field), getattr(other.track, field))
            for field in type(first.track).model_fields
        ]
        for field, one, two in pairs:
            if one != two:
                raise BadInput(
                    f"{first_name} and {name} differ in {field}: {one} and {two}. Results are comparable "
                    "only if the same songs were scored given the same support under the same protocol."
                )
        if songs != _songs(named[name]):
            raise BadInput(
                f"{first_name} and {name} name the same episodes, but their song rows differ in songs"
            )


def _songs(stored: StoredResult) -> set[tuple[str, int, str]]:
    names = stored.rows[["artist", "episode", "song_id"]].drop_duplicates()
    return set(names.astype(object).itertuples(index=False, name=None))


def figures_by_artist(name: str, stored: StoredResult, shots: int) -> Floats:
    """Return the NLL of each artist [A], in the track's unit; `name` is the result's name in messages.

    Raises:
        BadInput: the result has no scores at this number of shots.
    """
    try:
        _, figures = artist_figures(stored.rows, shots=shots)
    except ValueError:
        there = ", ".join(str(shot.shots) for shot in stored.result.aggregates.shots)
        raise BadInput(f"{name} has no scores at {shots} shots; expected one of {there}") from None
    return figures * in_unit(stored.result.track.unit)


def _compared(stored: StoredResult, shots: int, ranked: Ranked) -> Compared:
    result, difference = stored.result, ranked.difference
    summary = next(shot for shot in result.aggregates.shots if shot.shots == shots)
    control = result.aggregates.control
    return Compared(
        name=ranked.name,
        exact=result.submission.exact,
        nll=summary.nll,
        gain=summary.gain,
        control_gain=control.gain if control is not None and control.shots == shots else None,
        difference=difference.estimate if difference else None,
        p=difference.p if difference else None,
        tied=ranked.tied,
    )
