"""Sampling: whatever the scores, a song that decodes; the right frequencies; the right likelihood."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

import fsdl_bench
from fsdl_bench.codecs.base import EOS
from fsdl_bench.codecs.lyrics import LyricsCodec
from fsdl_bench.codecs.midi import MidiCodec
from fsdl_bench.codecs.midi_grammar import DUR, NOTE, SHIFT
from fsdl_bench.codecs.words import WordsCodec
from fsdl_bench.errors import BadInput
from fsdl_bench.evaluation.scoring import token_nats
from fsdl_bench.generation.rules import rules_of
from fsdl_bench.generation.sampler import draw, write
from fsdl_bench.generation.settings import Sampling
from fsdl_bench.submissions.checking import ContractError

CPU = torch.device("cpu")


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32),
    spread=st.sampled_from([0.0, 3.0, 50.0]),
    favours=st.sampled_from([(), (107,), (108 + 60,), (2283,), (EOS,), (2453,)]),
    temperature=st.sampled_from([0.0, 0.7, 1.0, 3.0]),
    top_p=st.sampled_from([0.2, 1.0]),
    limits=st.sampled_from([{}, {"max_notes": 1}, {"max_notes": 9}, {"max_tokens": 2}, {"max_tokens": 21}]),
)
def test_any_scores_give_canonical_music(streamed, seed, spread, favours, temperature, top_p, limits):
    codec = MidiCodec()
    limits = limits or {"max_notes": 40}
    predictor = streamed(codec.vocab_size, spread, favours)
    tokens = fsdl_bench.sample(predictor, codec, seed=seed, temperature=temperature, top_p=top_p, **limits)
    assert tokens.dtype == np.uint16
    again = codec.encode(codec.decode(tokens))
    assert tokens.tolist() == again[: len(tokens)].tolist()
    assert len(again) == len(tokens) + (tokens[-1] != EOS)
    assert 1 <= codec.units(tokens) <= limits.get("max_notes", 99)
    assert len(tokens) <= limits.get("max_tokens", 9999)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32),
    favours=st.sampled_from([(), (3 + 0xE6, 3 + 0x98), (3 + 0xF4,), (EOS,)]),
    temperature=st.sampled_from([0.0, 1.0, 3.0]),
    most=st.sampled_from([1, 7, 50]),
)
def test_any_scores_give_valid_text(streamed, bpe, seed, favours, temperature, most):
    predictor = streamed(bpe.vocab_size, 3.0, favours)
    tokens = fsdl_bench.sample(predictor, bpe, seed=seed, temperature=temperature, max_tokens=most)
    assert len(tokens) <= most
    text = bpe.decode_bytes(tokens).decode("utf-8")  # strict: raises on half a character
    assert bpe.decode(bpe.encode(text)) == text == bpe.decode(tokens)


def test_half_a_character_at_the_limit_is_left_out():
    codec = LyricsCodec(())
    scripted = _Scripted(codec.vocab_size, [3 + byte for byte in "a月".encode()])
    for most, text in ((1, "a"), (2, "a"), (3, "a"), (4, "a月")):
        tokens = fsdl_bench.sample(scripted, codec, temperature=0, max_tokens=most)
        assert codec.decode(tokens) == text


def test_a_note_without_its_length_is_left_out():
    codec = MidiCodec()
    song = [NOTE.start + 60, DUR.start, SHIFT.start + 99, SHIFT.start, NOTE.start + 64, DUR.start + 3]
    for most, kept in ((2, 2), (3, 2), (4, 2), (5, 2), (6, 6)):
        tokens = fsdl_bench.sample(_Scripted(codec.vocab_size, song), codec, temperature=0, max_tokens=most)
        assert tokens.tolist() == song[:kept]


def test_music_ends_with_the_last_note_that_is_wanted():
    codec = MidiCodec()
    drum = NOTE.start + 16 * 128 + 36
    song = [NOTE.start + 60, DUR.start, drum, SHIFT.start, NOTE.start + 64, DUR.start + 3, EOS]
    for most, kept in ((1, 2), (2, 3), (3, 6), (4, 7)):
        tokens = fsdl_bench.sample(_Scripted(codec.vocab_size, song), codec, temperature=0, max_notes=most)
        assert tokens.tolist() == song[:kept]


def test_without_limits_a_song_is_as_long_as_an_excerpt():
    codec = MidiCodec()
    never_ends = torch.zeros(codec.vocab_size)
    never_ends[EOS] = -torch.inf
    song = fsdl_bench.sample(_Fixed(never_ends), codec)
    assert codec.units(song) == 512
    assert codec.excerpt(song).tolist() == song.tolist()
    assert len(fsdl_bench.sample(_Fixed(never_ends[:100]), WordsCodec())) == 512


def test_frequencies_are_the_masked_softmax():
    """Songs of two notes under fixed scores: first, second and third token, each against its own softmax."""
    codec = MidiCodec()
    rng = np.random.default_rng(5)
    scores = np.full(codec.vocab_size, -np.inf)
    ids = np.array([0, 1, EOS, 8, 12, 168, 170, 180, 2200, 2284, 2300])
    scores[ids] = rng.normal(size=len(ids))
    predictor = _Fixed(torch.from_numpy(scores))
    generator = np.random.default_rng(1)
    songs = [fsdl_bench.sample(predictor, codec, seed=generator, max_notes=2) for _ in range(3000)]
    starts = [168, 170, 180, 2200]
    _fits([song[0] for song in songs], starts, scores)
    pitched = [song for song in songs if song[0] < 2156]
    _fits([song[1] for song in pitched], [2284, 2300], scores)
    # After NOTE 168 DUR: EOS, a SHIFT, or a note above it.
    followed = [song[2] for song in pitched if song[0] == 168]
    _fits(followed, [EOS, 8, 12, 170, 180, 2200], scores)


def _fits(drawn, ids, scores):
    p = np.exp(scores[ids])
    counts = np.array([np.count_nonzero(np.array(drawn) == token) for token in ids])
    assert counts.sum() == len(drawn) > 300
    assert chisquare(counts, len(drawn) * p / p.sum()).pvalue > 0.001


def test_a_chi_square_of_wrong_frequencies_would_fail():
    """The power of the test above: scores that are off by a tenth of their temperature."""
    rng = np.random.default_rng(5)
    scores = rng.normal(size=4)
    p = np.exp(1.3 * scores)
    drawn = rng.choice(4, size=3000, p=p / p.sum())
    with pytest.raises(AssertionError):
        _fits(drawn, [0, 1, 2, 3], scores)


def test_a_song_is_as_likely_as_the_harness_says(streamed, codec):
    """log p summed by `draw` over the stream equals the harness's over `logits` of the whole song."""
    predictor = streamed(codec.vocab_size, 2.0)
    settings = Sampling(temperature=1.3, top_p=0.9, max_tokens=40)
    drawn = draw(predictor.stream(), codec, np.random.default_rng(3), settings)
    scores = predictor.logits(torch.from_numpy(drawn.tokens.astype(np.int64))[None])[0]
    np.testing.assert_allclose(drawn.nats, token_nats(scores, drawn.tokens), rtol=1e-10)


