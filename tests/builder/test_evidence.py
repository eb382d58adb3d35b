"""What other songs tell about a pair: a quotation that both have, and copies that were missed."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fsdl_bench.builder.duplicates import LYRICS_3, MUSIC_3, Pairs, near_pairs
from fsdl_bench.builder.evidence import missed_versions, without_quotations

RULE = replace(MUSIC_3, common=100)
SONG = range(1000, 1300)


def arrays(*songs: Sequence[int]) -> list[np.ndarray]:
    return [np.sort(np.array(list(numbers), np.uint64) * np.uint64(0x9E3779B97F4A7C15)) for numbers in songs]


def codes(pairs: Pairs) -> set[tuple[int, int]]:
    return {(min(pair), max(pair)) for pair in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)}


def found(*songs: Sequence[int]) -> tuple[list[np.ndarray], Pairs]:
    sets = arrays(*songs)
    return sets, near_pairs(sets, RULE, Path("unused"))


def missed(*songs: Sequence[int]) -> set[tuple[int, int]]:
    sets, pairs = found(*songs)
    versions = missed_versions(pairs, lambda numbers: [sets[number] for number in numbers])
    return set(map(tuple, versions.T.tolist()))


def test_songs_that_only_share_a_quotation_are_no_pair() -> None:
    jingle = range(30)
    songs = [[*jingle, *range(100 * k, 100 * k + 90)] for k in range(1, 5)]
    _, pairs = found(jingle, *songs)
    assert len(codes(pairs)) == 10
    assert codes(without_quotations(pairs, RULE)) == {(0, k) for k in range(1, 5)}


def test_copies_stay_a_pair_whatever_they_quote() -> None:
    jingle = range(30)
    song = [*jingle, *range(100, 190)]
    _, pairs = found(jingle, song, song[:-20], [*song, *range(300, 340)])
    assert codes(without_quotations(pairs, RULE)) == codes(pairs)


def test_without_the_quotation_itself_nothing_is_known() -> None:
    _, pairs = found([*range(30), *range(100, 190)], [*range(30), *range(200, 290)])
    assert codes(without_quotations(pairs, RULE)) == {(0, 1)}


def test_poor_copies_of_one_song_are_a_pair() -> None:
    random = np.random.default_rng(0)
    copies = [
        [*random.choice(SONG, 90, replace=False), *range(10_000 * k, 10_000 * k + 210)] for k in range(1, 5)
    ]
    assert missed(SONG, *copies) >= {(1, 2), (2, 3), (3, 4), (0, 1)}


@pytest.mark.parametrize("size", [20, 30])  # of the passage; the first song has 80 shingles
def test_songs_that_share_a_passage_of_a_third_one_are_no_versions(size: int) -> None:
    songs = [[*range(size), *range(1000 * k, 1000 * k + 180 - size)] for k in (1, 2)]
    assert missed(range(80), *songs) == set()


def test_a_song_of_twice_the_length_that_holds_another_is_no_version() -> None:
    sets = arrays(range(30), *([*range(28), *range(100 * k, 100 * k + 46)] for k in range(1, 4)))
    pairs = near_pairs(sets, LYRICS_3, Path("unused"))
    assert codes(pairs) == {(0, 1), (0, 2), (0, 3)}
    assert missed_versions(pairs, lambda numbers: [sets[number] for number in numbers]).shape == (2, 0)


def test_the_parts_of_a_medley_and_songs_that_share_a_passage_are_no_pair() -> None:
    medley = [*range(150), *range(1000, 1150)]
    assert missed(medley, range(300), range(1000, 1300)) == set()
    jingle = range(2000, 2030)
    assert missed(jingle, [*jingle, *range(300)], [*jingle, *range(3000, 3300)]) == set()


def test_removed_shingles_do_not_make_versions() -> None:
    everywhere = range(5000, 5200)
    medley, *parts = [*range(150), *range(1000, 1150)], range(300), range(1000, 1300)
    sets = arrays(*([*song, *everywhere] for song in (medley, *parts)), *(everywhere for _ in range(9)))
    others = [np.r_[numbers, np.uint64(k)] for k, numbers in enumerate(sets[3:])]
    sets = [*sets[:3], *(np.sort(numbers) for numbers in others)]
    pairs = near_pairs(sets, replace(LYRICS_3, common=25), Path("unused"))
    assert len(pairs.removed) == len(everywhere)
    assert codes(pairs) == {(0, 1), (0, 2)}
    versions = missed_versions(pairs, lambda numbers: [sets[number] for number in numbers])
    assert versions.shape == (2, 0)
