"""The random choices of an audit: which cells it looks at, and how a song is redrawn."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import numpy as np

from fsdl_bench.codecs.base import EOS, Tokens

SHARE = 0.05
"""The share of a run's cells that is scored again, at most."""

TURNS = ("causality", "independence", "causality", "determinism")


def plan(cells: int, random: np.random.Generator) -> tuple[dict[int, list[str]], tuple[int, ...]]:
    """Which cells are audited by which rule, and those of the `state` audits; spread evenly over the run."""
    budget = int(SHARE * cells)
    fresh = max(2, budget // 6)
    audits = max(len(TURNS), budget - 2 * fresh)
    chosen = defaultdict(list)
    for turn, cell in enumerate(_spread(audits, cells, random)):
        chosen[cell].append(TURNS[turn % len(TURNS)])
    last = {*_spread(fresh, cells, random)[:-1], cells - 1}
    return dict(chosen), tuple(sorted(last))


def _spread(count: int, cells: int, random: np.random.Generator) -> list[int]:
    """One random cell in each of `count` equal stretches."""
    starts = [index * cells // count for index in range(count + 1)]
    return [int(random.integers(start, max(start + 1, end))) for start, end in pairwise(starts)]


def redraw(song: Tokens, cut: int, donor: Tokens, vocab_size: int, random: np.random.Generator) -> Tokens:
    """The song with everything from `cut` on replaced: other tokens, for sure another one at the cut.

    The new suffix is a stretch of the donor, repeated where it is too short. In half the cases the song also
    becomes shorter, so that its length and its end cannot be used either.
    """
    length = len(song) if random.integers(2) else int(random.integers(cut + 1, len(song) + 1))
    suffix = np.resize(np.roll(donor, -int(random.integers(len(donor)))), length - cut)
    while suffix[0] == song[cut]:
        suffix[0] = (
            random.integers(EOS + 1, vocab_size) if vocab_size > EOS + 2 else random.integers(vocab_size)
        )
    return np.concatenate([song[:cut], suffix]).astype(np.uint16)
