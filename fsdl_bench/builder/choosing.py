"""Choose the songs that stay among near-duplicates, by rule 3.

No two songs that stay are a pair, and every song that is left out is a pair of one that stays. Rules 1 and 2
join songs along chains of pairs instead, so a jingle joins all songs that quote it, and a medley its parts.

Songs that a chain of pairs with a Jaccard index above 1/2 joins are versions, and one of them stays. Two
disjoint parts of a song cannot both reach 1/2, so a medley or a jingle joins no versions. `evidence.py` finds
more versions, and pairs that do not count.

Of the other pairs, the song with the fewest pairs stays first: a medley or a jingle has more pairs than the
songs around it. Of songs with as many pairs the preferred one stays. The order is greedy (Halldórsson and
Radhakrishnan, Greed is good: approximating independent sets in sparse and bounded-degree graphs, 1997).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

import numpy as np
import numpy.typing as npt

from fsdl_bench.builder.duplicates import Ints, Pairs

VERSION = 50
"""Jaccard index, in percent, above which two songs are versions of one."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The songs that stay.

    Attributes:
        stays: for each song the one that stays for it, which is itself if it stays [N].
        between: songs that are left out for several that stay -> these songs, in order.
    """

    stays: Ints
    between: dict[int, list[int]]


def choose(found: Sequence[Pairs], versions: Ints, preferred: Ints) -> Choice:
    """Choose the songs that stay.

    Args:
        found: pairs by one or several sets of shingles of the same songs.
        versions: more songs that are versions of one song, two by two [2, n].
        preferred: the rank of each song; the lowest is the first choice [N].
    """
    count = len(preferred)
    first = np.concatenate([pairs.first for pairs in found])
    second = np.concatenate([pairs.second for pairs in found])
    shared = np.concatenate([pairs.shared for pairs in found])
    one = np.concatenate([pairs.sizes[pairs.first] for pairs in found])
    other = np.concatenate([pairs.sizes[pairs.second] for pairs in found])
    equal = shared >= np.maximum(one, other)
    same = _joined(count, first[equal], second[equal])
    order = np.argsort(preferred, kind="stable")
    _, best = np.unique(same[order], return_index=True)
    node = order[best][same]  # of songs with equal shingles the preferred one represents all
    first, second = node[first], node[second]
    close = 100 * shared > VERSION * (one + other - shared)
    version = _joined(count, np.r_[first[close], node[versions[0]]], np.r_[second[close], node[versions[1]]])
    graph = _Graph(first, second, version)
    stays = graph.independent(preferred)
    staying = np.full(count, -1)
    staying[version[stays]] = np.flatnonzero(stays)
    chosen = np.arange(count)
    between = {}
    for song in np.flatnonzero(~stays).tolist():
        own = int(staying[version[song]])
        near = sorted([*([own] if own >= 0 else []), *(near for near in graph.others(song) if stays[near])])
        chosen[song] = near[0]
        if len(near) > 1:
            between[song] = near
    for song in np.flatnonzero(node != np.arange(count)).tolist():
        if int(node[song]) in between:
            between[song] = between[int(node[song])]
    return Choice(chosen[node], dict(sorted(between.items())))


def _joined(count: int, first: Ints, second: Ints) -> Ints:
    """Return the number of the component of each song along these pairs."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    return labels.astype(np.int64)


class _Graph:
    """Songs and their pairs, in which all versions of a song are pairs of each other."""

    def __init__(self, first: Ints, second: Ints, version: Ints) -> None:
        across = version[first] != version[second]
        first, second = first[across], second[across]
        ends = np.unique(np.stack([np.r_[first, second], np.r_[second, first]]), axis=1)
        self._others = ends[1]
        self._other = np.searchsorted(ends[0], np.arange(len(version) + 1))
        self._version = version
        self._versions = np.argsort(version, kind="stable")
        self._first = np.searchsorted(version[self._versions], np.arange(len(version) + 1))

    def others(self, song: int) -> list[int]:
        """Return the songs that are a pair of this one and no version of it."""
        others: list[int] = self._others[self._other[song] : self._other[song + 1]].tolist()
        return others

    def versions(self, song: int) -> list[int]:
        """Return all versions of this song, with itself."""
        label = self._version[song]
        versions: list[int] = self._versions[self._first[label] : self._first[label + 1]].tolist()
        return versions

    def independent(self, preferred: Ints) -> npt.NDArray[np.bool_]:
        """Return which songs stay: the song with the fewest pairs first, then without its pairs."""
        count = len(preferred)
        ranked = np.argsort(preferred, kind="stable")
        rank = np.empty(count, np.int64)
        rank[ranked] = np.arange(count)
        # Pairs with versions are counted once, as a version takes all others with it.
        pairs = np.diff(self._other) + np.diff(self._first)[self._version] - 1
        left = pairs.tolist()
        stays: npt.NDArray[np.bool_] = pairs == 0
        done = stays.copy()
        # One number per song, its pairs * count + its rank. A number that is out of date is passed over.
        queue = (pairs * count + rank)[~stays].tolist()
        heapify(queue)
        while queue:
            number, place = divmod(heappop(queue), count)
            song = int(ranked[place])
            if done[song] or left[song] != number:
                continue
            stays[song] = True
            gone = [other for other in [*self.versions(song), *self.others(song)] if not done[other]]
            done[gone] = True
            for freed in [freed for other in gone if other != song for freed in self.others(other)]:
                if not done[freed]:
                    left[freed] -= 1
                    heappush(queue, left[freed] * count + int(rank[freed]))
        return stays
