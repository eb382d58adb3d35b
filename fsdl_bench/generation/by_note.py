"""Which tokens of a MIDI song belong to which note."""

from __future__ import annotations

import numpy as np

from fsdl_bench.codecs.base import EOS, Codec, Tokens
from fsdl_bench.generation.nucleus import Floats


def by_note(codec: Codec, tokens: Tokens, values: Floats) -> Floats:
    """Return the sum of the values of each note's tokens, float64 [N].

    A time shift belongs to the note that follows, a duration to the note before. EOS is left out.

    Args:
        codec: of the song, MIDI.
        tokens: uint16 [T].
        values: one for each token, [T].
    """
    kinds = codec.token_kinds()
    is_note, is_shift = (
        (tokens >= kinds[kind].start) & (tokens < kinds[kind].stop) for kind in ("note", "shift")
    )
    owner = np.cumsum(is_note) - np.where(is_shift, 0, 1)
    inside = tokens != EOS
    sums = np.bincount(owner[inside], weights=values[inside], minlength=int(is_note.sum()))
    return sums.astype(np.float64)
