"""The synthesizer: the pitch by Fourier transform, the level, the ends, the file by the standard library."""

import io
import wave

import numpy as np
import pytest

from fsdl_bench.generation.synthesis import synthesize, wav
from fsdl_bench.music.notes import DRUMS, Notes


def notes(*rows):
    """Of (start, end, family, pitch) rows."""
    start, end, family, pitch = np.array(rows, float).reshape(-1, 4).T
    same = np.full(len(rows), 80, np.uint8)
    return Notes(start, end, family.astype(np.uint8), pitch.astype(np.uint8), same, same.astype(np.uint16))


def strongest(sound, rate):
    """The frequency with most power, in Hz."""
    return np.fft.rfftfreq(len(sound), 1 / rate)[np.abs(np.fft.rfft(sound)).argmax()]


@pytest.mark.parametrize("family", range(16))
def test_a_is_440_hz_in_every_family(family):
    sound = synthesize(notes((0, 2, family, 69)))
    assert strongest(sound, 22_050) == pytest.approx(440, abs=1)


@pytest.mark.parametrize(("pitch", "hertz"), [(21, 27.5), (60, 261.63), (100, 2637.02)])
def test_other_pitches_and_another_rate(pitch, hertz):
    assert strongest(synthesize(notes((0, 2, 0, pitch)), rate=16_000), 16_000) == pytest.approx(hertz, abs=1)


def test_what_the_rate_cannot_hold_is_silent_and_does_not_fold_back():
    assert not synthesize(notes((0, 1, 0, 127))).any()  # 12,544 Hz
    sound = synthesize(notes((0, 2, 5, 100)), rate=8_000)  # partials at 2,637 Hz, and above 4,000 Hz
    power = np.abs(np.fft.rfft(sound)) ** 2
    frequencies = np.fft.rfftfreq(len(sound), 1 / 8_000)
    assert power[np.abs(frequencies - 2637) < 30].sum() > 0.99 * power.sum()


def test_it_never_clips_and_is_always_loud():
    chord = [(0, 1, family, pitch) for family in range(16) for pitch in range(40, 90)]
    for song in (notes(*chord), notes((0, 0.01, 0, 60)), notes((0, 0.01, DRUMS, 42))):
        assert np.abs(synthesize(song)).max() == pytest.approx(0.89)


def test_notes_begin_and_end_where_they_should():
    sound = synthesize(notes((0.5, 1.0, 0, 60), (2.0, 2.5, 2, 72)))
    heard = np.abs(sound) > 1e-3
    assert not heard[: int(0.499 * 22_050)].any()
    assert heard[int(0.5 * 22_050) : int(0.51 * 22_050)].any()
    assert not heard[int(1.3 * 22_050) : int(1.99 * 22_050)].any()
    assert not heard[int(2.6 * 22_050) :].any()
    assert sound[-1] == 0


def test_a_preview_is_cut_and_fades_out():
    long = notes(*((t, t + 1, 2, 60) for t in range(20)))
    sound = synthesize(long, seconds=5)
    assert len(sound) == 5 * 22_050 + 1
    assert np.abs(sound[-200:]).max() < 0.02
    assert np.abs(sound[2 * 22_050 : 4 * 22_050]).max() > 0.5
    assert len(synthesize(long, seconds=500)) == len(synthesize(long))


@pytest.mark.parametrize("pitch", [36, 38, 42, 45, 49, 81])
def test_drums_are_short_and_always_the_same(pitch):
    song = notes((0, 0.01, DRUMS, pitch), (1, 1.01, DRUMS, pitch))
    sound = synthesize(song)
    assert np.abs(sound[int(0.35 * 22_050) : int(0.99 * 22_050)]).max() < 1e-9
    np.testing.assert_array_equal(sound, synthesize(song))


def test_nothing_is_silence():
    assert not synthesize(notes()).any()


def test_the_file_holds_the_sound():
    sound = synthesize(notes((0, 0.2, 0, 60)), rate=16_000)
    with wave.open(io.BytesIO(wav(sound, 16_000))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        read = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    np.testing.assert_allclose(read / 32767, sound, atol=2e-5)
