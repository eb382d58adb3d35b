"""Notes to the tokens of `note10ms-v1`: rules 1 to 3 of `midi.py`, for several songs at once.

A build spends its time here and in the parser, so the integers are narrow and the passes few. The songs
follow each other in one column; `bounds` holds the start of each song and the end of the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from fsdl_bench.codecs.base import EOS, Tokens
from fsdl_bench.codecs.midi_grammar import DUR, DURATIONS, MAX_STEPS, NOTE, SHIFT
from fsdl_bench.errors import Rejected
from fsdl_bench.music.notes import DRUMS, Notes

STEPS = 100  # per second
_LONGEST = int(DURATIONS[-1])
_TOGETHER = 8192  # notes that are encoded at once; more would not stay in a core's cache

# By length in steps, from 0 (a drum) to 1000: the DUR token, and its steps.
_DURATION = np.maximum(np.searchsorted(DURATIONS, np.arange(_LONGEST + 1), side="right") - 1, 0)
_DUR_TOKEN = (DUR.start + _DURATION).astype(np.uint16)
FLOORED = DURATIONS[_DURATION]

Keys: TypeAlias = npt.NDArray[np.uint64]
"""Notes as integers by which they sort: from the lowest bit 16 of length, 16 of code, 32 of onset."""


def groups(songs: Sequence[Notes]) -> Iterator[list[Notes]]:
    """Songs in portions that are encoded fast."""
    group: list[Notes] = []
    waiting = 0
    for song in songs:
        if group and waiting + len(song) > _TOGETHER:
            yield group
            group, waiting = [], 0
        group.append(song)
        waiting += len(song)
    if group:
        yield group


def fields(keys: Keys) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16], npt.NDArray[np.uint32]]:
    """Views of the length, the code and the onset of each note."""
    return keys.view("<u2")[0::4], keys.view("<u2")[1::4], keys.view("<u4")[1::2]


def _sort(keys: Keys, bounds: list[int]) -> None:
    for start, stop in pairwise(bounds):
        keys[start:stop].sort()


def canonical(songs: Sequence[Notes]) -> tuple[Keys, list[int]]:
    """Rules 1 and 2: the canonical notes of each song, in order, and the bounds of the songs.

    The length of a note is not floored yet; a drum's is 0.
    """
    bounds = [0, *accumulate(len(song) for song in songs)]
    if any(start == stop for start, stop in pairwise(bounds)):
        raise Rejected("no notes")
    onset, length = steps(songs, bounds)
    family = np.concatenate([song.family for song in songs])
    pitch = np.concatenate([song.pitch for song in songs])
    if family.max() > DRUMS or pitch.max() > 127:
        raise ValueError(f"families are 0-16 and pitches 0-127; found {family.max()} and {pitch.max()}")
    if family.max() == DRUMS:
        length[family == DRUMS] = 0

    # First by (code, onset, length): the last of equals is the longest, and the one after it the next onset.
    place = family.astype(np.uint32)
    place <<= 7
    place |= pitch
    place <<= 20
    place |= onset.view(np.uint32)
    keys = np.zeros(len(place), dtype="<u8")
    key_length, key_code, key_onset = fields(keys)
    key_length[:] = length
    key_onset[:] = place
    _sort(keys, bounds)
    place[:] = key_onset
    step = np.empty_like(place)
    np.subtract(place[1:], place[:-1], out=step[:-1])
    step[[stop - 1 for stop in bounds[1:]]] = _LONGEST  # the last of a song has no next
    # To another code the step is more than 2^20 - MAX_STEPS, longer than any note, and so cuts nothing.
    np.minimum(key_length, step, out=key_length, casting="unsafe")
    key_code[:] = place >> 20
    place &= (1 << 20) - 1
    key_onset[:] = place
    if not step.all():
        longest = step != 0
        keys = keys[longest]
        kept = (int(np.count_nonzero(longest[start:stop])) for start, stop in pairwise(bounds))
        bounds = [0, *accumulate(kept)]
    _sort(keys, bounds)

    key_length, _, key_onset = fields(keys)
    if key_onset.max() + _LONGEST > MAX_STEPS and (key_onset + FLOORED[key_length]).max() > MAX_STEPS:
        raise Rejected("longer than 2 hours")
    return keys, bounds


def steps(songs: Sequence[Notes], bounds: list[int]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """On the grid: onsets from the first of each song, and lengths from 1 to 1000."""
    times = np.concatenate([song.start for song in songs] + [song.end for song in songs], dtype=np.float64)
    times *= STEPS
    times += 0.5
    earliest, latest = times.min(), times.max()
    if not (earliest > -1e9 and latest < 1e9):  # so written, nan fails too
        raise Rejected("longer than 2 hours" if np.isfinite(times).all() else "non-finite times")
    if earliest < 0:
        np.floor(times, out=times)
    steps = times.astype(np.int32)  # which floors what is positive
    onset, length = steps[: bounds[-1]], steps[bounds[-1] :]
    length -= onset
    np.minimum(length, _LONGEST, out=length)
    np.maximum(length, 1, out=length)
    for start, stop in pairwise(bounds):
        onset[start:stop] -= onset[start:stop].min()
    if onset.max() >= MAX_STEPS:
        raise Rejected("longer than 2 hours")
    return onset, length


def emit(keys: Keys, bounds: list[int]) -> list[Tokens]:
    """Rule 3: the tokens of the canonical notes, song by song, each with its EOS."""
    length, code, onset = fields(keys)
    last = np.array(bounds[1:]) - 1
    gap = np.zeros(len(keys), dtype=np.int64)
    np.subtract(onset[1:], onset[:-1], out=gap[1:], dtype=np.int64)
    gap[bounds[:-1]] = 0
    shifts = gap + 99
    shifts //= 100
    held = length > 0
    width = shifts + 1
    width += held
    width[last] += 1  # EOS
    stops = np.cumsum(width)
    at = stops - width
    at += shifts
    tokens = np.full(stops[-1], SHIFT.stop - 1, dtype=np.uint16)  # SHIFT_100 is what is not written below
    shifts *= 100
    gap -= shifts
    gap += SHIFT.stop - 1
    tokens[at - 1] = gap  # where there is no gap this spoils a token, which the next lines write
    if held.all():
        tokens[at + 1] = _DUR_TOKEN.take(length)
    else:
        tokens[at[held] + 1] = _DUR_TOKEN.take(length[held])
    tokens[at] = code + np.uint16(NOTE.start)
    ends = stops[last]
    tokens[ends - 1] = EOS
    return [tokens[start:stop] for start, stop in pairwise([0, *ends.tolist()])]
