"""Constrained predictors: the codec's own rules, and the likelihood that is gained."""

import numpy as np
import pytest
import torch

from fsdl_bench import EOS, PAD, pad
from fsdl_bench.codecs import load_codec
from fsdl_bench.music.notes import Notes


class Same:
    """Random scores, the same at every position."""

    def __init__(self, size):
        self.row = torch.randn(size, generator=torch.Generator().manual_seed(0))

    def logits(self, songs):
        return self.row.expand(*songs.shape, -1)

    def stream(self, songs=1):
        return self

    def step(self, tokens):
        return self.logits(tokens)


class Observing(Same):
    """It also observes."""

    def observe(self, song):
        self.observed = song


def piece(codec, seed, notes=12):
    random = np.random.default_rng(seed)
    start = random.integers(0, 400, notes) / 100
    return codec.encode(
        Notes(
            start=start,
            end=start + random.uniform(0.05, 2, notes),
            family=random.choice([0, 5, 16], notes).astype(np.uint8),
            pitch=random.integers(30, 90, notes).astype(np.uint8),
            velocity=np.full(notes, 80, np.uint8),
            track=np.zeros(notes, np.uint16),
        )
    )


@pytest.fixture
def constrained(baseline):
    return baseline("common.constrained")


@pytest.fixture
def codec():
    return load_codec("note10ms-v1")


def test_what_can_follow_is_what_the_codec_says(constrained, codec):
    songs = [piece(codec, seed) for seed in range(3)]
    scores = constrained.constrained(Same(codec.vocab_size), codec).logits(pad(songs))
    for song, row in zip(songs, scores, strict=True):
        for t in range(len(song)):
            assert np.array_equal(row[t].isneginf().numpy(), ~codec.allowed_next(song[:t]))


def test_no_song_loses_and_the_gain_is_the_mass_of_other_ids(constrained, codec):
    song, model = piece(codec, 4), Same(codec.vocab_size)
    ids = torch.from_numpy(song.astype(np.int64))
    free, bound = (
        predictor.logits(ids[None])[0].double().log_softmax(-1)
        for predictor in (model, constrained.constrained(model, codec))
    )
    for t, token in enumerate(song.tolist()):
        mass = free[t, torch.from_numpy(codec.allowed_next(song[:t]))].exp().sum()
        assert float(bound[t, token] - free[t, token]) == pytest.approx(-float(mass.log()), abs=1e-6)


def test_the_stream_is_the_batch(constrained, codec, check_stream):
    songs = pad([piece(codec, seed, 5 + 4 * seed) for seed in range(3)])
    check_stream(constrained.constrained(Same(codec.vocab_size), codec), songs, 1e-12)


def test_lyrics_never_hold_padding(constrained):
    codec = load_codec("words-v1")
    scores = constrained.constrained(Same(codec.vocab_size), codec).logits(torch.tensor([[5, 6, EOS, PAD]]))
    assert scores[0, :3, PAD].isneginf().all()
    assert scores[0, 3].isfinite().all(), "padding is not scored"


def test_a_song_that_is_not_canonical_is_scored_freely_from_there(constrained, codec):
    song = piece(codec, 5)
    broken = np.insert(song, 3, 7)
    scores = constrained.constrained(Same(codec.vocab_size), codec).logits(pad([broken]))[0]
    assert scores[3].isneginf().any()
    assert scores[4:].isfinite().all()


def test_it_observes_only_if_the_model_does(constrained, codec):
    assert not hasattr(constrained.constrained(Same(4), codec), "observe")
    model = Observing(4)
    constrained.constrained(model, codec).observe("a song")
    assert model.observed == "a song"
