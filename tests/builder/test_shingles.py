import unicodedata
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsdl_bench.builder.shingles import lyrics_shingles, music_shingles, outline_shingles
from fsdl_bench.music.notes import DRUMS, Notes

note = st.tuples(
    st.integers(0, 400),  # centiseconds
    st.integers(58, 64) | st.integers(0, 127),
    st.sampled_from([0, 1, 2]),  # part
    st.sampled_from([0, 5, DRUMS]),
)
song = st.lists(note, min_size=1, max_size=80)


def as_notes(song) -> Notes:
    start = np.array([onset / 100 for onset, *_ in song])
    return Notes(
        start=start,
        end=start + 0.1,
        family=np.array([family for *_, family in song], np.uint8),
        pitch=np.array([pitch for _, pitch, *_ in song], np.uint8),
        velocity=np.full(len(song), 64, np.uint8),
        track=np.array([part for _, _, part, _ in song], np.uint16),
    )


def naive(song) -> set[tuple[int, ...]]:
    """Compute the shingles as the definition says."""
    grams = set()
    for part in {part for _, _, part, _ in song}:
        sky: dict[int, int] = {}
        for onset, pitch, its_part, family in song:
            if its_part == part and family != DRUMS:
                sky[onset] = max(sky.get(onset, -1), pitch)
        line = [sky[onset] for onset in sorted(sky)]
        steps = [b - a for a, b in pairwise(line)]
        for i in range(len(steps) - 6):
            gram = tuple(steps[i : i + 7])
            if len(set(gram)) >= 3:
                grams.add(gram)
    return grams


@settings(max_examples=60, deadline=None)
@given(st.lists(song, min_size=1, max_size=6))
def test_music_shingles_are_the_grams_one_to_one(songs) -> None:
    found = music_shingles([as_notes(song) for song in songs])
    expected = [naive(song) for song in songs]
    assert [len(set(f.tolist())) for f in found] == [len(f) for f in found] == [len(e) for e in expected]
    for i in range(len(songs)):
        for j in range(i):
            shared = np.intersect1d(found[i], found[j])
            assert len(shared) == len(expected[i] & expected[j])


def naive_outline(song) -> set[tuple[int, ...]]:
    """Compute the outline's shingles as the definition says; onsets are multiples of 10 ms."""
    line: list[int] = []
    last = None
    for onset, pitch, _, family in sorted(song):
        if family != DRUMS:
            if last is not None and onset - last <= 4:
                line[-1] = max(line[-1], pitch)
            else:
                line.append(pitch)
            last = onset
    steps = [b - a for a, b in pairwise(line)]
    grams = {tuple(steps[i : i + 7]) for i in range(len(steps) - 6)}
    return {gram for gram in grams if len(set(gram)) >= 3}


@settings(max_examples=60, deadline=None)
@given(st.lists(song, min_size=1, max_size=6))
def test_outlines_are_the_grams_one_to_one(songs) -> None:
    found = outline_shingles([as_notes(song) for song in songs])
    expected = [naive_outline(song) for song in songs]
    assert [len(set(f.tolist())) for f in found] == [len(f) for f in found] == [len(e) for e in expected]
    for i in range(len(songs)):
        for j in range(i):
            assert len(np.intersect1d(found[i], found[j])) == len(expected[i] & expected[j])


@settings(max_examples=30, deadline=None)
@given(song, st.integers(-12, 12), st.integers(0, 5000))
def test_neither_key_nor_start_nor_company_matters(song, up: int, later: int) -> None:
    high = [(onset, 30 + pitch % 64, part, family) for onset, pitch, part, family in song]
    moved = [(onset + later, pitch + up, part, family) for onset, pitch, part, family in high]
    alone, [_, beside] = music_shingles([as_notes(high)]), music_shingles([as_notes(song), as_notes(moved)])
    assert alone[0].tolist() == beside.tolist()


def test_more_songs_than_go_through_together(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    songs = [
        as_notes(
            list(zip(range(0, 900, 10), rng.integers(40, 80, 90).tolist(), [0] * 90, [0] * 90, strict=True))
        )
        for _ in range(150)
    ]
    together = music_shingles(songs)
    one_by_one = [music_shingles([song])[0] for song in songs]
    assert all(np.array_equal(a, b) for a, b in zip(together, one_by_one, strict=True))
    assert min(map(len, together)) > 50


def naive_words(text: str) -> set[tuple[str, ...]]:
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if c.isalnum() or c == " ")
    words = plain.split()
    return {tuple(words[i : i + 3]) for i in range(len(words) - 2)} or ({tuple(words)} if words else set())


words = st.lists(st.sampled_from(["a", "be", "Be", "see", "dé", "dé"[::1]]), max_size=12).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(words, words)
def test_text_shingles_are_the_word_triples_one_to_one(one: str, other: str) -> None:
    a, b = lyrics_shingles([one, other])
    assert len(a) == len(naive_words(one))
    assert len(np.intersect1d(a, b)) == len(naive_words(one) & naive_words(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Sea, the sea!", "the sea - THE SEA"),
        ("o\u2019er the hill", "o'er the hill"),
        ("Où es-tu, déjà", "ou es tu deja"),
        ("ﬁne words here", "fine words here"),
        ("春花秋月何時了，往事知多少", "春花秋月何時了\n往事知多少。"),
    ],
)
def test_case_accents_and_punctuation_do_not_count(one: str, other: str) -> None:
    a, b = lyrics_shingles([one, other])
    assert a.tolist() == b.tolist() != []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("春花秋月何時了", 5),  # characters
        ("ฉันรักเธอ", 5),  # Thai: vowels above the line are marks
        ("हिन्दी में गाना है", 2),  # Devanagari: vowel signs do not end a word
        ("사랑해 너를 정말 많이", 2),  # Korean spaces its words
        ("one two 三", 1),
        ("花", 1),
        ("one two", 1),
        ("... !", 0),
        ("", 0),
    ],
)
def test_the_unit_follows_the_script(text: str, count: int) -> None:
    assert len(lyrics_shingles([text])[0]) == count


def test_shingles_spread_over_the_whole_range() -> None:
    rng = np.random.default_rng(0)
    steps = zip(range(4000), rng.integers(50, 70, 4000).tolist(), [0] * 4000, [0] * 4000, strict=True)
    shingles = music_shingles([as_notes(list(steps))])[0]
    share = np.bincount((shingles >> np.uint64(61)).astype(int), minlength=8) / len(shingles)
    assert share.min() > 0.1
