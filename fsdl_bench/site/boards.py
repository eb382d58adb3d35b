"""Rank the results of one track and protocol at every number of shots.

Ranked are acceptable results with exact likelihoods that the maintainers have verified, except the family
`reference`: those models know the truth, or nothing at all. A folder of results without `verified.toml` is
private, and nobody verifies there; every acceptable result is ranked. Comparing the results of a large board
takes minutes, so comparisons are cached under FSDL_BENCH_HOME; the key of a comparison is a hash of all that
it depends on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from fsdl_bench import fingerprint
from fsdl_bench.checked import read_checked, write_checked
from fsdl_bench.comparison import Compared, Comparison, compare
from fsdl_bench.errors import BadInput
from fsdl_bench.paths import home
from fsdl_bench.progress import note
from fsdl_bench.results import StoredResult, check_acceptable
from fsdl_bench.site.verified import Verified
from fsdl_bench.site.view import BASELINE, BUDGETS, ClassPlacing, Placing, Standing
from fsdl_bench.statistics import Estimate
from fsdl_bench.versions import package_versions

REFERENCE = "reference"
"""The family whose results are shown on a board without a rank."""

_COMPARED: Mapping[str, bool | set[str]] = {
    **dict.fromkeys(("track", "protocol", "smoke", "aggregates"), True),
    "submission": {"exact"},
}
"""The fields of a result, beside its rows, that a comparison is computed from."""


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A result, whether it is ranked or why not, and its placings."""

    slug: str
    stored: StoredResult
    standing: Standing
    reason: str
    verified: Verified | None = None
    placings: tuple[Placing, ...] = ()


def slug_of(name: str) -> str:
    """Return a model's name as part of a file name: lower-case letters, digits, dots and dashes."""
    return re.sub(r"[^a-z0-9.]+", "-", name.casefold()).strip("-.") or "model"


def place(
    results: Sequence[StoredResult],
    digest: str,
    *,
    verified: Sequence[Verified] | None = None,
    progress: bool = True,
) -> list[Placed]:
    """Rank the results of one track and protocol; best first at the headline shot.

    Args:
        results: the results of one track and protocol.
        digest: the frozen digest of the track; "" if it has none.
        verified: the entries of `verified.toml`; None if there is no such file.
        progress: whether to say on stderr that a damaged comparison is computed again.

    Raises:
        BadInput: two results have the same model name.
    """
    placed: dict[str, Placed] = {}
    for stored in results:
        slug = slug_of(stored.result.submission.name)
        if slug in placed:
            raise BadInput(
                f"{placed[slug].stored.path} and {stored.path} have the same model name, "
                f"{stored.result.submission.name!r}. Evaluate one of them with another --name."
            )
        standing, reason = _standing(stored, digest)
        entry = next((one for one in verified or () if one.names(stored.result)), None)
        if standing == "ranked" and verified is not None and entry is None:
            standing = "unverified"
        placed[slug] = Placed(slug, stored, standing, reason, entry)
    _refuse_other_episodes(placed)
    ranked = {slug: one for slug, one in placed.items() if one.standing == "ranked"}
    placings = _placings({slug: one.stored for slug, one in ranked.items()}, progress)
    found = [replace(one, placings=tuple(placings.get(slug, ()))) for slug, one in placed.items()]
    order = get_args(Standing)
    return sorted(found, key=lambda one: (order.index(one.standing), _headline(one), one.slug))


def _standing(stored: StoredResult, digest: str) -> tuple[Standing, str]:
    try:
        check_acceptable(stored)
    except BadInput as error:
        return "refused", str(error).removeprefix(f"{stored.path} ")
    if digest and stored.result.track.digest != digest:
        return "refused", f"was scored on other data (digest {stored.result.track.digest[:16]})"
    if stored.result.submission.family == REFERENCE:
        return "reference", ""
    return ("ranked", "") if stored.result.submission.exact else ("bound", "")


