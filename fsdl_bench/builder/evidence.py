"""Correct the pairs of rule 3 by what other songs tell: some are only a quotation, and some were missed.

Quotations. Two songs that quote a third one, such as a jingle or a refrain, can be a pair only because of it.

Versions. Two poor copies of a song are often no pair, although each is a pair of the song. Then both share
parts all over the song, so what they share with it overlaps as chance would have it. The parts of a medley do
not overlap, and a song that two others quote is much smaller or larger than they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from fsdl_bench.builder.duplicates import Ints, Pairs, Rule
from fsdl_bench.builder.shingles import Shingles

QUOTED = 80
"""Share of a song, in percent, that another must hold to quote it."""
PASSAGE = 50
"""Largest share of a song, in percent, that is a quotation."""
LONGER = 150
"""Largest size of a version, in percent of the other."""
OVERLAP = 5
"""Shingles that two versions must both share with a third one, and half of what chance would give."""
_HELD = 1 << 22  # shingles that are read together; bounds the memory
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


def with_versions(pairs: Pairs, read: Reader) -> Pairs:
    """Add the pairs of versions that were missed.

    Args:
        pairs: pairs by one set of shingles.
        read: reads the shingles that the pairs were found by.
    """
    found = [np.stack([pairs.first, pairs.second, pairs.shared])]
    batch: list[tuple[int, Ints]] = []
    needed: set[int] = set()
    held = 0
    for song, versions in _middles(pairs):
        batch.append((song, versions))
        new = {song, *versions.tolist()} - needed
        needed |= new
        held += int(pairs.sizes[list(new)].sum())
        if held > _HELD:
            found += _missed(pairs, batch, needed, read)
            batch, needed, held = [], set(), 0
    found += _missed(pairs, batch, needed, read)
    first, second, shared = np.concatenate(found, axis=1)
    return replace(pairs, first=first, second=second, shared=shared)


def _middles(pairs: Pairs) -> Iterator[tuple[int, Ints]]:
    """Yield each song with the songs of a similar size that are its pairs, if two of them are no pair."""
    one, other = pairs.sizes[pairs.first], pairs.sizes[pairs.second]
    alike = 100 * np.maximum(one, other) <= LONGER * np.minimum(one, other)
    first, second = pairs.first[alike], pairs.second[alike]
    ends = np.unique(np.stack([np.r_[first, second], np.r_[second, first]]), axis=1)
    known = ends[0] * len(pairs.sizes) + ends[1]
    songs, starts = np.unique(ends[0], return_index=True)
    for song, start, end in zip(songs.tolist(), starts, [*starts[1:], len(known)], strict=False):
        near = ends[1, start:end]
        missing = ~_are_pairs(near, known, len(pairs.sizes))
        missing[np.diag_indices(len(near))] = False
        if missing.any():
            yield song, near


def _are_pairs(near: Ints, known: Ints, count: int) -> npt.NDArray[np.bool_]:
    numbers = near[:, None] * count + near
    place = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
    are: npt.NDArray[np.bool_] = known[place] == numbers
    return are


def _missed(pairs: Pairs, batch: list[tuple[int, Ints]], needed: set[int], read: Reader) -> Iterator[Ints]:
    """Yield pairs of versions, and what they share of the song between them, as int64 [3, n]."""
    songs = np.array(sorted(needed), np.int64)
    shingles = dict(zip(songs.tolist(), read(songs), strict=True))
    for song, versions in batch:
        whole = np.setdiff1d(shingles[song], pairs.removed, assume_unique=True)
        covered = np.stack([np.isin(whole, shingles[other]) for other in versions.tolist()]).astype(
            np.float32
        )
        overlap = np.rint(covered @ covered.T)
        each = np.diag(overlap)
        by_chance = np.outer(each, each) / max(len(whole), 1)
        one, other = np.nonzero(np.triu((overlap >= OVERLAP) & (2 * overlap >= by_chance), 1))
        yield np.stack([versions[one], versions[other], overlap[one, other].astype(np.int64)])
