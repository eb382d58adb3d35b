"""Clusters of near-duplicates, and the containers among them.

Songs are joined along the pairs (single link), and one song of a cluster stays. A container, such as a medley
or a complete set, would join songs that are not alike, so by rule 2 it is left out and its parts stay:

    B is inside A   at least 60 % of the shingles of B are in A, and B has at most 75 % as many
    A is a container   two songs are inside A that are no pair themselves
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from fsdl_bench.builder.duplicates import Ints, Pairs

INSIDE = 60
SMALLER = 75


def clusters(found: Sequence[Pairs], leave_out: Sequence[int] = ()) -> Ints:
    """Join songs along pairs.

    Args:
        found: pairs by one or several sets of shingles of the same songs.
        leave_out: songs whose pairs do not count.

    Returns:
        int64 [N]: the lowest index in the cluster of each song.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(found[0].sizes)
    first = np.concatenate([pairs.first for pairs in found])
    second = np.concatenate([pairs.second for pairs in found])
    kept = ~(np.isin(first, leave_out) | np.isin(second, leave_out))
    first, second = first[kept], second[kept]
    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    _, lowest = np.unique(labels, return_index=True)
    return lowest[labels].astype(np.int64)


def containers(found: Sequence[Pairs]) -> dict[int, list[int]]:
    """Return each container and the songs inside it."""
    inside: dict[int, set[int]] = defaultdict(set)
    for pairs in found:
        one, other = pairs.sizes[pairs.first], pairs.sizes[pairs.second]
        small, large = np.minimum(one, other), np.maximum(one, other)
        part = (100 * pairs.shared >= INSIDE * small) & (100 * small <= SMALLER * large)
        smaller = np.where(one < other, pairs.first, pairs.second)[part]
        larger = np.where(one < other, pairs.second, pairs.first)[part]
        for whole, song in zip(larger.tolist(), smaller.tolist(), strict=True):
            inside[whole].add(song)
    alike = {
        (min(a, b), max(a, b))
        for pairs in found
        for a, b in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)
    }
    whole = {
        song: sorted(parts)
        for song, parts in inside.items()
        if any(pair not in alike for pair in combinations(sorted(parts), 2))
    }
    for pairs in found:  # of songs with equal sets only the first has pairs with its parts
        equal = (pairs.shared == pairs.sizes[pairs.first]) & (pairs.shared == pairs.sizes[pairs.second])
        for song, copy in zip(pairs.first[equal].tolist(), pairs.second[equal].tolist(), strict=True):
            if song in whole:
                whole.setdefault(copy, whole[song])
    return dict(sorted(whole.items()))
