"""Shingles: a song as a set of 64-bit numbers that near-duplicates share.

Music: for each part that is no drums, the skyline (the highest pitch at each onset on the 10 ms grid), its
intervals, every 7 in a row with at least 3 distinct values. Intervals do not change under transposition,
and 7 of them at 8 bits each are the shingle itself.

Lyrics: every 3 words in a row; where most letters are of a script written without spaces, every 3
characters. Case, accents and punctuation do not count. A text with fewer than 3 is one shingle.

Numbers are mixed by a bijection, so that any range of them holds an even share of the shingles.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from fsdl_bench.music.notes import DRUMS, Notes

Shingles: TypeAlias = npt.NDArray[np.uint64]
"""The distinct shingles of one song, uint64 [n]."""

INTERVALS = 7
DISTINCT = 3
WORDS = 3

_BATCH = 64  # songs at a time: below 256, and small enough to stay in the cache
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U000323af]"
)  # Thai, Lao, Burmese, Khmer, kana, Han


def music_shingles(songs: Sequence[Notes]) -> list[Shingles]:
    """The shingles of each song; empty where no part has 8 onsets."""
    out: list[Shingles] = []
    for start in range(0, len(songs), _BATCH):
        out += _music_batch(songs[start : start + _BATCH])
    return out


def _music_batch(songs: Sequence[Notes]) -> list[Shingles]:
    """Many songs in one pass over their concatenated notes."""
    sizes = np.array([len(notes) for notes in songs])
    song = np.repeat(np.arange(len(songs), dtype=np.uint64), sizes)
    seconds = np.concatenate([notes.start for notes in songs])
    onset = np.floor(100.0 * seconds + 0.5).astype(np.uint64)
    part = np.concatenate([notes.track for notes in songs]).astype(np.uint64)
    pitch = np.concatenate([notes.pitch for notes in songs]).astype(np.uint64)
    keep = np.concatenate([notes.family for notes in songs]) != DRUMS

    # One number a note: song (8 bits), part (16), onset (32), 127 - pitch (8); the lowest of each
    # (song, part, onset) is the skyline's note.
    key = ((song << 56) | (part << 40) | (onset << 8) | (127 - pitch))[keep]
    key.sort()
    line = key >> 8
    sky = key[np.r_[True, line[1:] != line[:-1]]] if len(key) else key
    voice = sky >> 40
    steps = np.diff((sky & 0xFF).astype(np.int16))
    # A pitch is stored as 127 - pitch, so the differences are the intervals with their sign turned.
    within = voice[INTERVALS:] == voice[:-INTERVALS] if len(sky) > INTERVALS else np.zeros(0, bool)
    columns = [steps[k : len(steps) - INTERVALS + 1 + k] for k in range(INTERVALS)] if len(within) else []
    if not columns:
        return [np.empty(0, np.uint64) for _ in songs]
    low, high = np.minimum.reduce(columns), np.maximum.reduce(columns)
    # At least 3 distinct values: something lies strictly between the lowest and the highest.
    varied = np.logical_or.reduce([(low < column) & (column < high) for column in columns]) & within
    code = (sky[:-INTERVALS][varied] >> 56) << 56
    for k, column in enumerate(columns):
        code |= (column[varied] + 128).astype(np.uint64) << np.uint64(8 * k)
    code.sort()
    code = code[np.r_[True, code[1:] != code[:-1]]] if len(code) else code
    ends = np.searchsorted(code, np.arange(1, len(songs), dtype=np.uint64) << 56)
    return np.split(_mix(code & np.uint64(2**56 - 1)), ends)


def lyrics_shingles(texts: Sequence[str]) -> list[Shingles]:
    """The shingles of each text; empty only where it holds no letter and no digit."""
    return [_text_shingles(text) for text in texts]


def _text_shingles(text: str) -> Shingles:
    if not text.isascii():
        # Marks are no letters and go: accents, and the vowel signs of Indic scripts, which would end a word.
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
