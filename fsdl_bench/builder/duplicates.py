"""Near-duplicates: find the pairs of songs that are the same song, from the shingles that they share.

    containment(A, B) = |A and B| / min(|A|, |B|)        jaccard(A, B) = |A and B| / |A or B|

    lyrics: containment >= 0.4; from rule 2 on also at least 8 shared, or jaccard >= 0.4
    music:  containment >= 0.2, at least 20 shared, jaccard >= 0.03; from rule 2 on of the parts or of the
            outline; by rule 3 also at least 5 shared and jaccard >= 0.6, for short pieces

Songs with equal sets are always a pair, and count as one. By rules 1 and 2 `clusters.py` joins songs along
the pairs; by rule 3 `choosing.py` chooses songs that are no pairs.

A shingle in more than 100 songs is over-frequent. In music it is commonplace (a scale, a repeated bass note)
and is removed from all sets. In lyrics it stays and counts, but two texts that have only such shingles in
common are not compared. By rule 3 a shingle in more than a quarter of the songs, and in more than 10, is
removed too: it is a notice at the head of every text or a loop under every melody, and not a song.

Everything else is exact for any number of songs: the shared shingles of each pair are counted by ranges of
shingles, then by ranges of pairs, which are on disk between the two passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fsdl_bench.builder.shingles import Shingles
from fsdl_bench.builder.spill import PARTS, Spill
from fsdl_bench.progress import bar
from fsdl_bench.songs import Kind

Ints = npt.NDArray[np.int64]

FREQUENT = 100
COMMON = 10
"""Songs that a shingle may be in, whatever share of a small collection they are."""
_SLICE = 1 << 20  # pairs that are counted together; bounds the memory
_SHARE = np.uint64(2**64 // PARTS)  # shingles are spread evenly, so each part gets as many
_RUNS = 1 << 17  # shingles that are paired together; bounds the memory


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule for near-duplicates. Shares are in percent, so that the comparison is exact.

    Attributes:
        containment: lowest containment, in percent.
        shared: lowest number of shared shingles.
        jaccard: lowest Jaccard index, in percent.
        alike: Jaccard index, in percent, from which `few` shared shingles are enough. Removed shingles count
            as not shared.
        few: see `alike`. As many shingles make two equal sets a pair.
        drop_frequent: whether over-frequent shingles are removed from the sets.
        common: share of the songs, in percent, above which a shingle is removed from the sets.
    """

    containment: int
    shared: int = 1
    jaccard: int = 0
    alike: int = 101
    few: int = 1
    drop_frequent: bool = False
    common: int = 100

    @property
    def least(self) -> int:
        """The fewest shingles that two equal sets must have to be a pair."""
        return self.shared if self.alike > 100 else self.few

    def holds(
        self, shared: Ints, first: Ints, second: Ints, removed: Ints | int = 0
    ) -> npt.NDArray[np.bool_]:
        """Return whether the rule holds for each pair.

        Args:
            shared: the shared shingles of each pair.
            first, second: the sizes of both songs.
            removed: how many shingles were removed from the song that lost more.
        """
        union = first + second - shared
        alike = (shared >= self.few) & (100 * shared >= self.alike * (union + removed))
        return (
            ((shared >= self.shared) | alike)
            & (100 * shared >= self.containment * np.minimum(first, second))
            & (100 * shared >= self.jaccard * union)
        )


LYRICS = Rule(containment=40)
LYRICS_2 = Rule(containment=40, shared=8, alike=40)
LYRICS_3 = replace(LYRICS_2, common=25)
MUSIC = Rule(containment=20, shared=20, jaccard=3, drop_frequent=True)
MUSIC_3 = replace(MUSIC, alike=60, few=5, common=25)
RULES: dict[tuple[Kind, int], Rule] = {
    ("lyrics", 1): LYRICS,
    ("lyrics", 2): LYRICS_2,
    ("lyrics", 3): LYRICS_3,
    ("midi", 1): MUSIC,
    ("midi", 2): MUSIC,
    ("midi", 3): MUSIC_3,
}


