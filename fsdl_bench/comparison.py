"""Compare results of the same episodes: which model is best, by how much, and which are tied with it.

Two results are compared artist by artist (`statistics.paired`): their difference has an interval, and a
p-value from the sign-flip test. The p-values of one table are Holm-corrected together. A result is tied
with the best if it is not significantly worse at 5% after the correction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fsdl_bench.codecs.base import Unit
from fsdl_bench.errors import BadInput
from fsdl_bench.frozen import Frozen
from fsdl_bench.results import Scoring, StoredResult, artist_figures, in_unit
from fsdl_bench.statistics import LEVEL, Difference, Estimate, Floats, holm, paired


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
    results: Sequence[StoredResult], *, shots: int | None = None, against: str | None = None
) -> Comparison:
    """Compare results at one number of shots.

    Args:
        results: two or more results with the same track digest, episodes, split and protocol.
        shots: K; the headline shot by default.
        against: the name of the reference that differences are taken to; the best result by default.

    Raises:
        BadInput: there are fewer than two results, one is a smoke run, they differ in songs or protocol, or
            a name or a number of shots is unknown.
    """
    named = _named(results)
    _check_comparable(named)
    first = results[0].result
    at = first.track.headline_shot if shots is None else shots
    figures = {name: _figures(name, stored, at) for name, stored in named.items()}
    exact = {name: stored.result.submission.exact for name, stored in named.items()}
    ranked = sorted(named, key=lambda name: (not exact[name], figures[name].mean()))
    reference = ranked[0] if against is None else against
    if reference not in named:
        raise BadInput(f"--against: expected one of {', '.join(named)}, found {reference}")
    differences = _against(reference, ranked, figures)
    told_apart = differences if reference == ranked[0] else _against(ranked[0], ranked, figures)
    return Comparison(
        track=first.track.name,
        protocol=first.protocol,
        unit=first.track.unit,
        shots=at,
        artists=first.aggregates.artists,
        best=ranked[0],
        reference=reference,
        results=tuple(
            _compared(
                name,
                named[name],
                at,
                differences.get(name),
                tied=name == ranked[0] or told_apart[name].p >= LEVEL,
            )
            for name in ranked
        ),
    )


def _named(results: Sequence[StoredResult]) -> dict[str, StoredResult]:
    if len(results) < 2:
        raise BadInput(f"compare: expected two results or more, found {len(results)}")
    counts = Counter(stored.name for stored in results)
    named = {str(s.path) if counts[s.name] > 1 else s.name: s for s in results}
    if len(named) < len(results):
        raise BadInput("compare: the same file is given twice")
    return named


def _check_comparable(named: dict[str, StoredResult]) -> None:
    """Refuse smoke runs, and results that differ in songs or protocol."""
    for name, stored in named.items():
        if stored.result.smoke:
            raise BadInput(
                f"{name} is a smoke run (--limit): it scored only some episodes and cannot be compared"
            )
    (first_name, first), *others = ((name, stored.result) for name, stored in named.items())
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
        if _songs(named[first_name]) != _songs(named[name]):
            raise BadInput(
                f"{first_name} and {name} name the same episodes, but their song rows differ in songs"
            )


def _songs(stored: StoredResult) -> set[tuple[str, int, str]]:
    return set(zip(*(stored.rows[column] for column in ("artist", "episode", "song_id")), strict=True))


def _figures(name: str, stored: StoredResult, shots: int) -> Floats:
    """NLL of each artist [A], in the track's unit."""
    try:
        _, figures = artist_figures(stored.rows, shots=shots)
    except ValueError:
        there = ", ".join(str(shot.shots) for shot in stored.result.aggregates.shots)
        raise BadInput(f"{name} has no scores at {shots} shots; expected one of {there}") from None
    return figures * in_unit(stored.result.track.unit)


def _against(reference: str, names: Sequence[str], figures: dict[str, Floats]) -> dict[str, Difference]:
    """The difference of every other result to the reference, with Holm-corrected p."""
    others = [name for name in names if name != reference]
    found = [paired(figures[name], figures[reference]) for name in others]
    corrected = holm([difference.p for difference in found])
    return {
        name: Difference(difference.estimate, p)
        for name, difference, p in zip(others, found, corrected, strict=True)
    }


def _compared(
    name: str, stored: StoredResult, shots: int, difference: Difference | None, *, tied: bool
) -> Compared:
    result = stored.result
    summary = next(shot for shot in result.aggregates.shots if shot.shots == shots)
    control = result.aggregates.control
    return Compared(
        name=name,
        exact=result.submission.exact,
        nll=summary.nll,
        gain=summary.gain,
        control_gain=control.gain if control is not None and control.shots == shots else None,
        difference=difference.estimate if difference else None,
        p=difference.p if difference else None,
        tied=tied,
    )
