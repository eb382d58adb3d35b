"""Which tokens of a text belong to which word."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fsdl_bench.codecs.base import EOS, Codec, Tokens
from fsdl_bench.codecs.lyrics import LyricsCodec
from fsdl_bench.generation.nucleus import Floats

_WORD = re.compile(r"\s*\S+|\s+")


def by_word(codec: Codec, tokens: Tokens, values: Sequence[Floats]) -> list[tuple[str, Floats]]:
    """Return each word, with the space before it, and the sums of the values of its tokens, float64 [M].

    The values of a token are divided evenly among its bytes. Those of a token without bytes are given to the
    next token. EOS is left out.

    Args:
        codec: of the song, lyrics.
        tokens: uint16 [T].
        values: M times one for each token, [T].
    """
    inside = tokens != EOS
    sizes = np.diff(_byte_ends(codec, tokens[inside]), prepend=0)
    sized = np.flatnonzero(sizes)
    if not len(sized):
        return []
    owner = np.minimum(np.searchsorted(sized, np.arange(len(sizes))), len(sized) - 1)
    sums = np.stack([np.bincount(owner, each[inside], len(sized)) for each in values])
    per_byte = np.repeat(sums / sizes[sized], sizes[sized], axis=1)
    words, place = [], 0
    for word in _WORD.findall(codec.decode(tokens)):
        end = place + len(word.encode())
        words.append((word, per_byte[:, place:end].sum(axis=1)))
        place = end
    return words


def _byte_ends(codec: Codec, tokens: Tokens) -> npt.NDArray[np.int64]:
    """The length in bytes of the text up to each token."""
    if isinstance(codec, LyricsCodec):
        return np.cumsum([len(codec.decode_bytes([token])) for token in tokens.tolist()], dtype=np.int64)
    return np.array([len(codec.decode(tokens[: end + 1]).encode()) for end in range(len(tokens))], np.int64)
