"""Fixtures for tests of generation: predictors with known scores, and codecs to sample songs of."""

import sys

import numpy as np
import pytest
import torch

from fsdl_bench.codecs.lyrics import LyricsCodec
from fsdl_bench.codecs.midi import MidiCodec
from fsdl_bench.codecs.words import WORDS, WordsCodec
from fsdl_bench.music.notes import Notes
from fsdl_bench.music.writing import write_midi


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
    """Scores that are a fixed random function of the song so far.

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

    def stream(self, songs=1):
        return _Stream(self, songs)


class _Stream:
    def __init__(self, owner, songs):
        self.owner, self.prefixes = owner, [[] for _ in range(songs)]

    def step(self, tokens):
        for prefix, token in zip(self.prefixes, tokens.tolist(), strict=True):
            if token != 1:
                prefix.append(token)
        return torch.stack([self.owner.scores(prefix) for prefix in self.prefixes])


@pytest.fixture(scope="session")
def hashed():
    """The class of a predictor that has only `logits`."""
    return Hashed


@pytest.fixture(scope="session")
def streamed():
    """The class of a predictor with `stream`."""
    return Streamed


def melody(seed, size=24):
    """A tune of one voice, as tokens."""
    rng = np.random.default_rng(seed)
    start = np.arange(size) * 0.25
    family = np.zeros(size, np.uint8)
    pitch = (60 + rng.integers(0, 12, size)).astype(np.uint8)
    notes = Notes(start, start + 0.2, family, pitch, np.full(size, 80, np.uint8), family.astype(np.uint16))
    return MidiCodec().encode(notes)


@pytest.fixture
def tune():
    """A function from a seed to a tune's tokens."""
    return melody


@pytest.fixture
def tracks(write_track, own_home):
    """Two tracks under FSDL_BENCH_HOME, `tunes` and `verses`: artists a, b, c and d with 9 songs each."""
    splits = {"train": ["a", "b"], "validation": ["c"], "test": ["dora dur"]}
    made = {
        "tunes": ("note10ms-v1", lambda a, i: melody([ord(a[0]), i])),
        "verses": ("words-v1", lambda a, i: "\n".join(WORDS[ord(a[0]) % 50 + i + k] for k in range(5))),
    }
    (own_home / "tracks").mkdir()
    for name, (codec_name, song) in made.items():
        songs = {s: {a: [song(a, i) for i in range(9)] for a in artists} for s, artists in splits.items()}
        write_track(songs, name=name, codec_name=codec_name).rename(own_home / "tracks" / name)
    return own_home / "tracks"


MODEL = '''
import torch

class Counter:
    """Counts of tokens and of pairs of tokens, of all training songs and of the support."""

    fits = 0

    def fit(self, train, validation, context):
        print("what a submission prints")
        Counter.fits += 1
        self.size = context.vocab_size
        self.songs = [song.tokens for song in train.songs]

    def adapt(self, support):
        self.table = torch.full((self.size, self.size), 1e-6)
        for song in [*self.songs, *list(support) * 20]:
            ids = [1, *song.tolist()]
            for before, after in zip(ids, ids[1:]):
                self.table[before, after] += 1
        return CounterPredictor(self.table.log())


class CounterPredictor:
    def __init__(self, scores):
        self.scores = scores

    def logits(self, songs):
        return self.scores[torch.cat([torch.ones_like(songs[:, :1]), songs[:, :-1]], 1)]
'''

STREAM = """
    def stream(self, songs=1):
        return self

    def step(self, tokens):
        return self.scores[tokens]
"""


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A function that writes a submission, with or without `stream`, and returns its path."""
    monkeypatch.setattr(sys, "path", list(sys.path))

    def write(stream=True):
        path = tmp_path / "models" / f"counter{int(stream)}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(MODEL + (STREAM if stream else ""))
        return str(path)

    return write


@pytest.fixture
def own_songs(tmp_path, tune):
    """A user's folder: two tunes, one of them in an album, verses, and files that are not songs."""
    folder = tmp_path / "own"
    (folder / "Album").mkdir(parents=True)
    codec = MidiCodec()
    (folder / "First Tune.MID").write_bytes(write_midi(codec.decode(tune(1))))
    (folder / "Album" / "second.mid").write_bytes(write_midi(codec.decode(tune(2))))
    (folder / "broken.mid").write_bytes(b"MThd")
    (folder / "verse.txt").write_text(f"{WORDS[1]} {WORDS[2]}\r\n{WORDS[3]}\r\n", "utf-8")
    (folder / "cover.png").write_bytes(b"\x89PNG")
    return folder
