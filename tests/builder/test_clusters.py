"""Containers: a medley or complete set is left out, and its parts stay."""

from pathlib import Path

import numpy as np
import pytest

from fsdl_bench.builder.clusters import clusters, containers
from fsdl_bench.builder.duplicates import LYRICS_2, Pairs, near_pairs


def pairs(*sets: range) -> list[Pairs]:
    arrays = [np.array(list(numbers), np.uint64) * np.uint64(0x9E3779B97F4A7C15) for numbers in sets]
    return [near_pairs([np.sort(array) for array in arrays], LYRICS_2, Path("unused"))]


PART_1, PART_2, OTHER = range(1, 40), range(100, 160), range(500, 540)
MEDLEY = [*PART_1, *PART_2, *range(200, 210)]


def test_a_medley_and_its_parts() -> None:
    found = pairs(MEDLEY, PART_1, OTHER, PART_2)
    assert clusters(found).tolist() == [0, 0, 2, 0]
    assert containers(found) == {0: [1, 3]}
    assert clusters(found, [0]).tolist() == [0, 1, 2, 3]


def test_a_second_copy_of_the_medley_is_a_container_too() -> None:
    assert containers(pairs(MEDLEY, PART_1, MEDLEY, PART_2)) == {0: [1, 3], 2: [1, 3]}


@pytest.mark.parametrize(
    "songs",
    [
        (PART_1, range(1, 60)),  # a longer version of one song
        (range(1, 30), range(1, 30), MEDLEY),  # two copies of one part
        (range(1, 40), range(1, 36), range(1, 60)),  # two versions of one part
        (range(1, 50), range(30, 80), range(60, 110)),  # a chain of songs that overlap
    ],
)
def test_no_container(songs) -> None:
    assert containers(pairs(*songs)) == {}
