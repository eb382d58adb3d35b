"""Near-duplicates: which songs are one song, from the shingles that they share.

    containment(A, B) = |A and B| / min(|A|, |B|)        jaccard(A, B) = |A and B| / |A or B|

    lyrics: containment >= 0.4
    music:  containment >= 0.2, at least 20 shared, jaccard >= 0.03

Songs are joined along such pairs (single link); songs with equal sets are always joined, and count as one.

A shingle that stands in more than 100 songs is over-frequent. In music it is commonplace (a scale, a
drumming bass) and leaves all sets. In lyrics it stays and counts, but two texts that have only such shingles
in common are not compared. Everything else is exact: each pair's shared shingles are counted, however many
songs there are, by ranges of shingles and then of pairs that lie on disk between the two passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fsdl_bench.build.progress import bar
from fsdl_bench.build.shingles import Shingles
from fsdl_bench.build.spill import PARTS, Spill

Ints = npt.NDArray[np.int64]

FREQUENT = 100
_POSTING = np.dtype([("shingle", "<u8"), ("song", "<u4")])
_PAIR = np.dtype([("pair", "<u8"), ("shared", "<u4")])
_SLICE = 1 << 22  # pairs, or postings, at a time


@dataclass(frozen=True, slots=True)
class Rule:
    """When two sets are near-duplicates; shares in percent, so that the comparison is exact.

    Attributes:
        containment: lowest containment, in percent.
        shared: lowest number of shared shingles.
        jaccard: lowest Jaccard index, in percent.
        drop_frequent: whether over-frequent shingles leave the sets.
    """

    containment: int
    shared: int = 1
    jaccard: int = 0
    drop_frequent: bool = False

    def holds(self, shared: Ints, first: Ints, second: Ints) -> npt.NDArray[np.bool_]:
        """For each pair, whether the rule holds, given the shared shingles and the sizes of both sets."""
        return (
            (shared >= self.shared)
            & (100 * shared >= self.containment * np.minimum(first, second))
            & (100 * shared >= self.jaccard * (first + second - shared))
        )


LYRICS = Rule(containment=40)
MUSIC = Rule(containment=20, shared=20, jaccard=3, drop_frequent=True)


def clusters(sets: Iterable[Shingles], rule: Rule, scratch: Path, progress: bool = False) -> Ints:
    """Group songs into clusters of near-duplicates.

    Args:
        sets: the shingles of each song, in order; taken one at a time.
        rule: when two songs are near-duplicates.
        scratch: a folder for temporary files, used only by collections of millions of shingles.
        progress: show a bar on stderr.

    Returns:
        int64 [N]: for each song the lowest index in its cluster.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    postings = Spill(scratch, "postings", _POSTING)
    sizes, equal = _collect(sets, rule, postings)
    index = _Pairs(sizes, rule, Spill(scratch, "pairs", _PAIR))
    index.count(postings, progress)
    edges = [equal, *index.found(progress)]
    first, second = np.concatenate(edges, axis=1)
    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(len(sizes), len(sizes)))
    _, labels = connected_components(graph, directed=False)
    _, lowest = np.unique(labels, return_index=True)
    return lowest[labels].astype(np.int64)


def _collect(sets: Iterable[Shingles], rule: Rule, postings: Spill) -> tuple[Ints, Ints]:
    """Spill the postings of distinct sets; return the sizes and the pairs of songs with equal sets."""
    sizes: list[int] = []
    seen: dict[bytes, int] = {}
    equal: list[tuple[int, int]] = []
    held: list[npt.NDArray[Any]] = []
    count = 0
    for song, shingles in enumerate(sets):
        sizes.append(len(shingles))
        if len(shingles) >= rule.shared:
            same = seen.setdefault(blake2b(shingles.tobytes(), digest_size=16).digest(), song)
            if same != song:
                equal.append((same, song))
                continue
        entries = np.empty(len(shingles), _POSTING)
        entries["shingle"], entries["song"] = shingles, song
        held.append(entries)
        count += len(entries)
        if count > _SLICE:
            _spill(postings, held)
            count = 0
    _spill(postings, held)
    return np.array(sizes, np.int64), np.array(equal, np.int64).reshape(-1, 2).T


