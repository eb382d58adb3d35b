"""Which songs stay by rule 3: no two are a pair, and the songs around a medley or a quotation stay."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsdl_bench.builder.choosing import VERSION, Choice, choose
from fsdl_bench.builder.duplicates import Pairs

Edges = Sequence[tuple[int, int, int]]
"""(song, song, shared shingles)."""
NONE = np.empty((2, 0), np.int64)


def pairs(edges: Edges, sizes: Sequence[int]) -> Pairs:
    first, second, shared = np.array(edges, np.int64).reshape(-1, 3).T
    return Pairs(first, second, shared, np.array(sizes, np.int64), np.empty(0, np.uint64))


def chosen(edges: Edges, sizes: Sequence[int]) -> Choice:
    return choose([pairs(edges, sizes)], NONE, np.argsort(np.argsort(-np.array(sizes), kind="stable")))


def staying(choice: Choice) -> list[int]:
    return [song for song, other in enumerate(choice.stays.tolist()) if song == other]


def test_of_two_songs_the_preferred_one_stays() -> None:
    assert chosen([(0, 1, 30)], [100, 120, 90]).stays.tolist() == [1, 1, 2]


def test_of_songs_that_are_all_pairs_one_stays() -> None:
    choice = chosen([(0, 1, 30), (0, 2, 30), (1, 2, 30)], [100, 120, 90])
    assert (choice.stays.tolist(), choice.between) == ([1, 1, 1], {})


@pytest.mark.parametrize("size", [30, 400])  # a jingle that all quote; a medley of all
def test_the_songs_around_one_in_the_middle_stay(size: int) -> None:
    choice = chosen([(0, song, 25) for song in range(1, 9)], [size, *(8 * [100])])
    assert staying(choice) == list(range(1, 9))
    assert choice.between == {0: list(range(1, 9))}


def test_of_a_medley_with_versions_and_parts_with_versions_the_parts_stay() -> None:
    medleys, first, second = (0, 1, 2), (3, 4, 5, 6), (7, 8)
    edges = [(a, b, 190) for a, b in [(0, 1), (1, 2), (0, 2)]]
    edges += [(a, b, 90) for part in (first, second) for a, b in pairwise(part)]
    edges += [(medley, song, 50) for medley in medleys for song in (*first, *second)]
    assert staying(chosen(edges, [*(3 * [200]), *(6 * [100])])) == [3, 7]


def test_a_medley_that_is_mostly_one_song_joins_no_other() -> None:
    choice = chosen([(0, 1, 70), (0, 2, 30)], [100, 70, 60])
    assert staying(choice) == [1, 2]
    assert choice.between == {0: [1, 2]}


def test_a_chain_of_versions_is_one_song() -> None:
    assert staying(chosen([(k, k + 1, 80) for k in range(9)], 10 * [100])) == [0]


def test_a_song_with_the_same_shingles_as_a_medley_goes_with_it() -> None:
    choice = chosen([(0, 3, 200), (0, 1, 60), (0, 2, 60)], [200, 100, 100, 200])
    assert staying(choice) == [1, 2]
    assert choice.between == {0: [1, 2], 3: [1, 2]}


def test_two_sets_of_shingles_of_the_same_songs() -> None:
    parts, outline = pairs([(0, 1, 30)], [100, 100, 100]), pairs([(1, 2, 30)], [90, 90, 90])
    assert staying(choose([parts, outline], NONE, np.arange(3))) == [0, 2]


def test_of_versions_that_other_songs_tell_one_stays() -> None:
    found = [pairs([(0, song, 30) for song in range(1, 5)], 5 * [100])]
    assert staying(choose(found, np.array([[1, 2, 3], [2, 3, 0]]), np.arange(5))) == [1, 4]
    assert staying(choose(found, np.array([[1, 2, 3, 4], [2, 3, 0, 1]]), np.arange(5))) == [0]


def test_no_songs_and_no_pairs() -> None:
    assert chosen([], []).stays.tolist() == []
    assert chosen([], [5, 5]).stays.tolist() == [0, 1]


@settings(max_examples=100, deadline=None)
@given(
    edges=st.dictionaries(
        st.tuples(st.integers(0, 11), st.integers(0, 11)).filter(lambda pair: pair[0] < pair[1]),
        st.integers(20, 100),
        max_size=25,
    ),
    ranks=st.permutations(range(12)),
)
def test_no_two_songs_that_stay_are_a_pair_and_each_other_song_has_one_that_stays(edges, ranks) -> None:
    found = [pairs([(*pair, shared) for pair, shared in edges.items()], 12 * [100])]
    choice = choose(found, NONE, np.array(ranks))
    stays = set(staying(choice))
    assert not [pair for pair in edges if set(pair) <= stays]
    # A version stays for all versions in its chain, and of songs with the same shingles one has the pairs.
    near = {song: {song} for song in range(12)}
    for (one, other), shared in edges.items():
        if 100 * shared > VERSION * (200 - shared):
            joined = near[one] | near[other]
            near |= dict.fromkeys(joined, joined)
    reach = {
        song: set().union(*(near[other] for pair in edges if song in pair for other in pair)) | near[song]
        for song in near
    }
    for song in range(12):
        stand_ins = choice.between.get(song, [int(choice.stays[song])])
        assert set(stand_ins) <= stays
        assert (song in stays) == (stand_ins == [song])
        assert all(other in set().union(*(reach[version] for version in near[song])) for other in stand_ins)
