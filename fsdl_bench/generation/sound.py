"""The sound of notes as a `.wav` preview.

With the package tinysoundfont and a soundfont that is installed (`soundfont.py`) the instruments sound real.
Otherwise pretty_midi plays sine waves, and drums are silent.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fsdl_bench.generation.soundfont import find_soundfont
from fsdl_bench.music.notes import DRUMS, Notes
from fsdl_bench.music.writing import to_pretty_midi

Samples = npt.NDArray[np.float64]

RATE = 22_050
"""The default sample rate in Hz."""

_PEAK = 0.89
_TAIL = 0.5  # seconds after the last note
_DRUM_CHANNEL, _DRUM_BANK = 9, 128


def render(
    notes: Notes,
    rate: int = RATE,
    seconds: float | None = None,
    programs: Mapping[int, int] | None = None,
    *,
    font: Path | None = None,
) -> Samples:
    """Return the sound of notes: float64 [N] between -0.89 and 0.89, one channel.

    Args:
        notes: the notes; the sound starts at second 0.
        rate: the sample rate in Hz.
        seconds: render only the beginning of this length, and fade it out; None for all.
        programs: family -> General MIDI program; other families have their first program.
        font: a soundfont; the installed one by default, if tinysoundfont is installed too.
    """
    length = float(notes.end.max(initial=0.0)) + _TAIL
    cut = seconds is not None and seconds < length
    size = int(rate * (seconds if seconds is not None and cut else length)) + 1
    sound = np.zeros(size)
    font = font or find_soundfont()
    if not len(notes):
        return sound
    if font is not None and find_spec("tinysoundfont"):
        sound = _with_soundfont(notes, rate, size, programs or {}, font)
    else:
        found = to_pretty_midi(notes).synthesize(rate)[:size]
        sound[: len(found)] = found
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


def _with_soundfont(notes: Notes, rate: int, size: int, programs: Mapping[int, int], font: Path) -> Samples:
    import tinysoundfont

    synth: Any = tinysoundfont.Synth(samplerate=rate, gain=-6)
    loaded = synth.sfload(str(font))
    free = [channel for channel in range(16) if channel != _DRUM_CHANNEL]
    channels = {DRUMS: _DRUM_CHANNEL}
    for family in np.unique(notes.family).tolist():
        if family == DRUMS:
            synth.program_select(_DRUM_CHANNEL, loaded, _DRUM_BANK, 0, True)
        else:  # with 16 families, the last two share a channel
            channels[family] = free.pop(0) if len(free) > 1 else free[0]
            synth.program_select(channels[family], loaded, 0, programs.get(family, 8 * family), False)
    columns = (notes.start, notes.end, notes.family, notes.pitch, notes.velocity)
    events = []
    for start, end, family, pitch, velocity in zip(*(column.tolist() for column in columns), strict=True):
        events.append((round(start * rate), 1, channels[family], pitch, velocity))
        events.append((max(round(end * rate), round(start * rate) + 1), 0, channels[family], pitch, 0))
    parts, now = [], 0
    for place, sounds, channel, pitch, velocity in sorted(events):
        place = min(place, size)
        if place > now:
            parts.append(_generated(synth, place - now))
            now = place
        if now == size:
            break
        if sounds:
            synth.noteon(channel, pitch, velocity)
        else:
            synth.noteoff(channel, pitch)
    return np.concatenate([*parts, _generated(synth, size - now)])


def _generated(synth: Any, size: int) -> Samples:
    if not size:
        return np.zeros(0)
    stereo = np.frombuffer(synth.generate(size), np.float32).reshape(-1, 2).astype(np.float64)
    mono: Samples = stereo.mean(axis=1)
    return mono
