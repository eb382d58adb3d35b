import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdl_bench.codecs.base import BOS, EOS, PAD
from fsdl_bench.codecs.lyrics import canonical
from fsdl_bench.codecs.words import BREAK, FIRST_WORD, WORDS, WordsCodec

CODEC = WordsCodec()
LINES = st.lists(st.lists(st.sampled_from(WORDS), max_size=5), min_size=1, max_size=6)
IDS = st.lists(st.integers(BREAK, CODEC.vocab_size - 1), max_size=30)


def test_the_words_are_distinct_plain_and_96():
    assert len(set(WORDS)) == len(WORDS) == 96
    assert all(word.isascii() and word.isalpha() and word.islower() for word in WORDS)
    assert CODEC.vocab_size == 100


@given(LINES)
def test_decode_inverts_encode(lines):
    text = "\n".join(" ".join(line) for line in lines)
    tokens = CODEC.encode(text)
    assert tokens.dtype == np.uint16
    assert CODEC.decode(tokens) == text
    assert len(tokens) == sum(map(len, lines)) + len(lines) + 1  # one token a word, one a line, EOS


@given(IDS)
def test_encode_inverts_decode_on_whole_songs(ids):
    tokens = np.array([*ids, BREAK, EOS], np.uint16)
    np.testing.assert_array_equal(CODEC.encode(CODEC.decode(tokens)), tokens)


@given(IDS, st.booleans())
def test_units_are_the_bytes_of_the_decoded_text(ids, whole):
    tokens = [*ids, BREAK, EOS] if whole else ids
    assert CODEC.units(tokens) == len(CODEC.decode(tokens).encode())


def test_a_song_as_it_stands():
    text = "mi lo\n\nna"
    assert CODEC.encode(text).tolist() == [4, 5, BREAK, BREAK, 6, BREAK, EOS]
    assert canonical(text) == text
    assert CODEC.units(CODEC.encode(text)) == 9


@pytest.mark.parametrize("text", ["mi  lo", " mi", "mi ", "mi xyz", "Mi", "mi\r\nlo", "mi\tlo"])
def test_other_text_is_refused(text):
    with pytest.raises(ValueError, match=r"line 1: .* is not a word of words-v1"):
        CODEC.encode(text)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ([4, EOS], r"position 1: EOS \(id 2\) inside a line"),
        ([EOS], "position 0: EOS"),
        ([4, PAD], "position 1: expected an id of 3-99, found 0"),
        ([BOS], "position 0"),
        ([4, 100], "found 100"),
        ([4, BREAK, EOS, 4], "position 2: EOS"),
    ],
)
def test_what_is_no_song_is_refused_by_position(tokens, message):
    with pytest.raises(ValueError, match=message):
        CODEC.decode(tokens)


@given(IDS)
def test_allowed_next_is_what_decode_takes(ids):
    allowed = CODEC.allowed_next(ids)
    for token in range(CODEC.vocab_size):
        try:
            CODEC.decode([*ids, token])
        except ValueError:
            assert not allowed[token]
        else:
            assert allowed[token]
    assert not CODEC.allowed_next([*ids, EOS]).any()


def test_excerpt_is_512_tokens():
    tokens = CODEC.encode("\n".join([" ".join(WORDS[:9])] * 60))
    assert CODEC.excerpt(tokens).tolist() == tokens[:512].tolist()
    assert CODEC.excerpt(tokens[-20:]).tolist() == tokens[-20:].tolist()
    assert CODEC.token_kinds() == {}
    assert tokens[0] == FIRST_WORD
