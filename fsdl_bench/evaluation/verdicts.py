"""From the checks of a run to one verdict for each rule, and how many checks a complete run makes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fsdl_bench.errors import RuleBreach
from fsdl_bench.evaluation.audit import MEANING, Check
from fsdl_bench.evaluation.draws import planned
from fsdl_bench.evaluation.rounding import lean
from fsdl_bench.results import AuditVerdict

SEALED, FULL, FINITE = "sealed songs", "a full distribution", "a finite bound"
"""Rules that every song of every run is checked for: the first, and one of the others."""

BY_CONSTRUCTION = ("strict causality", "score before update", "one pass", "state")
"""Rules that hold for every song of a verified run without an audit."""


def verdicts(checks: Sequence[Check], note: str) -> tuple[AuditVerdict, ...]:
    """Return one verdict for each rule, over checks that all held; `note` is added to each.

    Raises:
        RuleBreach: the differences at all cuts lean to one side by more than rounding explains.
    """
    cuts = np.array([cut for check in checks for cut in check.cuts])
    if lean(cuts):
        raise RuleBreach("causality", f"Over {len(cuts)} cuts together, {MEANING['causality']}.")
    found = []
    for rule in dict.fromkeys(check.rule for check in checks):
        same = [check for check in checks if check.rule == rule]
        worst = max(same, key=lambda check: check.worst / check.allowed)
        songs = sum(check.songs for check in same)
        found.append(_held(rule, songs, worst.worst, worst.allowed, f"{worst.where}; {note}"))
    return tuple(found)


def least_checks(mode: str, cells: int, seeds: int, songs: int, *, exact: bool) -> dict[str, int]:
    """Return how many checks of each rule a complete run makes at least.

    Args:
        mode: "batched" or "verified".
        cells: of one seed.
        seeds: the number of seeds.
        songs: the number of song rows of all seeds.
        exact: whether the submission gives scores, not bounds.
    """
    always = (SEALED, FULL if exact else FINITE)
    if mode == "verified":
        return dict.fromkeys((*always, *BY_CONSTRUCTION), songs)
    audits = planned(cells)
    if exact:
        audits["scorer"] = audits["determinism"]
    else:
        del audits["causality"]
    return {rule: count * seeds for rule, count in audits.items()} | dict.fromkeys(always, songs)


def _held(rule: str, checks: int, worst: float, allowed: float, detail: str) -> AuditVerdict:
    return AuditVerdict(rule=rule, passed=True, checks=checks, worst=worst, tolerance=allowed, detail=detail)
