"""Correct the pairs of rule 3 by what other songs tell: some are only a quotation, and some were missed.

Quotations. Two songs that quote a third one, such as a jingle or a refrain, can be a pair only because of it.

Versions. Two poor copies of a song are often no pair, although each is a pair of the song. What each shares
with the song is spread over all of it, so the two shares overlap as much as chance would have it. Measured on
songs of POP909 with 40 ms of jitter, or with other pitches for 15 % of the notes, the overlap is 0.7 to 1.5
times that of chance. The parts of a medley do not overlap, and a passage that two songs quote overlaps more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from fsdl_bench.builder.clusters import clusters
from fsdl_bench.builder.duplicates import Ints, Pairs, Rule
from fsdl_bench.builder.shingles import Shingles

QUOTED = 80
"""Share of a song, in percent, that another must hold to quote it."""
PASSAGE = 50
"""Largest share of a song, in percent, that is a quotation."""
LONGER = 150
"""Largest size of a version, in percent of the song."""
NOISIER = 250
"""The same for a version with at most `COVER` of the song, in percent: a poor copy has many new shingles."""
COVER = 66
OVERLAP = 5
"""Shingles of a song that two versions must both have, and between 1/2 and 3/2 of what chance would give."""
_HELD = 1 << 23  # shingles that are read together; bounds the memory
_CUTS = 1 << 18  # cuts that are tried together; bounds the memory

Reader = Callable[[Ints], Iterable[Shingles]]
"""Returns the shingles of songs, whose numbers ascend."""


def without_quotations(pairs: Pairs, rule: Rule) -> Pairs:
    """Leave out the pairs that are none once a third song, which both quote, is cut out of both."""
    kept = np.ones(len(pairs.first), np.bool_)
    for number, one, other in _cuts(pairs):
        rest = np.maximum(pairs.shared[number] - np.minimum(one, other), 0)
        sizes = pairs.sizes[pairs.first[number]] - one, pairs.sizes[pairs.second[number]] - other
        kept[number[~rule.holds(rest, *sizes)]] = False
    return replace(pairs, first=pairs.first[kept], second=pairs.second[kept], shared=pairs.shared[kept])


def _cuts(pairs: Pairs) -> Iterator[Ints]:
    """Yield the numbers of pairs and what both songs share with a song that they quote, int64 [3, n]."""
    one, other = pairs.sizes[pairs.first], pairs.sizes[pairs.second]
    small, large = np.minimum(one, other), np.maximum(one, other)
    quotes = (100 * pairs.shared >= QUOTED * small) & (100 * pairs.shared <= PASSAGE * large)
    quoted = np.where(one < other, pairs.first, pairs.second)[quotes].tolist()
    quoting = np.where(one < other, pairs.second, pairs.first)[quotes].tolist()
    inside: dict[int, dict[int, int]] = defaultdict(dict)
    for song, part, shared in zip(quoting, quoted, pairs.shared[quotes].tolist(), strict=True):
        inside[song][part] = shared
    songs = list(inside)
    cuts: list[tuple[int, int, int]] = []
    for number in np.flatnonzero(np.isin(pairs.first, songs) & np.isin(pairs.second, songs)).tolist():
        first, second = inside[int(pairs.first[number])], inside[int(pairs.second[number])]
        cuts += [(number, first[part], second[part]) for part in first.keys() & second.keys()]
        if len(cuts) > _CUTS:
            yield np.array(cuts, np.int64).T
            cuts.clear()
    yield np.array(cuts, np.int64).reshape(-1, 3).T


def missed_versions(pairs: Pairs, read: Reader) -> Ints:
    """Return songs that are versions of one song, two by two, int64 [2, n].

    Args:
        pairs: pairs by one set of shingles.
        read: reads the shingles that the pairs were found by.
    """
    found = [np.empty((2, 0), np.int64)]
    batch: list[tuple[int, Ints]] = []
    needed: set[int] = set()
    held = 0
    for song, near in _middles(pairs):
        batch.append((song, near))
        new = {song, *near.tolist()} - needed
        needed |= new
        held += int(pairs.sizes[list(new)].sum())
        if held > _HELD:
            found += _versions(pairs, batch, needed, read)
            batch, needed, held = [], set(), 0
    found += _versions(pairs, batch, needed, read)
    return np.concatenate(found, axis=1)


def _middles(pairs: Pairs) -> Iterator[tuple[int, Ints]]:
    """Yield each song with the songs that may be versions of it, if two of them are no pair."""
    song, near = np.r_[pairs.first, pairs.second], np.r_[pairs.second, pairs.first]
    shared, size, other = np.r_[pairs.shared, pairs.shared], pairs.sizes[song], pairs.sizes[near]
    known = np.unique(song * len(pairs.sizes) + near)
    noisy = (100 * other <= NOISIER * size) & (100 * shared <= COVER * size)
    alike = (100 * size <= LONGER * other) & ((100 * other <= LONGER * size) | noisy)
    alike &= shared < np.maximum(size, other)  # equal songs tell nothing about each other
    ends = np.unique(np.stack([song[alike], near[alike]]), axis=1)
    songs, starts = np.unique(ends[0], return_index=True)
    bounds = np.r_[starts, ends.shape[1]]
    # Songs of one cluster follow each other, so that most songs are read once.
    for place in np.argsort(clusters([pairs])[songs], kind="stable").tolist():
        one, others = int(songs[place]), ends[1, bounds[place] : bounds[place + 1]]
        missing = ~_are_pairs(others, known, len(pairs.sizes))
        missing[np.diag_indices(len(others))] = False
        if missing.any():
            yield one, others


def _are_pairs(near: Ints, known: Ints, count: int) -> npt.NDArray[np.bool_]:
    numbers = near[:, None] * count + near
    place = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
    are: npt.NDArray[np.bool_] = known[place] == numbers
    return are


def _versions(pairs: Pairs, batch: list[tuple[int, Ints]], needed: set[int], read: Reader) -> Iterator[Ints]:
    """Yield versions, two by two."""
    songs = np.array(sorted(needed), np.int64)
    shingles = dict(zip(songs.tolist(), read(songs), strict=True))
    for song, near in batch:
        whole = np.setdiff1d(shingles[song], pairs.removed, assume_unique=True)
        covered = np.stack([np.isin(whole, shingles[other]) for other in near.tolist()])
        overlap = covered.astype(np.float32) @ covered.T.astype(np.float32)
        each = np.diag(overlap)
        by_chance = np.outer(each, each) / max(len(whole), 1)
        spread = (overlap >= OVERLAP) & (2 * overlap >= by_chance) & (2 * overlap <= 3 * by_chance)
        one, other = np.nonzero(np.triu(spread, 1))
        yield np.stack([near[one], near[other]])
        yield np.stack([np.full(len(one), song), near[one]])
