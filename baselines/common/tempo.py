"""Play MIDI songs faster or slower: all times are multiplied by one factor, and the song is encoded again."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from fsdl_bench import EOS, Codec, Tokens

SLOWEST: Final = 0.9
FASTEST: Final = 1.1
"""The range of factors of the speed."""


def at_speed(song: Tokens, speed: float, codec: Codec) -> Tokens:
    """Return the song, uint16 [T], at another speed: canonical tokens again, with EOS only if it had one.

    Notes that fall on the same step of the codec's grid after rounding become one, as in any recording.
    """
    notes = codec.decode(song)
    moved = codec.encode(replace(notes, start=notes.start / speed, end=notes.end / speed))
    return codec.excerpt(moved if song[-1] == EOS else moved[:-1])


def any_speed(song: Tokens, random: np.random.Generator, codec: Codec) -> Tokens:
    """Return the song at a random speed; speeds and their reciprocals are equally likely."""
    return at_speed(song, float(np.exp(random.uniform(np.log(SLOWEST), np.log(FASTEST)))), codec)
