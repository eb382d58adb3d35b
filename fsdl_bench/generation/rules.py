"""The ids that may come next in a song, so that the codec can decode it. Each codec has its own rules.

    note10ms-v1   the codec's grammar: every song is canonical, encode(decode(x)) == x
    bpe4096-v1    valid UTF-8 (Table 3-7 of the Unicode standard); any tokenisation of a text is allowed
    others        the codec's `allowed_next`

EOS is never allowed in an empty song.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fsdl_bench.codecs.base import BOS, EOS, PAD, Codec
from fsdl_bench.codecs.lyrics import LyricsCodec
from fsdl_bench.codecs.midi import MidiCodec

Mask = npt.NDArray[np.bool_]

_PITCHES = 128


class Rules(Protocol):
    """The state of a song that is being sampled."""

    def allowed(self) -> Mask:
        """Return bool [V], the ids that may come next: at least one, unless the song has ended."""
        ...

    def push(self, token: int) -> None:
        """Append an allowed id."""
        ...

    @property
    def complete(self) -> bool:
        """Whether the tokens so far decode: as a song, or as the beginning of one."""
        ...


def rules_of(codec: Codec, families: Collection[int] | None = None) -> Rules:
    """Return the rules for a new song.

    Args:
        codec: the codec of the song.
        families: the instrument families that MIDI notes may have, at least one; None for all.
    """
    if isinstance(codec, MidiCodec):
        return _MidiRules(codec, families)
    if isinstance(codec, LyricsCodec):
        return _TextRules(codec)
    return _CodecRules(codec)


class _MidiRules:
    def __init__(self, codec: MidiCodec, families: Collection[int] | None) -> None:
        self._grammar = codec.grammar()
        self._ended = False
        self._wanted = np.ones(codec.vocab_size, bool)
        if families is not None:
            note = codec.token_kinds()["note"]
            self._wanted[note] = np.isin(np.arange(note.stop - note.start) // _PITCHES, list(families))
        self._mask = self._grammar.allowed() & self._wanted

    def allowed(self) -> Mask:
        return self._mask

    def push(self, token: int) -> None:
        self._grammar.push(token)
        self._mask = self._grammar.allowed() & self._wanted
        self._ended = token == EOS

    @property
    def complete(self) -> bool:
        return self._ended or bool(self._mask[EOS])


class _CodecRules:
    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._tokens: list[int] = []
        self._empty = True

    def allowed(self) -> Mask:
        mask = self._codec.allowed_next(self._tokens).copy()
        mask[EOS] &= not self._empty
        return mask

    def push(self, token: int) -> None:
        self._tokens.append(token)
        self._empty = self._empty and not self._codec.units(self._tokens)

    @property
    def complete(self) -> bool:
        return True


class _TextRules:
    def __init__(self, codec: LyricsCodec) -> None:
        self._next = _transitions(codec)
        self._state = 0
        self._empty = True

    def allowed(self) -> Mask:
        mask: Mask = self._next[self._state] >= 0
        mask[EOS] = self._state == 0 and not self._empty
        return mask

    def push(self, token: int) -> None:
        if token != EOS:
            self._state = int(self._next[self._state, token])
        self._empty = False

    @property
    def complete(self) -> bool:
        return self._state == 0


_TAIL = (0x80, 0xBF)
_STATES: tuple[tuple[tuple[int, int, int], ...], ...] = (
    (  # between characters: first bytes, and the state after each
        (0x00, 0x7F, 0),
        (0xC2, 0xDF, 1),
        (0xE0, 0xE0, 4),
        (0xE1, 0xEC, 2),
        (0xED, 0xED, 5),
        (0xEE, 0xEF, 2),
        (0xF0, 0xF0, 6),
        (0xF1, 0xF3, 3),
        (0xF4, 0xF4, 7),
    ),
    ((*_TAIL, 0),),  # one more byte
    ((*_TAIL, 1),),  # two more
    ((*_TAIL, 2),),  # three more
    ((0xA0, 0xBF, 1),),  # after E0: no overlong forms
    ((0x80, 0x9F, 1),),  # after ED: no surrogates
    ((0x90, 0xBF, 2),),  # after F0: no overlong forms
    ((0x80, 0x8F, 2),),  # after F4: at most U+10FFFF
)
"""UTF-8 as an automaton. Each state has (lowest byte, highest byte, next state)."""


@lru_cache(maxsize=4)
def _transitions(codec: LyricsCodec) -> npt.NDArray[np.int8]:
    """int8 [8, V]: the state after each token from each state; -1 if its bytes are not allowed there."""
    step = np.full((len(_STATES) + 1, 256), -1, np.int8)  # the last row, index -1, is the error state
    for state, ranges in enumerate(_STATES):
        for low, high, after in ranges:
            step[state, low : high + 1] = after
    table = np.full((len(_STATES), codec.vocab_size), -1, np.int8)
    for token in range(EOS + 1, codec.vocab_size):
        states = np.arange(len(_STATES), dtype=np.int8)
        for byte in codec.decode_bytes([token]):
            states = step[states, byte]
        table[:, token] = states
    table[:, [PAD, BOS, EOS]] = -1
    return table
