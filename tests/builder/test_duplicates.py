from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsdl_bench.builder import duplicates, spill
from fsdl_bench.builder.clusters import clusters as joined
from fsdl_bench.builder.duplicates import LYRICS, LYRICS_2, LYRICS_3, MUSIC, MUSIC_3, Rule, near_pairs
from fsdl_bench.builder.shingles import lyrics_shingles, music_shingles
from fsdl_bench.music.notes import Notes

SCRATCH = Path("unused")


def clusters(sets: Iterable[np.ndarray], rule: Rule, scratch: Path) -> np.ndarray:
    return joined([near_pairs(sets, rule, scratch)])


def brute_force(sets: list[set[int]], rule: Rule) -> list[int]:
    """Compare every pair of songs, as the definition says."""
    distinct = {frozenset(s) for s in sets}
    in_songs = Counter(x for s in distinct for x in s)
    common = {x for x, n in in_songs.items() if n > max(duplicates.COMMON, len(sets) * rule.common // 100)}
    frequent = {x for x, n in in_songs.items() if n > duplicates.FREQUENT} | common
    kept = [s - (frequent if rule.drop_frequent else common) for s in sets]
    label = list(range(len(sets)))
    for i, j in combinations(range(len(sets)), 2):
        a, b = kept[i], kept[j]
        shared = len(a & b)
        removed = max(len(sets[i] - a), len(sets[j] - b))
        alike = (
            bool((sets[i] & sets[j]) - frequent)
            and (
                shared >= rule.shared
                or (shared >= rule.few and shared / (len(a | b) + removed) >= rule.alike / 100)
            )
            and shared / min(len(a), len(b)) >= rule.containment / 100
            and shared / len(a | b) >= rule.jaccard / 100
        )
        if alike or (sets[i] == sets[j] and len(sets[i]) >= rule.least):
            old, new = sorted((label[i], label[j]))[::-1]
            label = [new if x == old else x for x in label]
    return label


def as_arrays(sets: list[set[int]]) -> list[np.ndarray]:
    # Spread over the whole range, as shingles are, so that all parts are used.
    return [np.array(sorted(s), np.uint64) * np.uint64(0x9E3779B97F4A7C15) for s in sets]


RULES = [
    LYRICS,
    LYRICS_2,
    Rule(20, shared=3, jaccard=3, drop_frequent=True),
    Rule(50, shared=2, jaccard=20),
    replace(LYRICS_3, shared=4),
    replace(MUSIC_3, shared=4, few=2, alike=50),
]


@settings(max_examples=60, deadline=None)
@given(
    sets=st.lists(st.sets(st.integers(1, 60), max_size=14), min_size=1, max_size=14),
    rule=st.sampled_from(RULES),
    limit=st.sampled_from([3, 100]),
    common=st.sampled_from([2, 10]),
)
def test_clusters_are_those_of_all_pairs(sets: list[set[int]], rule: Rule, limit: int, common: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "FREQUENT", limit)
        patch.setattr(duplicates, "COMMON", common)
        assert clusters(as_arrays(sets), rule, SCRATCH).tolist() == brute_force(sets, rule)


@pytest.mark.parametrize("rule", [LYRICS, LYRICS_2, MUSIC, LYRICS_3, MUSIC_3])
def test_a_larger_collection_spilled_to_disk(
    rule: Rule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(5)
    sizes = rng.integers(30, 150, 150)
    sets = [set(rng.zipf(1.5, n // 2).tolist()) | set(rng.integers(1, 3000, n).tolist()) for n in sizes]
    for i in range(0, 150, 3):  # copies with some of it changed, and equal ones
        sets[i] = {x for x in sets[i + 1] if rng.random() < 0.7} | set(rng.integers(1, 3000, 20).tolist())
        sets[i + 2] = sets[i + 1] if i % 2 else sets[i + 2]
    monkeypatch.setattr(duplicates, "_SLICE", 500)
    monkeypatch.setattr(duplicates, "FREQUENT", 40)
    monkeypatch.setattr(spill, "BUFFER_BYTES", 1000)
    got = clusters(as_arrays(sets), rule, tmp_path)
    assert got.tolist() == brute_force(sets, rule)
    assert 40 < len(set(got.tolist())) < 140
    assert not list(tmp_path.iterdir())


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sets(st.integers(1, 40), max_size=10), max_size=10), st.randoms(use_true_random=False))
def test_the_order_of_songs_does_not_matter(sets: list[set[int]], random) -> None:
    order = list(range(len(sets)))
    random.shuffle(order)
    straight = clusters(as_arrays(sets), RULES[2], SCRATCH)
    shuffled = clusters(as_arrays([sets[i] for i in order]), RULES[2], SCRATCH)
    together = {frozenset(np.flatnonzero(straight == x)) for x in straight}
    assert together == {frozenset(order[i] for i in np.flatnonzero(shuffled == x)) for x in shuffled}


def test_no_songs() -> None:
    assert clusters([], LYRICS, SCRATCH).tolist() == []


SONNET = """Shall I compare thee to a summer's day?
Thou art more lovely and more temperate:
Rough winds do shake the darling buds of May,
And summer's lease hath all too short a date:"""
REPRINT = """XVIII.
Shall I compare thee to a Summers day ?
Thou art more louely and more temperate :
Rough windes do shake the darling buds of Maie,
And Sommers lease hath all too short a date :"""
OTHER = """When, in disgrace with fortune and men's eyes,
I all alone beweep my outcast state,
And trouble deaf heaven with my bootless cries,
And look upon myself and curse my fate,"""


def test_an_old_print_of_a_poem_is_the_same_poem() -> None:
    assert clusters(lyrics_shingles([SONNET, OTHER, REPRINT]), LYRICS, SCRATCH).tolist() == [0, 1, 0]


def test_by_rule_2_a_short_text_does_not_chain_songs_that_share_one_phrase() -> None:
    poems = [f"once upon a time {name} went {name} home {name} again {name} alone" for name in "abcdefgh"]
    texts = ["once upon a", *poems]
    assert len(set(clusters(lyrics_shingles(texts), LYRICS, SCRATCH).tolist())) == 1
    assert len(set(clusters(lyrics_shingles(texts), LYRICS_2, SCRATCH).tolist())) == 9


def test_by_rule_2_short_copies_are_still_the_same_song() -> None:
    texts = ["an old silent pond a frog jumps in", "An old, silent pond: a frog jumps in!", "a frog jumps"]
    found = clusters(lyrics_shingles([*texts, texts[0] + " again"]), LYRICS_2, SCRATCH)
    assert found.tolist() == [0, 0, 2, 0]


def test_by_rule_3_a_notice_in_every_text_is_no_reason() -> None:
    notice = (
        "typed by the volunteers of the great archive of songs and free to copy for everyone who keeps it"
    )
    texts = [f"{notice} {name} went {name} home {name} again {name} alone" for name in "abcdefghijklmno"]
    texts += [texts[0] + " at last"]
    found = clusters(lyrics_shingles(texts), LYRICS_2, SCRATCH)
    assert len(set(found.tolist())) == 1
    found = clusters(lyrics_shingles(texts), LYRICS_3, SCRATCH)
    assert found.tolist() == [*range(15), 0]


@pytest.mark.parametrize(("onsets", "found"), [(24, True), (16, True), (12, True), (11, False)])
def test_by_rule_3_short_pieces_have_copies(onsets: int, found: bool) -> None:
    pitches = np.random.default_rng(1).integers(50, 80, (2, onsets))
    melodies = [notes(pitches[0], 1.0), notes(pitches[0] + 2, 1.04), notes(pitches[1], 1.0)]
    labels = clusters(music_shingles(melodies), MUSIC_3, SCRATCH).tolist()
    assert labels == ([0, 0, 2] if found else [0, 1, 2])
    assert clusters(music_shingles(melodies), MUSIC, SCRATCH).tolist() == [0, 1, 2]


def test_by_rule_3_short_pieces_that_share_a_pattern_stay_apart() -> None:
    random = np.random.default_rng(2)
    arpeggio = 4 * [48, 52, 55, 60, 55, 52]
    pieces = [notes(random.integers(60, 80, 20), 1.0, arpeggio) for _ in range(9)]
    assert clusters(music_shingles(pieces), MUSIC_3, SCRATCH).tolist() == list(range(9))


def notes(melody: np.ndarray, tempo: float, accompaniment: Sequence[int] = ()) -> Notes:
    """Return quarter notes in one or two parts."""
    pitch = np.concatenate([melody, accompaniment]).astype(np.uint8)
    onset = np.concatenate([np.arange(len(melody)), np.arange(len(accompaniment))]) * 0.25 * tempo
    part = np.repeat([0, 1], [len(melody), len(accompaniment)]).astype(np.uint16)
    return Notes(onset, onset + 0.2, np.zeros_like(pitch), pitch, np.full_like(pitch, 64), part)
