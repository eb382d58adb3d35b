"""Transposed songs against decoding, moving the pitches, and encoding again."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsdl_bench import load_codec
from fsdl_bench.music.notes import Notes

CODEC = load_codec("note10ms-v1")


@st.composite
def songs(draw):
    count = draw(st.integers(1, 30))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    low = draw(st.integers(0, 100))
    start = np.sort(generator.integers(0, 300, count)) / 100
    family = generator.integers(0, 17, count).astype(np.uint8)
    notes = Notes(
        start=start,
        end=start + generator.integers(1, 200, count) / 100,
        family=family,
        pitch=generator.integers(low, min(low + 40, 128), count).astype(np.uint8),
        velocity=np.full(count, 80, np.uint8),
        track=family.astype(np.uint16),
    )
    return CODEC.encode(notes)


@settings(max_examples=60, deadline=None)
@given(song=songs())
def test_it_is_moving_the_pitches_and_encoding_again(common, song):
    transposer = common.transposition.Transposer(CODEC)
    notes = CODEC.decode(song)
    for semitones in transposer.shifts(song):
        pitch = np.where(notes.family == 16, notes.pitch, notes.pitch.astype(int) + semitones).astype(
            np.uint8
        )
        expected = CODEC.encode(replace(notes, pitch=pitch))
        assert np.array_equal(transposer(song, semitones), expected)


@settings(max_examples=60, deadline=None)
@given(song=songs())
def test_the_shifts_are_all_that_keep_the_song_in_range(common, song):
    transposer = common.transposition.Transposer(CODEC)
    allowed = transposer.shifts(song)
    assert 0 in allowed
    for semitones in range(-6, 6):
        if semitones in allowed:
            assert len(transposer(song, semitones)) == len(song)
        else:
            with pytest.raises(ValueError, match="leaves the pitches"):
                transposer(song, semitones)


def test_variants_differ_and_are_the_same_for_the_same_seed(common):
    transposer = common.transposition.Transposer(CODEC)
    song = np.array([108 + 60, 2284 + 9, 108 + 64, 2284 + 9, 2], np.uint16)
    one = [transposer.augment(song, np.random.default_rng(3)).tolist() for _ in range(2)]
    assert one[0] == one[1]
    generator = np.random.default_rng(0)
    assert len({tuple(transposer.augment(song, generator).tolist()) for _ in range(300)}) == 12
