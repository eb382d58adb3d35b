"""note10ms-v1: against the rules written out plainly, and as a bijection in both directions."""

import math
from bisect import bisect_right
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsdl_bench.codecs.base import EOS
from fsdl_bench.codecs.midi import VELOCITY, MidiCodec
from fsdl_bench.errors import Rejected
from fsdl_bench.music.notes import DRUMS, Notes

CODEC = MidiCodec()
LENGTHS = [*range(1, 101), *range(105, 201, 5), *range(210, 501, 10), *range(525, 1001, 25)]
HOURS_2 = 720_000


def table(rows):
    """Notes of (start, end, family, pitch, velocity) rows."""
    columns = zip(*rows, strict=True) if rows else [[]] * 5
    start, end, family, pitch, velocity = (np.array(column) for column in columns)
    return Notes(
        start=start.astype(np.float64),
        end=end.astype(np.float64),
        family=family.astype(np.uint8),
        pitch=pitch.astype(np.uint8),
        velocity=velocity.astype(np.uint8),
        track=np.zeros(len(start), np.uint16),
    )


def by_the_rules(rows):
    """The tokens of a song, note by note, as the design says it."""
    steps = [(math.floor(100 * s + 0.5), math.floor(100 * e + 0.5), f, p, v) for s, e, f, p, v in rows]
    first = min(on for on, *_ in steps)
    longest = {}
    for on, end, family, pitch, velocity in steps:
        place = (on - first, family, pitch)
        longest[place] = max(longest.get(place, (0, 0)), (max(end - on, 1), velocity))
    tokens, now = [], 0
    for on, family, pitch in sorted(longest):
        gap, now = on - now, on
        while gap > 100:
            tokens.append(8 + 99)
            gap -= 100
        if gap:
            tokens.append(8 + gap - 1)
        tokens.append(108 + 128 * family + pitch)
        if family != DRUMS:
            length = longest[on, family, pitch][0]
            later = [other for other, *code in longest if code == [family, pitch] and other > on]
            length = min([length, 1000, *(other - on for other in later)])
            tokens.append(2284 + bisect_right(LENGTHS, length) - 1)
    return [*tokens, EOS]


# Few pitches and families, so that notes meet; times on and off the grid and at its ties; some long gaps.
times = st.one_of(
    st.integers(0, 400).map(lambda k: k / 200),
    st.floats(0, 3),
    st.integers(0, 6000).map(lambda k: k / 100),
)
lengths = st.one_of(st.just(0.0), st.integers(0, 300).map(lambda k: k / 200), st.floats(0, 20))
rows = st.builds(
    lambda start, length, family, pitch, velocity: (start, start + length, family, pitch, velocity),
    *(times, lengths, st.sampled_from([0, 1, 15, DRUMS]), st.sampled_from([0, 60, 61, 127])),
    st.integers(1, 127),
)
songs = st.lists(rows, min_size=1, max_size=40)


def same(a, b):
    return all(np.array_equal(getattr(a, field.name), getattr(b, field.name)) for field in fields(Notes))


def test_there_are_170_lengths():
    assert len(LENGTHS) == 170
    for index, length in enumerate(LENGTHS):
        assert CODEC.encode(table([(0, length / 100, 0, 60, 80)])).tolist() == [168, 2284 + index, EOS]


@given(songs)
@settings(max_examples=300)
def test_encode_follows_the_rules(song):
    tokens = CODEC.encode(table(song))
    assert tokens.dtype == np.uint16
    assert tokens.tolist() == by_the_rules(song)


@given(songs, st.randoms())
@settings(max_examples=100)
def test_the_order_of_the_notes_does_not_matter(song, random):
    shuffled = random.sample(song, len(song))
    assert np.array_equal(CODEC.encode(table(song)), CODEC.encode(table(shuffled)))


@given(songs, st.integers(-500, 500))
@settings(max_examples=100)
def test_a_song_may_begin_at_any_time_on_the_grid(song, step):
    on_grid = [(round(100 * s) / 100, round(100 * e) / 100, *rest) for s, e, *rest in song]
    moved = [((round(100 * s) + step) / 100, (round(100 * e) + step) / 100, *rest) for s, e, *rest in on_grid]
    assert np.array_equal(CODEC.encode(table(on_grid)), CODEC.encode(table(moved)))


@given(songs)
@settings(max_examples=200)
def test_decode_gives_the_canonical_song_which_is_its_own_canonical_form(song):
    tokens = CODEC.encode(table(song))
    canonical = CODEC.canonical(table(song))
    assert same(CODEC.decode(tokens), canonical)
    assert same(CODEC.decode(tokens[:-1]), canonical)
    assert same(CODEC.canonical(canonical), canonical)
    assert np.array_equal(CODEC.encode(canonical), tokens)
    assert set(canonical.velocity.tolist()) == {VELOCITY}
    assert canonical.start[0] == 0
    drums = canonical.family == DRUMS
    assert (np.round(100 * (canonical.end - canonical.start)[drums]) == 1).all()