@dataclass(frozen=True, slots=True)
class Pairs:
    """Songs that are the same song.

    Attributes:
        first, second: indices of songs [n].
        shared: shingles that both have [n].
        sizes: shingles of each song, without those that were removed [N].
        removed: the shingles that were removed from all sets.
    """

    first: Ints
    second: Ints
    shared: Ints
    sizes: Ints
    removed: Shingles


def near_pairs(sets: Iterable[Shingles], rule: Rule, scratch: Path, progress: bool = False) -> Pairs:
    """Return the pairs of near-duplicates.

    Args:
        sets: the shingles of each song in order; only some are in memory at a time.
        rule: the rule for near-duplicates.
        scratch: a folder for temporary files, used only from millions of shingles.
        progress: show a progress bar on standard error.

    Of songs with equal sets, the first has all pairs with other songs, and the others one with the first.
    """
    postings = Spill(
        scratch, "postings", (np.uint64, np.uint32), lambda key: (key // _SHARE).astype(np.uint8)
    )
    sizes, equal = _collect(sets, rule, postings)
    pairs = _Pairs(sizes, rule, scratch)
    for shingles, songs in bar("comparing songs", "part", progress, postings.parts()):
        pairs.count(shingles, songs)
    same = np.stack([*equal, sizes[equal[0]]])
    found = np.concatenate([same, *bar("joining songs", "part", progress, pairs.found())], axis=1)
    return Pairs(found[0], found[1], found[2], pairs.sizes, pairs.removed)


def _collect(sets: Iterable[Shingles], rule: Rule, postings: Spill) -> tuple[Ints, Ints]:
    """Add the postings of distinct sets; return the sizes and the pairs of songs with equal sets."""
    sizes: list[int] = []
    seen: dict[bytes, int] = {}
    equal: list[tuple[int, int]] = []
    held: list[tuple[int, Shingles]] = []
    for song, shingles in enumerate(sets):
        sizes.append(len(shingles))
        if len(shingles) >= rule.least:
            same = seen.setdefault(blake2b(shingles.data, digest_size=16).digest(), song)
            if same != song:
                equal.append((same, song))
                continue
        held.append((song, shingles))
        if len(held) == 1024:
            _post(held, postings)
    _post(held, postings)
    return np.array(sizes, np.int64), np.array(equal, np.int64).reshape(-1, 2).T


def _post(held: list[tuple[int, Shingles]], postings: Spill) -> None:
    if held:
        songs = np.array([song for song, _ in held], np.uint32)
        columns = [shingles for _, shingles in held]
        postings.add(np.concatenate(columns), np.repeat(songs, [len(column) for column in columns]))
        held.clear()


class _Pairs:
    """Exact numbers of shared shingles for all pairs that share a shingle that is not over-frequent."""

    def __init__(self, sizes: Ints, rule: Rule, scratch: Path) -> None:
        self.sizes = sizes.copy()
        self.removed: Shingles = np.empty(0, np.uint64)
        self._whole = sizes
        self._rule = rule
        self._common = max(COMMON, len(sizes) * rule.common // 100)
        self._most = min(FREQUENT, self._common)
        # A pair is one number, lower song << 32 | higher song. All counts of a pair are in one part.
        self._spill = Spill(
            scratch, "pairs", (np.uint64, np.uint32), lambda key: ((key >> 32) % PARTS).astype(np.uint8)
        )
        self._frequent: list[tuple[Shingles, npt.NDArray[np.uint32]]] = []

    def count(self, shingles: Shingles, songs: npt.NDArray[np.uint32]) -> None:
        """Emit every pair of songs once for each shingle that both contain.

        Args:
            shingles: all postings of some shingles [n].
            songs: the song of each [n].
        """
        order = np.argsort(shingles)
        shingles, songs = shingles[order], songs[order]
        starts = np.flatnonzero(np.r_[np.ones(min(len(songs), 1), bool), shingles[1:] != shingles[:-1]])
        lengths = np.diff(np.r_[starts, len(songs)])
        if (lengths > self._most).any():
            drop = lengths > (self._most if self._rule.drop_frequent else self._common)
            self.sizes -= np.bincount(songs[np.repeat(drop, lengths)], minlength=len(self.sizes))
            self.removed = np.r_[self.removed, shingles[starts[drop]]]
            frequent = np.repeat((lengths > self._most) & ~drop, lengths)
            self._frequent.append((shingles[frequent], songs[frequent]))
        held: list[npt.NDArray[np.uint64]] = []
        for first in range(0, len(starts), _RUNS):
            runs = slice(first, first + _RUNS)
            for pairs in _pairs_within(songs, starts[runs], lengths[runs], self._most):
                held.append(pairs)
                if sum(map(len, held)) > _SLICE:
                    self._emit(held)
        self._emit(held)

    def _emit(self, held: list[npt.NDArray[np.uint64]]) -> None:
        if held:
            self._spill.add(*np.unique(np.concatenate(held), return_counts=True))
            held.clear()

    def found(self) -> Iterator[Ints]:
        """Yield the pairs that the rule joins and what they share, as int64 [3, n], part by part."""
        shingles = np.concatenate([np.empty(0, np.uint64), *(part[0] for part in self._frequent)])
        songs = np.concatenate([np.empty(0, np.uint32), *(part[1] for part in self._frequent)])
        shingles = shingles[np.argsort(songs, kind="stable")]
        number = np.bincount(songs, minlength=len(self.sizes)).astype(np.int64)
        ends = np.cumsum(number)
        for keys, counts in self._spill.parts():
            pairs, inverse = np.unique(keys, return_inverse=True)
            shared = np.bincount(inverse, counts, len(pairs)).astype(np.int64)
            first, second = (pairs >> 32).astype(np.int64), (pairs & 0xFFFFFFFF).astype(np.int64)
            # Frequent shingles can add at most the smaller number of them.
            possible = shared + np.minimum(number[first], number[second])
            likely = self._holds(possible, first, second)
            first, second, shared = first[likely], second[likely], shared[likely]
            for k in np.flatnonzero((number[first] > 0) & (number[second] > 0)):
                a, b = (shingles[ends[song] - number[song] : ends[song]] for song in (first[k], second[k]))
                shared[k] += len(np.intersect1d(a, b, assume_unique=True))
            joined = self._holds(shared, first, second)
            yield np.stack([first[joined], second[joined], shared[joined]])

    def _holds(self, shared: Ints, first: Ints, second: Ints) -> npt.NDArray[np.bool_]:
        removed = self._whole - self.sizes
        most = np.maximum(removed[first], removed[second])
        return self._rule.holds(shared, self.sizes[first], self.sizes[second], most)


def _pairs_within(songs: npt.NDArray[np.uint32], starts: Ints, lengths: Ints, most: int) -> Iterator[Any]:
    """Yield all pairs (lower song << 32 | higher song) within each run of at most `most` songs."""
    usable = (lengths > 1) & (lengths <= most)
    starts, lengths = starts[usable], lengths[usable]
    # The position of each posting, and the number of postings after it in its run.
    number = np.arange(lengths.sum())
    following = np.repeat(np.cumsum(lengths), lengths) - number - 1
    place = np.repeat(starts + lengths, lengths) - following - 1
    for step in range(1, most):
        go_on = following >= step
        place, following = place[go_on], following[go_on]
        if not len(place):
            return
        one, other = songs[place].astype(np.uint64), songs[place + step].astype(np.uint64)
        yield (np.minimum(one, other) << 32) | np.maximum(one, other)
