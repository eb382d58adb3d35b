"""A small additive synthesizer that turns notes into sound, for previews.

    note(t) = level * envelope(t) * sum_k a_k exp(-t k b) sin(2 pi k f t),     f = 440 * 2^((pitch - 69) / 12)

over the partials below 0.45 of the sample rate, which avoids aliasing. Struck and plucked instruments decay;
blown, bowed and sung ones are sustained. Drums are noise; drums with a skin also have a falling tone. This is
only a preview: play the `.mid` with real instruments for more.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fsdl_bench.music.notes import DRUMS, Notes

Samples = npt.NDArray[np.float64]

RATE = 22_050
"""The default sample rate in Hz."""

_PEAK = 0.89
_HIGHEST = 0.45


@dataclass(frozen=True)
class _Voice:
    """The sound of an instrument family.

    Attributes:
        partials: the amplitudes a_1, a_2, ...
        decay: the decay rate of the held sound in 1/s.
        damping: b, the additional decay rate of each further partial in 1/s.
        attack: seconds.
        release: seconds.
    """

    partials: tuple[float, ...]
    decay: float
    damping: float
    attack: float
    release: float


_STRUCK = _Voice((1, 0.55, 0.3, 0.18, 0.1, 0.06), 1.6, 0.9, 0.004, 0.12)
_BELL = _Voice((1, 0.1, 0.45, 0.05, 0.2), 3.0, 1.0, 0.002, 0.3)
_PLUCKED = _Voice((1, 0.7, 0.45, 0.3, 0.2, 0.12), 2.4, 1.6, 0.003, 0.08)
_ORGAN = _Voice((1, 0.6, 0.4, 0.3, 0.0, 0.15), 0.0, 0.0, 0.02, 0.06)
_BOWED = _Voice((1, 0.6, 0.5, 0.35, 0.25, 0.15), 0.15, 0.2, 0.07, 0.12)
_SUNG = _Voice((1, 0.5, 0.22, 0.12, 0.05), 0.1, 0.1, 0.06, 0.14)
_BLOWN = _Voice((1, 0.15, 0.35, 0.1, 0.15), 0.1, 0.1, 0.04, 0.08)
_BRASS = _Voice((1, 0.8, 0.65, 0.45, 0.3, 0.2), 0.2, 0.3, 0.04, 0.08)
# fmt: off
_VOICES = (
    _STRUCK, _BELL, _ORGAN, _PLUCKED, _PLUCKED, _BOWED, _SUNG, _BRASS,
    _BLOWN, _BLOWN, _BRASS, _SUNG, _SUNG, _PLUCKED, _BELL, _SUNG,
)
# fmt: on
"""The voice of each General MIDI family."""

_KICKS, _TOMS, _SNARES = (35, 36), (41, 43, 45, 47, 48, 50), (37, 38, 39, 40)


def synthesize(notes: Notes, rate: int = RATE, seconds: float | None = None) -> Samples:
    """Return the sound of the notes: float64 [N] between -0.89 and 0.89, one channel.

    Args:
        notes: the notes; the sound starts at second 0.
        rate: the sample rate in Hz.
        seconds: synthesize only the beginning of this length, and fade it out; None for all.
    """
    length = float(notes.end.max(initial=0.0)) + 0.35
    cut = seconds is not None and seconds < length
    size = int(rate * (seconds if seconds is not None and cut else length)) + 1
    sound = np.zeros(size)
    for start, part in _parts(notes, rate, size):
        stop = min(start + len(part), size)
        sound[start:stop] += part[: stop - start]
    if cut:
        fade = min(size, rate // 2)
        sound[size - fade :] *= np.linspace(1, 0, fade)
    peak = float(np.abs(sound).max(initial=0.0))
    return sound * (_PEAK / peak) if peak else sound


def wav(sound: Samples, rate: int = RATE) -> bytes:
    """Return a `.wav` file (16 bits, one channel) of a sound between -1 and 1."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(sound * 32767).astype("<i2").tobytes())
    return out.getvalue()


def _parts(notes: Notes, rate: int, size: int) -> Iterator[tuple[int, Samples]]:
    """Yield (first sample, sound) of each note."""
    noise = np.random.default_rng(0)
    columns = (notes.start, notes.end, notes.family, notes.pitch, notes.velocity)
    for start, end, family, pitch, velocity in zip(*(column.tolist() for column in columns), strict=True):
        place = round(start * rate)
        if place >= size:
            continue
        level = (velocity / 127) ** 1.5
        if family == DRUMS:
            yield place, level * _drum(pitch, rate, noise)
        else:
            yield place, level * _tone(_VOICES[family], pitch, end - start, rate)


def _tone(voice: _Voice, pitch: int, held: float, rate: int) -> Samples:
    t = np.arange(int((held + voice.release) * rate) + 1) / rate
    frequency = 440.0 * 2.0 ** ((pitch - 69) / 12)
    sound = np.zeros(len(t))
    for number, amplitude in enumerate(voice.partials, 1):
        if number * frequency < _HIGHEST * rate:
            wave_ = np.sin((2 * np.pi * number * frequency) * t)
            sound += amplitude / sum(voice.partials) * np.exp(-voice.damping * (number - 1) * t) * wave_
    sound *= np.exp(-voice.decay * t) * np.minimum(t / voice.attack, 1)
    return sound * np.clip((held + voice.release - t) / voice.release, 0, 1)


def _drum(pitch: int, rate: int, noise: np.random.Generator) -> Samples:
    skin = pitch in _KICKS + _TOMS + _SNARES
    t = np.arange(int((0.3 if skin else 0.12) * rate)) / rate
    rattle = noise.standard_normal(len(t)) * np.exp(-t / (0.05 if pitch in _SNARES else 0.025))
    if not skin:  # cymbals and shakers: high frequencies only
        return 0.25 * np.diff(rattle, prepend=0.0)
    low = 50 if pitch in _KICKS else 180 if pitch in _SNARES else 60 + 3 * (pitch - 41)
    falling = np.sin(2 * np.pi * (low * t + 0.02 * low * (1 - np.exp(-t / 0.02))))
    tone = falling * np.exp(-t / 0.09)
    return 0.9 * tone + (0.25 if pitch in _SNARES else 0.03) * rattle
