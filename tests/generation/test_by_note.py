"""The tokens of each note, against a walk through the song."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fsdl_bench.codecs.base import EOS
from fsdl_bench.codecs.midi import MidiCodec
from fsdl_bench.generation.by_note import by_note

CODEC = MidiCodec()
SHIFT, NOTE, DRUM, DUR = 8, 108, 108 + 16 * 128, 2284
NOTES = st.tuples(st.integers(0, 3), st.booleans())
"""How many time shifts are before the note, and whether it is a drum, which has no duration."""


@given(st.lists(NOTES, min_size=1, max_size=20), st.booleans(), st.randoms(use_true_random=False))
def test_each_token_counts_for_one_note(notes, ended, random):
    tokens, owners = [], []
    for number, (shifts, drum) in enumerate(notes):
        own = [SHIFT] * shifts + ([DRUM] if drum else [NOTE, DUR])
        tokens += own
        owners += [number] * len(own)
    values = np.array([random.random() for _ in tokens] + [9.0] * ended)
    expected = [
        sum(v for v, owner in zip(values, owners, strict=False) if owner == n) for n in range(len(notes))
    ]
    found = by_note(CODEC, np.array(tokens + [EOS] * ended, np.uint16), values)
    np.testing.assert_allclose(found, expected)
