"""Rank the results of one track and protocol at every number of shots.

Ranked are acceptable results with exact likelihoods that the maintainers have verified, except the family
`reference`: those models know the truth, or nothing at all. A folder of results without `verified.toml` is
private, and nobody verifies there; every acceptable result is ranked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from fsdl_bench.comparison import Pairs, check_comparable, figures_by_artist, rank
from fsdl_bench.errors import BadInput
from fsdl_bench.results import StoredResult, check_acceptable
from fsdl_bench.site.verified import Verified
from fsdl_bench.site.view import BASELINE, BUDGETS, ClassPlacing, Placing, Standing
from fsdl_bench.statistics import Estimate

REFERENCE = "reference"
"""The family whose results are shown on a board without a rank."""


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
) -> list[Placed]:
    """Rank the results of one track and protocol; best first at the headline shot.

    Args:
        results: the results of one track and protocol.
        digest: the frozen digest of the track; "" if it has none.
        verified: the entries of `verified.toml`; None if there is no such file.

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
    placings = _placings({slug: one.stored for slug, one in ranked.items()})
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
    headline = placed.stored.result.headline
    return headline.nll.mean if headline else float("inf")


def _placings(ranked: Mapping[str, StoredResult]) -> dict[str, list[Placing]]:
    """The placings of each ranked result, by its slug."""
    placings: dict[str, list[Placing]] = {slug: [] for slug in ranked}
    if len(ranked) > 1:
        check_comparable(ranked)
    for shots in sorted({shot.shots for one in ranked.values() for shot in one.result.aggregates.shots}):
        figures = {
            slug: figures_by_artist(slug, stored, shots)
            for slug, stored in ranked.items()
            if any(shot.shots == shots for shot in stored.result.aggregates.shots)
        }
        against, pairs = BASELINE if BASELINE in figures else None, Pairs(figures)
        classes: dict[str, tuple[ClassPlacing, ...]] = dict.fromkeys(figures, ())
        for number, budget in enumerate(BUDGETS, start=1):
            own = {k: v for k, v in figures.items() if ranked[k].result.submission.budget in BUDGETS[:number]}
            for place, one in enumerate(rank(own, exact=own, pairs=pairs), start=1):
                classes[one.name] += (ClassPlacing(budget=budget, rank=place, tied=one.tied),)
        for place, one in enumerate(rank(figures, exact=figures, against=against, pairs=pairs), start=1):
            over = one.difference if against else None
            placings[one.name].append(
                Placing(
                    shots=shots,
                    rank=place,
                    tied=one.tied,
                    over_baseline=_negative(over.estimate) if over else None,
                    p=over.p if over else None,
                    classes=classes[one.name],
                )
            )
    return placings


def _negative(difference: Estimate) -> Estimate:
    low, high = difference.low, difference.high
    return Estimate(
        mean=-difference.mean,
        low=None if high is None else -high,
        high=None if low is None else -low,
    )