def test_without_a_stream_the_songs_are_the_same(streamed, hashed, codec):
    quick = fsdl_bench.sample(streamed(codec.vocab_size), codec, seed=4, max_tokens=25)
    with pytest.warns(UserWarning, match=r"Hashed has no `stream\(\)`.* grows with the square"):
        slow = fsdl_bench.sample(hashed(codec.vocab_size), codec, seed=4, max_tokens=25)
    assert quick.tolist() == slow.tolist()


def test_songs_depend_on_the_seed_alone(streamed, codec):
    predictor = streamed(codec.vocab_size)
    first, again, other = (
        fsdl_bench.sample(predictor, codec, seed=seed, max_tokens=30).tolist() for seed in (1, 1, 2)
    )
    state = np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    assert first == again != other
    assert state == (np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
    generator = np.random.default_rng(1)
    both = [fsdl_bench.sample(predictor, codec, seed=generator, max_tokens=30).tolist() for _ in range(2)]
    assert both[0] == first != both[1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_notes": 0}, "at least 1"),
        ({"max_tokens": 1}, "at least 2"),
        ({"temperature": -1.0}, "temperature"),
        ({"top_p": 0.0}, "top_p"),
    ],
)
def test_bad_settings_are_named(streamed, settings, message):
    with pytest.raises(BadInput, match=message):
        fsdl_bench.sample(streamed(2454), MidiCodec(), **settings)


