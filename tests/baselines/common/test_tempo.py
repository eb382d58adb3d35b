"""Songs at another speed: canonical, as long as they should be, and the same at speed 1."""

import numpy as np
import pytest

from fsdl_bench import EOS, synthetic_model
from fsdl_bench.codecs import load_codec

CODEC = load_codec("note10ms-v1")


@pytest.fixture
def tempo(baseline):
    return baseline("common.tempo")


@pytest.fixture(params=range(4))
def song(request):
    model = synthetic_model("midi-synthetic")
    return model.song(list(model.artists)[request.param], 0)


def test_speed_one_changes_nothing(tempo, song):
    assert tempo.at_speed(song, 1.0, CODEC).tolist() == song.tolist()
    cut = song[:-1]
    assert tempo.at_speed(cut, 1.0, CODEC).tolist() == cut.tolist()


@pytest.mark.parametrize("speed", [0.9, 0.97, 1.1])
def test_every_time_is_divided(tempo, song, speed):
    before, after = CODEC.decode(song), CODEC.decode(tempo.at_speed(song, speed, CODEC))
    assert len(after) == len(before)
    assert np.abs(np.sort(after.start) - np.sort(before.start) / speed).max() <= 0.0051
    assert after.pitch.tolist() == before.pitch.tolist()


def test_a_song_that_was_cut_gets_no_end(tempo, song):
    assert tempo.at_speed(song, 1.05, CODEC)[-1] == EOS
    assert tempo.at_speed(song[:-1], 1.05, CODEC)[-1] != EOS


def test_random_speeds_are_canonical(tempo, song):
    random = np.random.default_rng(0)
    lengths = set()
    for _ in range(20):
        again = tempo.any_speed(song, random, CODEC)
        notes = CODEC.decode(again)  # raises unless it is canonical
        lengths.add(round(float(notes.end.max()), 2))
    assert len(lengths) > 5


@pytest.mark.parametrize(("transpose", "share"), [(False, 0.0), (True, 0.0), (False, 0.5), (True, 1.0)])
def test_training_songs_change_as_the_settings_say(baseline, tempo, song, transpose, share):
    base = baseline("common.base")
    changed = base._changed(base.LSTMSettings(transpose=transpose, tempo=share), CODEC)
    random = np.random.default_rng(0)
    songs = [changed(song, random) for _ in range(200)]
    pitches = {tuple(CODEC.decode(one).pitch.tolist()) for one in songs}
    ends = [CODEC.decode(one).end.max() for one in songs]
    moved = np.mean([not np.isclose(end, CODEC.decode(song).end.max()) for end in ends])
    assert (len(pitches) > 1) == transpose
    assert abs(moved - share) < 0.12
