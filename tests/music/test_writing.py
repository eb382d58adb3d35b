"""Songs through a .mid file, and through pretty_midi, and back: not one token changes."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsdl_bench.codecs.midi import MidiCodec
from fsdl_bench.music.notes import DRUMS, FAMILIES, Notes
from fsdl_bench.music.reading import read_midi
from fsdl_bench.music.writing import to_pretty_midi, write_midi

CODEC = MidiCodec()


def song(steps, lengths, families, pitches):
    """Canonical notes; times in steps of 10 ms."""
    start = np.array(steps) / 100
    raw = Notes(
        start=start,
        end=start + np.array(lengths) / 100,
        family=np.array(families, np.uint8),
        pitch=np.array(pitches, np.uint8),
        velocity=np.full(len(start), 80, np.uint8),
        track=np.zeros(len(start), np.uint16),
    )
    return CODEC.canonical(raw)


notes = st.tuples(
    st.integers(0, 3000), st.integers(0, 1500), st.integers(0, DRUMS), st.sampled_from([0, 60, 61, 127])
)
songs = st.lists(notes, min_size=1, max_size=60).map(lambda rows: song(*zip(*rows, strict=True)))


def through_pretty_midi(notes):
    out = io.BytesIO()
    to_pretty_midi(notes).write(out)
    return out.getvalue()


@pytest.mark.parametrize("write", [write_midi, through_pretty_midi])
@given(songs)
@settings(max_examples=80)
def test_a_song_comes_back_from_its_file(write, notes):
    assert np.array_equal(CODEC.encode(read_midi(write(notes))), CODEC.encode(notes))


@pytest.mark.parametrize("write", [write_midi, through_pretty_midi])
@pytest.mark.parametrize(
    "notes",
    [
        # All 17 families at once, on the same pitches at the same times: some share a channel.
        song(
            *zip(*[(50 * k, 40, f, p) for k in range(20) for f in range(17) for p in (60, 64)], strict=True)
        ),
        # Notes that touch, again and again.
        song(range(0, 400, 3), [3] * 134, [0] * 134, [60] * 134),
        # Notes of 10 s, also one after another.
        song([0, 1000, 2000, 2000], [1000, 1000, 1000, 1000], [5, 5, 5, 6], [60, 60, 60, 60]),
        # Drums in every step.
        song([k // 3 for k in range(300)], [1] * 300, [DRUMS] * 300, [35 + k % 3 for k in range(300)]),
        # Gaps of just under, at and over SHIFT_100, up to the end of the second hour.
        song([0, 99, 199, 300, 401, 601, 719_000], [1, 1, 1, 1, 1, 1, 1000], [0] * 7, [60] * 7),
        song([0], [0], [15], [127]),
    ],
)
def test_hard_cases_come_back(write, notes):
    tokens = CODEC.encode(notes)
    assert np.array_equal(CODEC.encode(read_midi(write(notes))), tokens)


@pytest.mark.real
@pytest.mark.parametrize("source", ["pop909", "converted"])
def test_every_song_of_the_slices_comes_back(source, request):
    for index, (name, data) in enumerate(request.getfixturevalue(source).items()):
        tokens = CODEC.encode(read_midi(data))
        notes = CODEC.decode(tokens)
        assert np.array_equal(CODEC.encode(notes), tokens), name
        assert np.array_equal(CODEC.encode(read_midi(write_midi(notes))), tokens), name
        if index % 8 == 0:  # it is a hundred times slower
            assert np.array_equal(CODEC.encode(read_midi(through_pretty_midi(notes))), tokens), name
        excerpt = CODEC.excerpt(tokens)
        opening = CODEC.encode(read_midi(write_midi(CODEC.decode(excerpt))))
        assert np.array_equal(opening[: len(excerpt)], excerpt), name


def test_parts_are_instruments_with_the_name_and_a_program_of_their_family():
    everything = song(range(17), [9] * 17, range(17), [60] * 17)
    parts = to_pretty_midi(everything).instruments
    assert [part.name for part in parts] == list(FAMILIES)
    assert [part.program // 8 for part in parts[:DRUMS]] == list(range(16))
    assert [part.is_drum for part in parts] == [False] * 16 + [True]


def test_velocities_and_parts_of_notes_that_are_not_canonical_are_kept():
    raw = Notes(
        start=np.array([1.0, 1.0, 2.5]),
        end=np.array([2.0, 2.0, 2.75]),
        family=np.array([3, 3, 3], np.uint8),
        pitch=np.array([60, 60, 61], np.uint8),
        velocity=np.array([1, 127, 64], np.uint8),
        track=np.array([0, 1, 1], np.uint16),
    )
    again = read_midi(write_midi(raw))
    for column in ("start", "end", "family", "pitch", "velocity", "track"):
        assert getattr(again, column).tolist() == getattr(raw, column).tolist()


def test_a_note_before_the_song_is_an_error():
    early = song([0], [5], [0], [60])
    shifted = Notes(early.start - 1, early.end, early.family, early.pitch, early.velocity, early.track)
    with pytest.raises(ValueError, match=r"starts before the song does, at -1\.0 s"):
        write_midi(shifted)