def test_lyrics_have_no_notes(streamed):
    with pytest.raises(BadInput, match="use max_tokens for lyrics"):
        fsdl_bench.sample(streamed(100), WordsCodec(), max_notes=3)


@pytest.mark.parametrize(
    ("score", "message"), [(float("nan"), "nan or inf"), (-float("inf"), "every allowed id")]
)
def test_scores_that_leave_nothing_break_the_contract(score, message):
    codec = WordsCodec()
    with pytest.raises(ContractError, match=f"token 0: .*{message}"):
        fsdl_bench.sample(_Fixed(torch.full((codec.vocab_size,), score)), codec)


class _Fixed:
    """The same scores for every token."""

    def __init__(self, scores):
        self.scores = scores

    def logits(self, songs):
        return self.scores.expand(*songs.shape, -1)

    def stream(self, songs=1):
        return self

    def step(self, tokens):
        return self.scores.expand(len(tokens), -1)


class _Scripted:
    """Wants these tokens, then anything."""

    def __init__(self, vocab_size, song):
        self.vocab_size, self.song = vocab_size, song

    def logits(self, songs):
        raise NotImplementedError

    def stream(self, songs=1):
        wanted = iter(self.song)

        class Stream:
            def step(_, tokens):
                scores = torch.zeros(1, self.vocab_size)
                scores[0, next(wanted, 5)] = 9.0
                return scores

        return Stream()


def test_a_song_goes_on_from_a_beginning_which_is_scored(codec, streamed):
    """Its tokens are yielded first. Then the same tokens follow as in a song that began so by itself."""
    predictor = streamed(codec.vocab_size)
    settings = Sampling(max_tokens=40)
    whole = draw(predictor.stream(), codec, np.random.default_rng(3), settings)
    ends, notes = [], rules_of(codec)
    for place, token in enumerate(whole.tokens.tolist()[:-1], 1):
        notes.push(token)
        if notes.complete:
            ends.append(place)
    begun = whole.tokens[: ends[len(ends) // 2]].tolist()
    generator = np.random.default_rng(3)
    generator.random(len(begun))
    steps = list(write(predictor.stream(), codec, generator, settings, beginning=begun))
    assert [step.token for step in steps][: len(whole.tokens)] == whole.tokens.tolist()
    np.testing.assert_allclose([step.nats for step in steps][: len(whole.nats)], whole.nats)
    assert len(steps) <= len(begun) + 40


def test_a_beginning_that_no_song_has_is_refused(streamed):
    codec = MidiCodec()
    stream = streamed(codec.vocab_size).stream()
    with pytest.raises(BadInput, match="the beginning of the song"):
        list(write(stream, codec, np.random.default_rng(0), Sampling(), beginning=[5]))


def test_only_wanted_instruments_play(streamed):
    codec = MidiCodec()
    settings = Sampling(max_notes=30, families=frozenset({3, 16}))
    for seed in range(3):
        drawn = draw(streamed(codec.vocab_size).stream(), codec, np.random.default_rng(seed), settings)
        assert set(codec.decode(drawn.tokens).family.tolist()) <= {3, 16}
