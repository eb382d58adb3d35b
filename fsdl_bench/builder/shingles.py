"""Shingles: represent a song as a set of 64-bit numbers that near-duplicates share.

Music: for each part except drums, take the skyline (the highest pitch at each onset on the 10 ms grid) and
its intervals. Every 7 intervals in a row with at least 3 distinct values are a shingle, at 8 bits each.
Intervals do not change under transposition. The outline does the same for all parts together, where notes
that follow each other within 40 ms are one chord: it does not change when the parts are merged or split, when
the tempo changes a little, or when someone plays the chords unevenly.

Lyrics: every 3 words in a row are a shingle, or every 3 characters if most letters are of a script without
spaces. Case, accents and punctuation do not count. A text with fewer than 3 is one shingle.

A bijection mixes the numbers, so that every range of numbers holds an even share of the shingles.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from fsdl_bench.music.notes import DRUMS, Notes

Shingles: TypeAlias = npt.NDArray[np.uint64]
"""The distinct shingles of one song, uint64 [n]."""

INTERVALS = 7
DISTINCT = 3
WORDS = 3
CHORD = 40
"""Milliseconds between the notes of one chord, at most."""

_BATCH = 32  # songs that are processed together: below 256, and few enough for the processor's cache
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U000323af]"
)  # Thai, Lao, Burmese, Khmer, kana, Han


def music_shingles(songs: Sequence[Notes]) -> list[Shingles]:
    """Return the shingles of each song's parts; empty if no part has 8 onsets."""
    return _by_batch(_parts, songs)


def outline_shingles(songs: Sequence[Notes]) -> list[Shingles]:
    """Return the shingles of each song's outline; empty if it has fewer than 8 chords."""
    return _by_batch(_outlines, songs)


def _by_batch(
    shingles: Callable[[Sequence[Notes]], list[Shingles]], songs: Sequence[Notes]
) -> list[Shingles]:
    """Process many songs in one pass over their concatenated notes."""
    out: list[Shingles] = []
    for start in range(0, len(songs), _BATCH):
        out += shingles(songs[start : start + _BATCH])
    return out


def _outlines(songs: Sequence[Notes]) -> list[Shingles]:
    # One number per note: song (8 bits), onset in milliseconds (48), 127 - pitch (8).
    key = (np.concatenate([notes.start for notes in songs]) * 1000.0 + 0.5).astype(np.uint64)
    key |= np.repeat(np.arange(len(songs), dtype=np.uint64) << 48, [len(notes) for notes in songs])
    key <<= 8
    key |= 127 - np.concatenate([notes.pitch for notes in songs])
    key = key[np.concatenate([notes.family for notes in songs]) != DRUMS]
    key.sort()
    onset = key >> 8
    chord = np.flatnonzero(np.r_[np.ones(min(len(key), 1), bool), onset[1:] - onset[:-1] > CHORD])
    if not len(chord):
        return [np.empty(0, np.uint64) for _ in songs]
    highest = np.minimum.reduceat(key & 0xFF, chord)
    return _grams(key[chord] >> 56 << 56 | highest, songs=len(songs))


def _parts(songs: Sequence[Notes]) -> list[Shingles]:
    # One number per note: song (8 bits), part (16), onset (32), 127 - pitch (8). The lowest number of each
    # (song, part, onset) is the note of the skyline.
    onset = np.concatenate([notes.start for notes in songs])
    onset *= 100.0
    onset += 0.5
    key = onset.astype(np.uint64)  # no time is negative, so this is the floor
    key <<= 8
    key |= 127 - np.concatenate([notes.pitch for notes in songs])
    part = np.concatenate([notes.track for notes in songs]).astype(np.uint64)
    part |= np.repeat(np.arange(len(songs), dtype=np.uint64) << 16, [len(notes) for notes in songs])
    part <<= 40
    key |= part
    drums = np.concatenate([notes.family for notes in songs]) == DRUMS
    if drums.any():
        key = key[~drums]
    key.sort()
    return _grams(key[_first(key >> 8)], songs=len(songs))


def _grams(sky: npt.NDArray[np.uint64], songs: int) -> list[Shingles]:
    """Return the shingles of each song.

    Args:
        sky: for each note of a line in order, song (8 bits), part (16), anything, 127 - pitch (8).
        songs: how many.
    """
    if len(sky) <= INTERVALS:
        return [np.empty(0, np.uint64) for _ in range(songs)]
    # Pitches are stored as 127 - pitch, so the differences are the negated intervals.
    low_bytes = sky.astype(np.uint8).view(np.int8)
    steps = np.zeros(len(sky) + 1, np.int8)  # one more byte, so that 8 bytes can be read everywhere
    np.subtract(low_bytes[1:], low_bytes[:-1], out=steps[: len(sky) - 1])
    count = len(sky) - INTERVALS
    columns = [steps[k : count + k] for k in range(INTERVALS)]
    low, high = np.minimum.reduce(columns), np.maximum.reduce(columns)
    # At least 3 distinct values: one is strictly between the lowest and the highest.
    varied = np.logical_or.reduce([(low < column) & (column < high) for column in columns])
    voice = sky >> 40
    varied &= voice[INTERVALS:] == voice[:-INTERVALS]
    # 7 steps in a row are the low 7 bytes of the number that begins at the first step.
    gram = np.lib.stride_tricks.as_strided(steps.view(np.uint8)[:8].view("<u8"), (count,), (1,))[varied]
    gram = gram.astype(np.uint64) & np.uint64(2**56 - 1)
    gram |= sky[:count][varied] >> 56 << 56
    gram.sort()
    gram = gram[_first(gram)]
    ends = np.searchsorted(gram, np.arange(1, songs, dtype=np.uint64) << 56)
    return np.split(_mix(gram & np.uint64(2**56 - 1)), ends)


def _first(ordered: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return where a value differs from the one before."""
    new = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    return new


def lyrics_shingles(texts: Sequence[str]) -> list[Shingles]:
    """Return the shingles of each text; empty only if it has no letter and no digit."""
    return [_text_shingles(text) for text in texts]


def _text_shingles(text: str) -> Shingles:
    if not text.isascii():
        # Remove marks: accents, and the vowel signs of Indic scripts, which would otherwise end a word.
        apart = unicodedata.normalize("NFKD", text.replace("’", "'"))
        text = "".join(char for char in apart if unicodedata.category(char)[0] != "M")
    words = _WORD.findall(text.casefold())
    letters = "".join(words)
    if 2 * len(_UNSPACED.findall(letters)) > len(letters):
        units = np.frombuffer(letters.encode("utf-32-le"), "<u4").astype(np.uint64)
    else:
        units = np.array([_word_number(word) for word in words], np.uint64)
    if len(units) < WORDS:
        units = np.concatenate([units, np.zeros(WORDS - len(units), np.uint64)]) if len(units) else units
    code = np.zeros(max(len(units) - WORDS + 1, 0), np.uint64)
    for k in range(WORDS):
        code = _mix(code + units[k : k + len(code)])
    return np.unique(code)


@lru_cache(maxsize=1 << 18)
def _word_number(word: str) -> int:
    return int.from_bytes(blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _mix(x: Shingles) -> Shingles:
    """The finaliser of splitmix64: a bijection on 64-bit numbers that spreads them evenly."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