def _refuse_other_episodes(placed: dict[str, Placed]) -> None:
    """Refuse results with other episodes than the majority: they cannot be compared."""
    standing = {slug: one for slug, one in placed.items() if one.standing != "refused"}
    tracks = [one.stored.result.track for one in standing.values()]
    if not tracks:
        return
    usual = max(tracks, key=tracks.count)
    for slug, one in standing.items():
        if one.stored.result.track != usual:
            placed[slug] = replace(one, standing="refused", reason="was scored on other episodes")


def _headline(placed: Placed) -> float:
    """The NLL at the headline shot; inf without it, so that such results come last."""
    result = placed.stored.result
    shots = (shot for shot in result.aggregates.shots if shot.shots == result.track.headline_shot)
    return next((shot.nll.mean for shot in shots), float("inf"))


def _placings(ranked: Mapping[str, StoredResult], progress: bool) -> dict[str, list[Placing]]:
    """The placings of each ranked result, by its slug."""
    placings: dict[str, list[Placing]] = {slug: [] for slug in ranked}
    for shots in sorted({shot.shots for one in ranked.values() for shot in one.result.aggregates.shots}):
        there = {
            slug: replace(stored, path=Path(f"{slug}.json"))  # the comparison names results by their files
            for slug, stored in ranked.items()
            if any(shot.shots == shots for shot in stored.result.aggregates.shots)
        }
        classes = _classes(there, shots, progress)
        if len(there) == 1:
            (slug,) = there
            only = Placing(shots=shots, rank=1, tied=True, over_baseline=None, p=None, classes=classes[slug])
            placings[slug].append(only)
            continue
        for rank, one in enumerate(_compared(there, shots, progress), start=1):
            placings[one.name].append(_placing(shots, rank, one, classes[one.name], BASELINE in there))
    return placings


def _classes(
    results: Mapping[str, StoredResult], shots: int, progress: bool
) -> dict[str, tuple[ClassPlacing, ...]]:
    """The ranks of each result in its budget class and in the larger ones."""
    found: dict[str, tuple[ClassPlacing, ...]] = dict.fromkeys(results, ())
    for place, budget in enumerate(BUDGETS):
        smaller = BUDGETS[: place + 1]
        own = {slug: one for slug, one in results.items() if one.result.submission.budget in smaller}
        if len(own) == 1:
            order = [(next(iter(own)), True)]
        else:
            order = [(one.name, one.tied) for one in _compared(own, shots, progress)] if own else []
        for rank, (slug, tied) in enumerate(order, start=1):
            found[slug] += (ClassPlacing(budget=budget, rank=rank, tied=tied),)
    return found


def _placing(
    shots: int, rank: int, one: Compared, classes: tuple[ClassPlacing, ...], baseline: bool
) -> Placing:
    over = one.difference if baseline else None
    return Placing(
        shots=shots,
        rank=rank,
        tied=one.tied,
        over_baseline=_negative(over) if over else None,
        p=one.p if baseline else None,
        classes=classes,
    )


def _negative(difference: Estimate) -> Estimate:
    low, high = difference.low, difference.high
    return Estimate(
        mean=-difference.mean,
        low=None if high is None else -high,
        high=None if low is None else -low,
    )


def _compared(results: Mapping[str, StoredResult], shots: int, progress: bool) -> Iterable[Compared]:
    """Compare results with each other and the baseline, or load the comparison from the cache."""
    against = BASELINE if BASELINE in results else None
    compared = [
        [slug, one.result.rows.sha256, one.result.model_dump(mode="json", include=_COMPARED)]
        for slug, one in sorted(results.items())
    ]
    code = fingerprint.modules("fsdl_bench.comparison")
    libraries = package_versions(("numpy", "scipy"))
    named = fingerprint.key(compared, shots, against, code, libraries)
    kept = home() / "cache" / "comparisons" / f"{named}.json"
    if (data := read_checked(kept)) is not None:
        return Comparison.model_validate_json(data).results
    if kept.exists():
        note(f"{kept} is damaged; its results are compared again.", progress)
    found = compare(list(results.values()), shots=shots, against=against)
    with write_checked(kept) as temporary:
        temporary.write_text(found.model_dump_json(), "utf-8")
    return found.results
