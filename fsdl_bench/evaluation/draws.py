"""The random choices of an audit: which cells are audited, and how a song is redrawn."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import numpy as np

from fsdl_bench.codecs.base import EOS, Tokens

SHARE = 0.05
"""At most this share of a run's cells is scored again."""

TURNS = ("determinism", "independence", "causality", "causality")
"""The order of the audits. A fault that breaks one of them breaks the later ones too."""

LONGER = 16
"""A redrawn song is longer by at most this many tokens."""


def plan(cells: int, random: np.random.Generator) -> tuple[dict[int, list[str]], tuple[int, ...]]:
    """Return the audited cells with their rules, and the cells of the `state` audits.

    Both are spread over the whole run; the last cell always has a `state` audit.
    """
    turns, fresh = _budget(cells)
    chosen = defaultdict(list)
    for turn, cell in zip(turns, _spread(len(turns), cells, random), strict=True):
        chosen[cell].append(turn)
    return dict(chosen), tuple(sorted({*_spread(fresh - 1, cells, random), cells - 1}))


def planned(cells: int) -> dict[str, int]:
    """Return how many cells of a seed are at least audited for each rule."""
    turns, fresh = _budget(cells)
    return {rule: turns.count(rule) for rule in dict.fromkeys(turns)} | {"state": min(fresh, cells)}


def _budget(cells: int) -> tuple[list[str], int]:
    """The rule of each audit in turn, and the number of `state` audits."""
    budget = int(SHARE * cells)
    fresh = max(2, budget // 6)
    audits = max(len(TURNS), budget - 2 * fresh)
    return [TURNS[turn % len(TURNS)] for turn in range(audits)], fresh


def _spread(count: int, cells: int, random: np.random.Generator) -> list[int]:
    """One random cell in each of `count` equal stretches."""
    starts = [index * cells // count for index in range(count + 1)]
    return [int(random.integers(start, max(start + 1, end))) for start, end in pairwise(starts)]


def redraw(song: Tokens, donor: Tokens, vocab_size: int, random: np.random.Generator) -> tuple[Tokens, int]:
    """Return the song with everything from a random cut on replaced, and the cut.

    The token at the cut always becomes another one. The rest is a stretch of the donor, repeated if it is too
    short. Half of the redrawn songs are as long as the song, a quarter end with the cut, and a quarter are
    cut at the song's last token and continue for up to `LONGER` tokens, so that neither the length nor the
    end of a song can be used.
    """
    kind = random.integers(4)
    cut = len(song) - 1 if kind == 0 else int(random.integers(len(song)))
    length = {0: len(song) + int(random.integers(1, LONGER + 1)), 1: cut + 1}.get(int(kind), len(song))
    suffix = np.resize(np.roll(donor, -int(random.integers(len(donor)))), length - cut)
    while suffix[0] == song[cut]:
        suffix[0] = random.integers(EOS, vocab_size)
    return np.concatenate([song[:cut], suffix]).astype(np.uint16), cut
