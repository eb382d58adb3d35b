"""The grammar of note10ms-v1, left to right: against decode, by brute force, and by walking at random."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsdl_bench.codecs.base import BOS, EOS, PAD
from fsdl_bench.codecs.midi import MidiCodec
from fsdl_bench.music.notes import DRUMS, Notes

CODEC = MidiCodec()


def encoded(rows):
    """The tokens of (onset, length, family, pitch) rows in steps of 10 ms."""
    onset, length, family, pitch = np.array(rows).T
    velocity, track = np.full(len(rows), 80, np.uint8), np.zeros(len(rows), np.uint16)
    columns = (family.astype(np.uint8), pitch.astype(np.uint8), velocity, track)
    return CODEC.encode(Notes(onset / 100, (onset + length) / 100, *columns)).tolist()


rows = st.tuples(
    st.one_of(st.integers(0, 20), st.integers(0, 900)),
    st.integers(1, 300),
    st.sampled_from([0, 1, 15, DRUMS]),
    st.sampled_from([0, 60, 61, 127]),
)
songs = st.lists(rows, min_size=1, max_size=40).map(encoded)

# Sequences that are canonical, or nearly so.
ids = st.sampled_from(
    [8, 9, 57, 106, 107, 108, 168, 169, 2155, 2156, 2216, 2283, 2284, 2285, 2383, 2453, EOS]
)
changes = st.lists(
    st.tuples(st.sampled_from(["drop", "put", "change", "swap", "cut"]), st.integers(0, 200), ids), max_size=3
)


def changed(tokens, edits):
    tokens = list(tokens)
    for kind, at, token in edits:
        at %= max(len(tokens), 1)
        if kind == "put":
            tokens.insert(at, token)
        elif kind == "cut":
            tokens = tokens[:at]
        elif at < len(tokens):
            if kind == "drop":
                del tokens[at]
            elif kind == "change":
                tokens[at] = token
            else:
                tokens[at : at + 2] = tokens[at : at + 2][::-1]
    return tokens


def spell(tokens):
    """The sequence by the left-to-right rules; raises where they do not take it."""
    grammar = CODEC.grammar()
    for token in tokens:
        grammar.push(token)
    grammar.finish()


def fails(call, tokens):
    """What `call` has against the sequence, or None."""
    try:
        call(tokens)
    except ValueError as error:
        return str(error)
    return None


@given(st.one_of(st.builds(changed, songs, changes), st.lists(ids, max_size=12)))
@settings(max_examples=400)
def test_decode_refuses_a_sequence_or_encode_gives_it_back(tokens):
    why = fails(CODEC.decode, tokens)
    assert why == fails(spell, tokens)
    if why is None:
        again = CODEC.encode(CODEC.decode(tokens)).tolist()
        assert again == (tokens if tokens[-1] == EOS else [*tokens, EOS])
    else:
        assert "not canonical at position" in why


def can_follow(prefix, token):
    """By brute force: some ending makes a song of it. After a NOTE that is a DUR, after a SHIFT a drum."""
    endings = ([], [2284], [2283])
    return any(fails(CODEC.decode, [*prefix, token, *ending]) is None for ending in endings)


def test_allowed_next_is_exact_for_all_short_sequences_over_a_small_alphabet():
    alphabet = [PAD, BOS, EOS, 7, 8, 106, 107, 168, 169, 2216, 2283, 2284, 2285]
    level, checked = [[]], 0
    for _ in range(5):
        following = []
        for prefix in level:
            allowed = CODEC.allowed_next(prefix)
            assert allowed.shape == (CODEC.vocab_size,)
            for token in alphabet:
                checked += 1
                assert allowed[token] == can_follow(prefix, token), (prefix, token)
                if allowed[token]:
                    following.append([*prefix, token])
        level = following
    assert checked > 3500


@given(songs, st.integers(0, 60), st.data())
@settings(max_examples=60)
def test_allowed_next_is_exact_within_random_songs(tokens, cut, data):
    prefix = tokens[: cut % len(tokens)]
    allowed = CODEC.allowed_next(prefix)
    for token in data.draw(st.lists(st.integers(0, CODEC.vocab_size - 1), min_size=20, max_size=20)):
        assert allowed[token] == can_follow(prefix, token)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 7199]))
@settings(max_examples=40)
def test_a_random_walk_over_the_allowed_ids_is_a_song(seed, start):
    rng = np.random.default_rng(seed)
    grammar, tokens = CODEC.grammar(), []
    for token in [168, 2284, *[107] * start]:
        grammar.push(token)
        tokens.append(token)
    while True:
        allowed = np.flatnonzero(grammar.allowed())
        # SHIFT or NOTE first, since most ids are notes; EOS only from the 60th token on.
        shift = (allowed > 7) & (allowed < 108)
        kinds = [allowed[shift], allowed[allowed > 107]]
        if len(tokens) > start + 60 or not any(map(len, kinds)):
            kinds.append(allowed[allowed < 8])
        kinds = [kind for kind in kinds if len(kind)]
        tokens.append(int(rng.choice(kinds[rng.integers(len(kinds))])))
        grammar.push(tokens[-1])
        if tokens[-1] == EOS:
            break
    assert not grammar.allowed().any()
    assert CODEC.encode(CODEC.decode(tokens)).tolist() == tokens


@pytest.mark.parametrize(
    ("tokens", "says"),
    [
        ([], r"position 0, where it stops: a song begins with a NOTE"),
        ([EOS], r"position 0: id 2 \(EOS\): a song begins with a NOTE"),
        ([8, 168, 2284], r"position 0: id 8 \(SHIFT_1\): a song begins with a NOTE"),
        ([168], r"position 1, where it stops: a DUR follows"),
        ([168, 8], r"position 1: id 8 \(SHIFT_1\): a DUR follows a NOTE"),
        ([2156, 2284], r"position 1: id 2284 \(DUR_1\): a DUR follows a NOTE that is no drum"),
        ([168, 2284, 2284], r"position 2: id 2284 \(DUR_1\): a DUR follows"),
        ([168, 2284, 168, 2284], r"position 2: id 168 \(NOTE 0:60\): notes at one onset rise"),
        ([169, 2284, 168, 2284], r"position 2: id 168 \(NOTE 0:60\): notes at one onset rise"),
        ([2156, 2156], r"position 1: id 2156 \(NOTE 16:0\): notes at one onset rise"),
        ([168, 2285, 8, 168, 2284], r"position 3: id 168 \(NOTE 0:60\): the note before it .* still sounds"),
        ([168, 2284, 8], r"position 3, where it stops: a NOTE follows a SHIFT"),
        ([168, 2284, 8, EOS], r"position 3: id 2 \(EOS\): a NOTE follows a SHIFT"),
        (
            [168, 2284, 8, 8, 168, 2284],
            r"position 3: id 8 \(SHIFT_1\): a second SHIFT can follow only SHIFT_100",
        ),
        (
            [168, 2284, 57, 107, 168, 2284],
            r"position 3: id 107 \(SHIFT_100\): a second SHIFT can follow only SHIFT_100",
        ),
        ([168, 2284, EOS, EOS], r"position 3: id 2 \(EOS\): nothing follows EOS"),
        ([BOS, 168, 2284], r"position 0: id 1 \(no token of a song\): this id never occurs in a song"),
        ([168, 2284, PAD], r"position 2: id 0 \(no token"),
        ([168, 2284, 2454], r"position 2: id 2454 \(no token"),
        ([168, 2284, -1], r"position 2: id -1 \(no token"),
        ([168, 2284, *[107] * 7200, 168, 2284], r"position 7201: id 107 .*longer than 2 hours"),
        ([168, 2284, *[107] * 7199, 106, 168, 2285], r"ends after more than 2 hours"),
    ],
)
def test_what_is_not_canonical_is_named(tokens, says):
    with pytest.raises(ValueError, match=says):
        CODEC.decode(tokens)
    with pytest.raises(ValueError, match=says):
        spell(tokens)


@pytest.mark.parametrize("tokens", [[[168, 2284]], [168.0, 2284.0], 168, ["a"]])
def test_what_is_no_row_of_ids_is_refused(tokens):
    with pytest.raises(ValueError, match="expected a row of integer ids"):
        CODEC.decode(tokens)


def test_a_prefix_that_begins_no_song_has_no_next():
    with pytest.raises(ValueError, match="position 1"):
        CODEC.allowed_next([168, 168])
