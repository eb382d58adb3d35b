"""The sound of previews: the pitch by Fourier transform, the level, the ends, the file."""

import io
import wave
from importlib.util import find_spec

import numpy as np
import pytest

from fsdl_bench.errors import BadInput
from fsdl_bench.generation import sound
from fsdl_bench.generation.sound import render, wav
from fsdl_bench.generation.soundfont import find_soundfont
from fsdl_bench.music.notes import Notes

PLAYERS = ["tinysoundfont", "pretty_midi"] if find_spec("tinysoundfont") else ["pretty_midi"]


@pytest.fixture(params=PLAYERS, autouse=True)
def player(request, monkeypatch):
    """Each of the players that are installed, in turn."""
    found = request.param == "tinysoundfont"
    monkeypatch.setattr(sound, "find_spec", lambda name: find_spec(name) if found else None)
    return request.param


def notes(*rows):
    """Notes from rows of (start, end, family, pitch)."""
    start, end, family, pitch = zip(*rows, strict=True) if rows else ([], [], [], [])
    family = np.array(family, np.uint8)
    return Notes(
        np.array(start, float),
        np.array(end, float),
        family,
        np.array(pitch, np.uint8),
        np.full(len(family), 80, np.uint8),
        family.astype(np.uint16),
    )


@pytest.mark.parametrize("pitch", [57, 69, 81])
def test_the_strongest_partial_is_the_pitch_or_its_octave(pitch):
    heard = render(notes((0, 2, 0, pitch)))
    strongest = np.abs(np.fft.rfft(heard * np.hanning(len(heard)))).argmax() * 22_050 / len(heard)
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    assert min(abs(strongest / hertz - partial) for partial in (1, 2, 3)) < 0.01


def test_the_length_the_level_and_the_end():
    heard = render(notes((0, 2, 0, 60), (1, 2, 5, 64)))
    assert len(heard) == pytest.approx(2.5 * 22_050, abs=2)
    assert np.abs(heard).max() == pytest.approx(0.89)
    cut = render(notes((0, 9, 0, 60)), rate=8_000, seconds=1.5)
    assert len(cut) == 12_001
    assert cut[-1] == 0


def test_no_notes_are_silence():
    assert not render(notes()).any()


def test_drums_and_all_families_can_be_played():
    rows = [(family / 8, family / 8 + 0.2, family, 60) for family in range(16)] + [(0, 0.01, 16, 38)]
    assert np.isfinite(render(notes(*rows), programs={3: 25})).all()


def test_the_file_is_a_wav():
    data = wav(np.array([0.0, 0.5, -0.5]), rate=8_000)
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8_000, 1, 2)
        assert np.frombuffer(file.readframes(3), "<i2").tolist() == [0, 16384, -16384]


def test_the_soundfont_is_the_one_in_pretty_midi_or_the_wanted_one(tmp_path):
    found = find_soundfont()
    assert found.read_bytes()[8:12] == b"sfbk"
    own = tmp_path / "own.sf2"
    own.write_bytes(b"RIFF")
    assert find_soundfont(own) == own
    with pytest.raises(BadInput, match=r"expected a .sf2 or .sf3 file"):
        find_soundfont(tmp_path / "none.sf2")
