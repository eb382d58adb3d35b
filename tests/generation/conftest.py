"""What tests of generation share: predictors with scores that are known, and codecs to draw songs of."""

import numpy as np
import pytest
import torch

from fsdl_bench.codecs.lyrics import LyricsCodec
from fsdl_bench.codecs.midi import MidiCodec
from fsdl_bench.codecs.words import WordsCodec


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Small tensors on a busy machine are faster with one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def bpe():
    """A BPE codec with merges inside and across characters of two and three bytes."""
    texts = ["the thin thrush sang\n", "über grüne Hügel, müde", "春風又緑江南岸、明月何時照我還。"]
    return LyricsCodec.train(texts * 5, vocab_size=400)


@pytest.fixture(scope="session", params=["midi", "bpe", "words"])
def codec(request, bpe):
    """Every codec in turn."""
    return {"midi": MidiCodec(), "bpe": bpe, "words": WordsCodec()}[request.param]


class Hashed:
    """Scores that are a random function of the song so far: wild, but the same each time.

    Args:
        vocab_size: V.
        spread: standard deviation of the scores.
        favours: ids that get 8 more.
    """

    def __init__(self, vocab_size, spread=3.0, favours=()):
        self.vocab_size, self.spread, self.favours = vocab_size, spread, list(favours)

    def scores(self, prefix):
        """float64 [V]."""
        rng = np.random.default_rng([len(prefix), *prefix[-3:]])
        scores = self.spread * rng.standard_normal(self.vocab_size)
        scores[self.favours] += 8.0
        return torch.from_numpy(scores)

    def logits(self, songs):
        """[B, T] -> [B, T, V]."""
        rows = [[self.scores(song[:t]) for t in range(len(song))] for song in songs.tolist()]
        return torch.stack([torch.stack(row) for row in rows])


class Streamed(Hashed):
    """The same with a stream."""

    def stream(self):
        """A new song."""
        return _Stream(self)


class _Stream:
    def __init__(self, owner):
        self.owner, self.prefix = owner, []

    def step(self, token):
        if token != 1:
            self.prefix.append(token)
        return self.owner.scores(self.prefix)


@pytest.fixture(scope="session")
def hashed():
    """The class of a predictor that has only `logits`."""
    return Hashed


@pytest.fixture(scope="session")
def streamed():
    """The class of a predictor with `stream`."""
    return Streamed
