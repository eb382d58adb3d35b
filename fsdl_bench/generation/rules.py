"""What may follow in a song that is being written, so that it decodes: one set of rules for each codec.

A song of `note10ms-v1` goes by the codec's grammar: whatever is drawn is canonical, encode(decode(x)) == x.
A song of `bpe4096-v1` is valid UTF-8 at every token that ends a character: an id is left out if its bytes
cannot go on from those before it, by Table 3-7 of the Unicode standard. Two spellings of one text by
different tokens are both allowed, as the codec's `decode` allows them. Any other codec is asked
`allowed_next`. In all of them a song holds something before it ends.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fsdl_bench.codecs.base import BOS, EOS, PAD, Codec
from fsdl_bench.codecs.lyrics import LyricsCodec
from fsdl_bench.codecs.midi import MidiCodec

Mask = npt.NDArray[np.bool_]


class Rules(Protocol):
    """A song in the making."""

    def allowed(self) -> Mask:
        """bool [V]: the ids that may follow. At least one, unless the song has ended."""
        ...

    def push(self, token: int) -> None:
        """Append an id that is allowed."""
        ...

    @property
    def stands(self) -> bool:
        """Whether what is there decodes as it is: as a song, or as the beginning of one."""
        ...


def rules_of(codec: Codec) -> Rules:
    """The rules for a new song."""
    if isinstance(codec, MidiCodec):
        return _MidiRules(codec)
    if isinstance(codec, LyricsCodec):
        return _TextRules(codec)
    return _CodecRules(codec)


class _MidiRules:
    def __init__(self, codec: MidiCodec) -> None:
        self._grammar = codec.grammar()
        self._mask = self._grammar.allowed()
        self._ended = False

    def allowed(self) -> Mask:
        return self._mask

    def push(self, token: int) -> None:
        self._grammar.push(token)
        self._mask = self._grammar.allowed()
        self._ended = token == EOS

    @property
    def stands(self) -> bool:
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
    def stands(self) -> bool:
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
    def stands(self) -> bool:
        return self._state == 0


_TAIL = (0x80, 0xBF)
_STATES: tuple[tuple[tuple[int, int, int], ...], ...] = (
    (  # between characters: ranges of first bytes, and the state after each
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
    ((0xA0, 0xBF, 1),),  # after E0: nothing that has a shorter form
    ((0x80, 0x9F, 1),),  # after ED: no surrogates
    ((0x90, 0xBF, 2),),  # after F0: nothing that has a shorter form
    ((0x80, 0x8F, 2),),  # after F4: nothing above U+10FFFF
)
"""UTF-8 as an automaton: from each state the ranges of bytes that may come, and the state after them."""


@lru_cache(maxsize=4)
def _transitions(codec: LyricsCodec) -> npt.NDArray[np.int8]:
    """int8 [8, V]: the state after each token from each state; -1 where its bytes may not come."""
    step = np.full((len(_STATES) + 1, 256), -1, np.int8)  # the last row is -1: once wrong, always wrong
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
