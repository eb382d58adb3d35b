"""Humdrum `**kern` text, read just far enough to check what a converter made of it.

A score is a table: a column ("spine") a part, a line a moment, `.` where a note goes on. Spines split (`*^`),
merge (`*v`), swap (`*x`) and end (`*-`); the number in a note is its length, 4 for a quarter, with dots.

Why check? verovio stretches a bar into which a note of the bar before is held without a tie, as notation
before 1650 has it, and silence creeps in; and where the rhythm of a file is inconsistent, it converts some
thirty bars and drops the rest without a word. Either way the last note comes at the wrong time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

_MOVES = ("*^", "*v", "*x", "*+", "*-")
_LENGTH = re.compile(r"(\d+)(?:%(\d+))?(\.*)")


def mismatch(text: str, midi: bytes) -> float:
    """By what share of its length a conversion is too long or too short; 0 for a quarter note or less."""
    import numpy as np
    from symusic import Score

    score: Any = Score.from_midi(midi, ttype="tick", sanitize_data=True)
    onsets = [part.notes.numpy()["time"] for part in score.tracks if len(part.notes)]
    found = float(np.ptp(np.concatenate(onsets)) / score.ticks_per_quarter) if onsets else 0.0
    expected = span_in_quarters(text)
    off = abs(found - expected)
    return off / max(expected, 1.0) if off > 1 else 0.0


def span_in_quarters(text: str) -> float:
    """From the onset of the first note to that of the last one, in quarter notes, each bar counted once.

    >>> span_in_quarters("**kern\\t**kern\\n4r\\t2e\\n4d\\t.\\n=2\\t=2\\n2c\\t2e\\n2r\\t2d\\n*-\\t*-\\n")
    4.0
    """
    onsets = list(_onsets(text))
    return onsets[-1] - onsets[0] if onsets else 0.0


def _onsets(text: str) -> Iterator[float]:
    """The times at which notes start."""
    now = 0.0
    ends: list[float] = []  # of the last token in each spine
    kinds: Sequence[bool] = []  # which spines are **kern
    for line in text.splitlines():
        first = line[:1]
        if first in ("", "!", "="):
            continue
        tokens = line.split("\t")
        if line.startswith("**"):
            kinds = [token == "**kern" for token in tokens]
            ends = [now] * len(kinds)
        elif first == "*":
            if any(move in line for move in _MOVES):
                origin = _moved(tokens, len(kinds))
                kinds = [any(kinds[i] for i in source) for source in origin]
                ends = [max((ends[i] for i in source), default=now) for source in origin]
        elif len(tokens) >= len(kinds):
            notes = [(i, *_note(tokens[i])) for i, kind in enumerate(kinds) if kind and tokens[i] != "."]
            if notes:
                now = max(now, min([ends[i] for i, _, _ in notes]))
                for i, length, _ in notes:
                    ends[i] = now + length
                if any(starts for _, _, starts in notes):
                    yield now


def _moved(tokens: Sequence[str], width: int) -> list[list[int]]:
    """For each spine after a line of moves, the spines that it came from."""
    origin: list[list[int]] = []
    for i, token in enumerate(tokens[:width]):
        if token == "*^":
            origin += [[i], [i]]
        elif token == "*v" and i and tokens[i - 1] == "*v":
            origin[-1].append(i)
        elif token == "*x" and i and tokens[i - 1] == "*x" and origin[-1] == [i - 1]:
            origin[-1:] = [[i], [i - 1]]
        elif token == "*+":
            origin += [[i], []]
        elif token != "*-":
            origin.append([i])
    return origin


@lru_cache(maxsize=1 << 16)
def _note(token: str) -> tuple[float, bool]:
    """Length in quarters of a note, chord or rest (0 for grace notes), and whether a note starts."""
    first = token.partition(" ")[0]
    found = _LENGTH.search(first)
    if not found or "q" in first.lower():
        return 0.0, False
    number, dots = found[1], len(found[3])
    whole = 4 / int(number) if int(number) else 4.0 * 2 ** len(number)
    return whole * int(found[2] or 1) * (2 - 0.5**dots), "r" not in first and not re.search(r"[]_]", first)
