"""Transpose MIDI songs as token sequences: shift the pitch of every note except drums.

A transposed canonical sequence is canonical: the order of simultaneous notes does not change, because all
pitched notes move by the same interval.
"""

from __future__ import annotations

import numpy as np

from fsdl_bench import Codec, Tokens

LOWEST, HIGHEST = -6, 5
"""The range of shifts in semitones: one for each of the twelve keys."""

DRUMS = 16
PITCHES = 128


class Transposer:
    """Shift songs of a codec whose note ids are `first + 128 * class + pitch`, such as `note10ms-v1`."""

    def __init__(self, codec: Codec) -> None:
        notes = codec.token_kinds()["note"]
        self.first, self.stop = notes.start, notes.start + PITCHES * DRUMS

    def __call__(self, song: Tokens, semitones: int) -> Tokens:
        """Return the song, uint16 [T], shifted.

        Raises:
            ValueError: a note would leave the range of MIDI pitches.
        """
        pitched = (song >= self.first) & (song < self.stop)
        moved = (song[pitched].astype(np.int64) - self.first) % PITCHES + semitones
        if len(moved) and not 0 <= moved.min() <= moved.max() < PITCHES:
            raise ValueError(f"{semitones} semitones: a note leaves the pitches 0 to {PITCHES - 1}")
        shifted = song.copy()
        shifted[pitched] = song[pitched].astype(np.int64) + semitones
        return shifted

    def shifts(self, song: Tokens) -> range:
        """Return the shifts from LOWEST to HIGHEST that keep every note in range; 0 is among them."""
        pitched = song[(song >= self.first) & (song < self.stop)].astype(np.int64)
        pitches = (pitched - self.first) % PITCHES
        lowest, highest = (int(pitches.min()), int(pitches.max())) if len(pitches) else (PITCHES, 0)
        return range(max(LOWEST, -lowest), min(HIGHEST, PITCHES - 1 - highest) + 1)

    def augment(self, song: Tokens, random: np.random.Generator) -> Tokens:
        """Return the song shifted at random."""
        shifts = self.shifts(song)
        return self(song, int(random.integers(shifts.start, shifts.stop)))
