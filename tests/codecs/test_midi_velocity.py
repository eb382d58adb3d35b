"""The velocities that belong to the notes of the tokens, against a plain search."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fsdl_bench.codecs.midi import STEPS, MidiCodec
from fsdl_bench.codecs.midi_velocity import velocities
from fsdl_bench.music.notes import Notes

CODEC = MidiCodec()
TIME = st.integers(-30, 300).map(lambda step: step / 7)
NOTE = st.tuples(TIME, st.floats(0, 3), st.sampled_from([0, 4, 16]), st.integers(60, 62), st.integers(1, 127))
SONG = st.lists(NOTE, min_size=1, max_size=30)


def notes_of(rows):
    start, length, family, pitch, velocity = (np.array(column) for column in zip(*rows, strict=True))
    small = (family.astype(np.uint8), pitch.astype(np.uint8), velocity.astype(np.uint8))
    return Notes(start.astype(float), start + length, *small, np.zeros(len(rows), np.uint16))


@given(st.lists(SONG, min_size=1, max_size=4), st.integers(1, 40))
def test_each_note_is_as_loud_as_the_loudest_at_its_place(songs, most):
    read = [notes_of(rows) for rows in songs]
    tokens = []
    for song in read:
        whole = CODEC.encode(song)
        at = np.flatnonzero((whole >= 108) & (whole < 2284))
        tokens.append(whole[: at[most] if most < len(at) else len(whole)])  # as an excerpt is cut
    found = velocities(read, tokens)
    for rows, ids, own in zip(songs, tokens, found, strict=True):
        first = min(math.floor(STEPS * start + 0.5) for start, *_ in rows)
        loudest = {}
        for start, _, family, pitch, velocity in rows:
            place = (math.floor(STEPS * start + 0.5) - first, family, pitch)
            loudest[place] = max(loudest.get(place, 0), velocity)
        in_order = [loudest[place] for place in sorted(loudest)]
        assert own.dtype == np.uint8
        assert own.tolist() == in_order[: CODEC.units(ids)]


def test_no_songs():
    assert velocities([], []) == []