def _spill(postings: Spill, held: list[npt.NDArray[Any]]) -> None:
    if held:
        entries = np.concatenate(held)
        postings.add((entries["shingle"] >> np.uint64(58)).astype(np.uint8), entries)
        held.clear()


class _Pairs:
    """Exact numbers of shared shingles for all pairs that share one that is not over-frequent."""

    def __init__(self, sizes: Ints, rule: Rule, spill: Spill) -> None:
        self._sizes = sizes.copy()
        self._rule = rule
        self._spill = spill
        self._frequent: list[npt.NDArray[Any]] = []

    def count(self, postings: Spill, progress: bool) -> None:
        """Emit every pair of songs once for each shingle that both hold."""
        for part in bar("comparing songs", "part", progress, range(PARTS)):
            entries = postings.read(part)
            # By (shingle, song): songs came in ascending order, and the sort is stable.
            entries = entries[np.argsort(entries["shingle"], kind="stable")]
            new = entries["shingle"][1:] != entries["shingle"][:-1]
            starts = np.flatnonzero(np.r_[np.ones(min(len(entries), 1), bool), new])
            lengths = np.diff(np.r_[starts, len(entries)])
            self._set_aside(entries[np.repeat(lengths > FREQUENT, lengths)])
            held: list[npt.NDArray[np.uint64]] = []
            for pairs in _pairs_by_length(entries["song"].astype(np.uint64), starts, lengths):
                held.append(pairs)
                if sum(map(len, held)) > _SLICE:
                    self._emit(held)
            self._emit(held)

    def _set_aside(self, frequent: npt.NDArray[Any]) -> None:
        if self._rule.drop_frequent:
            self._sizes -= np.bincount(frequent["song"], minlength=len(self._sizes))
        else:
            self._frequent.append(frequent)

    def _emit(self, held: list[npt.NDArray[np.uint64]]) -> None:
        if held:
            pairs, shared = np.unique(np.concatenate(held), return_counts=True)
            entries = np.empty(len(pairs), _PAIR)
            entries["pair"], entries["shared"] = pairs, shared
            self._spill.add((pairs >> np.uint64(32)).astype(np.uint8) % PARTS, entries)
            held.clear()

    def found(self, progress: bool) -> Iterator[Ints]:
        """The pairs that the rule joins, as int64 [2, n], part by part."""
        frequent = np.concatenate([np.empty(0, _POSTING), *self._frequent])
        by_song = frequent[np.argsort(frequent["song"], kind="stable")]
        number = np.bincount(by_song["song"], minlength=len(self._sizes)).astype(np.int64)
        ends = np.cumsum(number)
        for part in bar("joining songs", "part", progress, range(PARTS)):
            entries = self._spill.read(part)
            pairs, inverse = np.unique(entries["pair"], return_inverse=True)
            shared = np.bincount(inverse, entries["shared"], len(pairs)).astype(np.int64)
            first, second = (pairs >> np.uint64(32)).astype(np.int64), (pairs & 0xFFFFFFFF).astype(np.int64)
            # Frequent shingles can add no more than the smaller number of them.
            possible = shared + np.minimum(number[first], number[second])
            likely = self._rule.holds(possible, self._sizes[first], self._sizes[second])
            first, second, shared = first[likely], second[likely], shared[likely]
            for k in np.flatnonzero((number[first] > 0) & (number[second] > 0)):
                a, b = (by_song["shingle"][ends[s] - number[s] : ends[s]] for s in (first[k], second[k]))
                shared[k] += len(np.intersect1d(a, b, assume_unique=True))
            joined = self._rule.holds(shared, self._sizes[first], self._sizes[second])
            yield np.stack([first[joined], second[joined]])


def _pairs_by_length(songs: npt.NDArray[np.uint64], starts: Ints, lengths: Ints) -> Iterator[Any]:
    """All pairs (lower song << 32 | higher song) within each run of 2 to `FREQUENT` songs."""
    for length in np.unique(lengths[(lengths > 1) & (lengths <= FREQUENT)]):
        left, right = np.triu_indices(int(length), 1)
        runs = starts[lengths == length]
        step = max(1, _SLICE // len(left))
        for begin in range(0, len(runs), step):
            block = songs[runs[begin : begin + step, None] + np.arange(length)]
            yield ((block[:, left] << np.uint64(32)) | block[:, right]).ravel()
