"""The tokens of each word: nothing is lost, and each byte counts for its own word."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdl_bench.codecs import load_codec
from fsdl_bench.codecs.base import EOS
from fsdl_bench.codecs.lyrics import LyricsCodec
from fsdl_bench.codecs.words import WORDS
from fsdl_bench.generation.by_word import by_word

TEXT = f"{WORDS[1]} {WORDS[2]}\n{WORDS[3]} {WORDS[4]}"
LYRICS = LyricsCodec.train(["the passing traveller\nwith wonder sees"] * 3, vocab_size=300)


@pytest.mark.parametrize("codec", [load_codec("words-v1"), LyricsCodec.train([TEXT] * 3, vocab_size=300)])
def test_words_with_the_space_before_them(codec):
    tokens = codec.encode(TEXT)
    found = by_word(codec, tokens, [np.ones(len(tokens))])
    assert "".join(word for word, _ in found) == codec.decode(tokens)
    assert [word.strip() for word, _ in found if word.strip()] == TEXT.split()


@given(
    st.text("the sewn\n,é世", min_size=1, max_size=40).filter(str.strip), st.randoms(use_true_random=False)
)
def test_each_byte_counts_for_its_word(text, random):
    tokens = LYRICS.encode(text)
    values = np.array([[random.random() for _ in tokens] for _ in range(2)])
    per_byte, waiting, text = [], np.zeros(2), LYRICS.decode(tokens)
    for token, value in zip(tokens.tolist(), values.T, strict=True):
        size = len(LYRICS.decode_bytes([token])) if token != EOS else 0
        waiting = waiting + (value if token != EOS else 0)
        if size:
            per_byte += [waiting / size] * size
            waiting = np.zeros(2)
    assert (waiting == 0).all(), "a text ends with a byte"
    assert len(per_byte) == len(text.encode())
    place = 0
    for word, sums in by_word(LYRICS, tokens, list(values)):
        end = place + len(word.encode())
        np.testing.assert_allclose(sums, np.sum(per_byte[place:end], axis=0))
        place = end
    assert place == len(per_byte)
