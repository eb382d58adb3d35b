"""Allowed ids: against the codecs, against Python's own UTF-8 decoder, and by walking at random."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsdl_bench.codecs.base import BOS, EOS, PAD
from fsdl_bench.codecs.lyrics import LyricsCodec
from fsdl_bench.generation.rules import rules_of

TAILS = [bytes(tail) for length in range(4) for tail in product(b"\x80\xbf", repeat=length)]


def goes_on(data):
    """Whether bytes begin some valid UTF-8, and whether they end between characters, as Python sees it."""
    valid = [is_text(data + tail) for tail in TAILS]
    return any(valid), valid[0]


def unfinished(data):
    """The last bytes, from the beginning of the last character."""
    return next((data[-n:] for n in (1, 2, 3, 4) if n <= len(data) and data[-n] >= 0xC0), data[-1:])


def is_text(data):
    try:
        return bool(data.decode("utf-8")) or not data
    except UnicodeDecodeError:
        return False


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(0, 40))
def test_text_goes_on_as_python_decodes_it(bpe, seed, length):
    rng = np.random.default_rng(seed)
    rules, tokens = rules_of(bpe), []
    for _ in range(length):
        many_bytes = rng.random() < 0.6  # else nearly all that is drawn is ASCII
        options = np.flatnonzero(rules.allowed())
        options = options[options != EOS]
        if many_bytes and (high := options[options >= 3 + 0x80]).size:
            options = high
        tokens.append(int(rng.choice(options)))
        rules.push(tokens[-1])
    before = unfinished(bpe.decode_bytes(tokens))
    mask = rules.allowed()
    for token in range(EOS + 1, bpe.vocab_size):
        assert mask[token] == goes_on(before + bpe.decode_bytes([token]))[0], (before, token)
    assert not mask[[PAD, BOS]].any()
    assert rules.complete == goes_on(before)[1]
    assert mask[EOS] == (rules.complete and bool(tokens))


def test_every_byte_after_every_first_one_is_judged_as_python_does():
    bytes_only = LyricsCodec(())
    for first in range(256):
        rules = rules_of(bytes_only)
        if not rules.allowed()[3 + first]:
            assert not goes_on(bytes([first]))[0]
            continue
        rules.push(3 + first)
        expected = [goes_on(bytes([first, second]))[0] for second in range(256)]
        assert rules.allowed()[3:].tolist() == expected, first


def test_they_are_the_codecs_own(codec):
    """At every step of a random walk, the codec's `allowed_next` allows what the rules allow."""
    rng = np.random.default_rng(0)
    for _ in range(5):
        rules, tokens = rules_of(codec), []
        while len(tokens) < 60 and tokens[-1:] != [EOS]:
            mask, own = rules.allowed(), codec.allowed_next(tokens)
            assert not (mask & ~own).any()
            if codec.kind == "midi" or codec.name == "words-v1":
                assert (mask == own)[np.arange(len(own)) != EOS].all()
            tokens.append(int(rng.choice(np.flatnonzero(mask))))
            rules.push(tokens[-1])
            if rules.complete:
                codec.decode(tokens)
            elif codec.kind == "midi":
                with pytest.raises(ValueError, match="not canonical"):
                    codec.decode(tokens)


def test_no_song_is_empty(codec):
    assert not rules_of(codec).allowed()[EOS]