@given(st.lists(songs, max_size=6))
@settings(max_examples=60)
def test_a_batch_is_encoded_as_its_songs_are(batch):
    tables = [table(song) for song in batch]
    together = CODEC.encode_batch(tables)
    assert [tokens.tolist() for tokens in together] == [CODEC.encode(song).tolist() for song in tables]


def test_a_batch_may_hold_more_notes_than_are_encoded_at_once():
    rng = np.random.default_rng(0)
    tables = [
        table([(s, s + 9 * rng.random(), k % 17, k, 80) for k, s in enumerate(90 * rng.random(n))])
        for n in (100, 1, 120) * 60
    ]
    together = CODEC.encode_batch(tables)
    assert all(
        np.array_equal(tokens, CODEC.encode(song)) for tokens, song in zip(together, tables, strict=True)
    )


def test_the_first_onset_is_subtracted_after_rounding():
    # 0.5 and 1.49 steps round to 1 and 1. Were 0.5 taken away before, the second would come a step later.
    tokens = CODEC.encode(table([(0.005, 0.02, 0, 60, 80), (0.0149, 0.03, 0, 61, 80)]))
    assert tokens.tolist() == [168, 2284, 169, 2285, EOS]


def test_of_notes_at_one_place_the_longest_stays():
    tokens = CODEC.encode(table([(0, 0.5, 0, 60, 127), (0.001, 0.8, 0, 60, 1), (0.003, 0.2, 0, 60, 90)]))
    assert tokens.tolist() == [168, 2284 + 79, EOS]


def test_the_excerpt_is_the_first_512_notes_and_says_whether_the_song_ended():
    for last, family in ((511, 0), (512, 0), (513, 0), (513, DRUMS), (600, 3)):
        song = table([(k / 10, k / 10 + 0.3, family, 60 + k % 2, 80) for k in range(last)])
        tokens = CODEC.encode(song)
        excerpt = CODEC.excerpt(tokens)
        assert CODEC.units(excerpt) == min(last, 512)
        assert (excerpt[-1] == EOS) == (last <= 512)
        assert np.array_equal(excerpt, tokens[: len(excerpt)])
        opening = CODEC.decode(excerpt)
        assert len(opening) == min(last, 512)
        again = CODEC.excerpt(CODEC.encode(opening)).tolist()
        assert again == excerpt.tolist() + [EOS] * (last > 512)


def test_counts_and_kinds():
    tokens = CODEC.encode(table([(0, 1, 0, 60, 80), (0.5, 0.6, DRUMS, 38, 80), (3, 9, 5, 40, 80)]))
    assert CODEC.units(tokens) == 3
    assert CODEC.seconds(tokens) == 9
    kinds = CODEC.token_kinds()
    assert {
        kind: sum(part.start <= token < part.stop for token in tokens) for kind, part in kinds.items()
    } == {
        "shift": 1 + 3,
        "note": 3,
        "dur": 2,
    }
    assert sum(part.stop - part.start for part in kinds.values()) == CODEC.vocab_size - 8


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "no notes"),
        ([(math.nan, 1, 0, 60, 80)], "non-finite times"),
        ([(0, 1, 0, 60, 80), (1, math.nan, 0, 60, 80)], "non-finite times"),
        ([(0, math.inf, 0, 60, 80)], "non-finite times"),
        ([(-math.inf, 1, 0, 60, 80)], "non-finite times"),
        ([(0, 1, 0, 60, 80), (7200, 7201, 0, 60, 80)], "longer than 2 hours"),
        ([(0, 1, 0, 60, 80), (7199.99, 7200.01, 0, 60, 80)], "longer than 2 hours"),
        ([(0, 1, 0, 60, 80), (1e300, 1e301, 0, 60, 80)], "longer than 2 hours"),
    ],
)
def test_what_is_no_song_is_rejected(rows, reason):
    song, fine = table(rows), table([(0, 1, 0, 60, 80)])
    for call in (CODEC.encode, CODEC.canonical, lambda song: CODEC.encode_batch([fine, song, fine])):
        with pytest.raises(Rejected) as caught:
            call(song)
        assert caught.value.reason == reason


def test_a_song_may_last_2_hours():
    song = table([(5, 6, 0, 60, 80), (7204.99, 7205, 0, 60, 80), (7204.98, 8000, DRUMS, 60, 80)])
    tokens = CODEC.encode(song)
    assert round(CODEC.seconds(tokens) * 100) == HOURS_2
    assert np.array_equal(CODEC.encode(CODEC.decode(tokens)), tokens)


@pytest.mark.parametrize("column", [{"family": [17]}, {"pitch": [128]}])
def test_families_and_pitches_that_do_not_exist_are_an_error(column):
    (name, values), song = *column.items(), table([(0, 1, 0, 60, 80)])
    with pytest.raises(ValueError, match="families are 0-16"):
        CODEC.encode(replace(song, **{name: np.array(values, np.uint8)}))
