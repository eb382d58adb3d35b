"""The velocities of a song's notes, which `note10ms-v1` leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from fsdl_bench.codecs.base import Tokens
from fsdl_bench.codecs.midi_encoding import steps
from fsdl_bench.codecs.midi_grammar import NOTE, SHIFT
from fsdl_bench.music.notes import Notes

Velocities = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]


def velocities(songs: Sequence[Notes], tokens: Sequence[Tokens]) -> list[Velocities]:
    """Return the velocity of each canonical note, uint8 [N] for each song, in the order of the tokens.

    Where notes became one, it has the velocity of the loudest.

    Args:
        songs: as they were read.
        tokens: of each song, or the beginning of them.
    """
    if not songs:
        return []
    bounds = [0, *accumulate(map(len, songs))]
    onset = steps(songs, bounds)[0].astype(np.int64)
    code = np.concatenate([song.family for song in songs]).astype(np.int64) << 7
    code |= np.concatenate([song.pitch for song in songs])
    played = _keys(np.repeat(np.arange(len(songs)), np.diff(bounds)), code, onset)
    order = played.argsort()
    played = played[order]
    first = np.flatnonzero(np.diff(played, prepend=-1))
    loudest = np.maximum.reduceat(np.concatenate([song.velocity for song in songs])[order], first)

    ids = np.concatenate(tokens).astype(np.int64)
    ends = np.cumsum([len(one) for one in tokens])
    at = np.flatnonzero((ids >= NOTE.start) & (ids < NOTE.stop))
    number = np.searchsorted(ends, at, side="right")
    passed = np.cumsum(np.where((ids >= SHIFT.start) & (ids < SHIFT.stop), ids - SHIFT.start + 1, 0))
    before = np.concatenate([[0], passed[ends[:-1] - 1]])  # of the songs before
    written = _keys(number, ids[at] - NOTE.start, passed[at] - before[number])
    found = loudest[np.searchsorted(played[first], written)]
    return np.split(found, np.searchsorted(number, np.arange(1, len(songs))))


def _keys(song: Places, code: Places, onset: Places) -> Places:
    return song << 33 | code << 21 | onset
