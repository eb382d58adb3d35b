"""The verdict on one rule of the leaderboard."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of the check of one rule.

    Attributes:
        rule: the rule's name.
        passed: whether the result passes; None if it could not be checked.
        detail: what was found, in words.
    """

    rule: str
    passed: bool | None
    detail: str
