"""The alphabet of `note10ms-v1`, and which token can follow which, from left to right.

A song is a chain of groups [SHIFT ...] NOTE [DUR]. A SHIFT advances the time; a second SHIFT can follow only
SHIFT_100. A song begins with a NOTE. Notes at one onset are in ascending order of (class, pitch), and no note
begins while another of its class and pitch sounds. DUR follows every NOTE except drums. EOS follows a group.
Every prefix that keeps these rules can be completed.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from fsdl_bench.codecs.base import EOS

SHIFT: Final = slice(8, 108)
"""Ids of SHIFT_1 to SHIFT_100."""

NOTE: Final = slice(108, 2284)
"""Ids of the notes, 108 + code, where code = 128 class + pitch."""

DUR: Final = slice(2284, 2454)
"""Ids of the 170 `DURATIONS`."""

VOCAB_SIZE: Final = 2454
DRUM_CODE: Final = 16 * 128
"""Codes from here on are drums, which have no DUR."""

MAX_STEPS: Final = 2 * 60 * 60 * 100
"""Within so many steps of its first onset, 2 hours, the last note of a song has ended."""

DURATIONS: Final[npt.NDArray[np.int64]] = np.concatenate(
    [np.arange(1, 101), np.arange(105, 201, 5), np.arange(210, 501, 10), np.arange(525, 1001, 25)]
)
"""int64 [170]: the lengths in steps that a note can have."""


def describe(token: int) -> str:
    """A token in words: `SHIFT_25`, `NOTE 3:60` (class:pitch), `DUR_105`, `EOS`."""
    if SHIFT.start <= token < SHIFT.stop:
        return f"SHIFT_{token - SHIFT.start + 1}"
    if NOTE.start <= token < NOTE.stop:
        return "NOTE {}:{}".format(*divmod(token - NOTE.start, 128))
    if DUR.start <= token < DUR.stop:
        return f"DUR_{DURATIONS[token - DUR.start]}"
    return "EOS" if token == EOS else "no token of a song"


class Grammar:
    """A sequence in the making: `push` a token, ask which ids are `allowed` next."""

    def __init__(self) -> None:
        self._length = 0
        self._time = 0
        self._code = -1  # of the last note at this time
        self._needs_dur = False
        self._shift = 0  # the SHIFT just before, in steps
        self._ended = False
        self._free_from = np.zeros(
            NOTE.stop - NOTE.start, dtype=np.int64
        )  # the time when each code is silent

    def push(self, token: int) -> None:
        """Append one id.

        Raises:
            ValueError: it cannot follow; names the position, the id and the reason. The state does not
            change.
        """
        why = self._objection(token)
        if why:
            raise ValueError(
                f"not canonical at position {self._length}: id {token} ({describe(token)}): {why}"
            )
        self._length += 1
        if token == EOS:
            self._ended = True
        elif token < SHIFT.stop:
            self._shift = token - SHIFT.start + 1
            self._time += self._shift
            self._code = -1
        elif token < NOTE.stop:
            self._code = token - NOTE.start
            self._needs_dur = self._code < DRUM_CODE
            self._shift = 0
        else:
            self._free_from[self._code] = self._time + DURATIONS[token - DUR.start]
            self._needs_dur = False

    def finish(self) -> None:
        """Check that the sequence is complete: an excerpt, or a song with EOS.

        Raises:
            ValueError: it stops within a group, or before the first note.
        """
        if not self._ended:
            why = self._objection(EOS)
            if why:
                raise ValueError(f"not canonical at position {self._length}, where it stops: {why}")

    def allowed(self) -> npt.NDArray[np.bool_]:
        """bool [2454]: the ids that `push` would take."""
        out = np.zeros(VOCAB_SIZE, dtype=np.bool_)
        if self._ended:
            return out
        if self._needs_dur:
            longest = np.searchsorted(DURATIONS, MAX_STEPS - self._time, side="right")
            out[DUR.start : DUR.start + longest] = True
            return out
        out[NOTE.start + self._code + 1 : NOTE.stop] = self._free_from[self._code + 1 :] <= self._time
        if self._length:
            out[EOS] = not self._shift
            if self._shift in (0, 100):
                out[SHIFT.start : SHIFT.start + min(100, MAX_STEPS - 1 - self._time)] = True
        return out

    def _objection(self, token: int) -> str:
        """Why `token` cannot follow, or nothing."""
        if self._ended:
            return "nothing follows EOS"
        if self._needs_dur != (DUR.start <= token < DUR.stop):
            return "a DUR follows a NOTE that is no drum, and only there"
        if self._needs_dur:
            over = self._time + DURATIONS[token - DUR.start] > MAX_STEPS
            return "the note ends after more than 2 hours" if over else ""
        if NOTE.start <= token < NOTE.stop:
            if token - NOTE.start <= self._code:
                return "notes at one onset rise in (class, pitch)"
            sounds = self._free_from[token - NOTE.start] > self._time
            return "the note before it of this class and pitch still sounds" if sounds else ""
        if token != EOS and not SHIFT.start <= token < SHIFT.stop:
            return "this id never occurs in a song"
        if not self._length:
            return "a song begins with a NOTE"
        if token == EOS:
            return "a NOTE follows a SHIFT" if self._shift else ""
        if self._shift not in (0, 100):
            return "a second SHIFT can follow only SHIFT_100"
        over = self._time + token - SHIFT.start + 1 >= MAX_STEPS
        return "the song is longer than 2 hours" if over else ""
