"""A small track of word songs, whose artists prefer different words, and submissions written to files."""

import sys
import textwrap

import numpy as np
import pytest
import torch

from fsdl_bench.codecs.words import WORDS


@pytest.fixture(autouse=True)
def own_path(monkeypatch):
    """Folders of submissions leave the path of modules after the test."""
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Small tensors on a busy machine are faster with one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def song(random, liked):
    """A text of a few lines; words that the artist likes come often."""
    weights = np.ones(len(WORDS))
    weights[liked] = 20
    lines = []
    for _ in range(random.integers(2, 4)):
        words = random.choice(len(WORDS), size=random.integers(3, 7), p=weights / weights.sum())
        lines.append(" ".join(WORDS[word] for word in words))
    return "\n".join(lines)


def toy_songs():
    """Split -> artist -> texts: 3 training artists, 1 for validation, 2 for test, 9 songs each."""
    random = np.random.default_rng(7)
    names = {
        "train": ["ada", "bea", "cyd"],
        "validation": ["dora"],
        "test": ["eva", "fay"],
    }
    liked = {name: random.choice(len(WORDS), 6, replace=False) for some in names.values() for name in some}
    return {
        split: {artist: [song(random, liked[artist]) for _ in range(9)] for artist in artists}
        for split, artists in names.items()
    }


@pytest.fixture
def toy(write_track, own_home):
    """The folder of the toy track, where `load_track("toy")` finds it."""
    folder = write_track(toy_songs())
    place = own_home / "tracks" / "toy"
    place.parent.mkdir()
    folder.rename(place)
    return place


@pytest.fixture
def model(tmp_path):
    """A function that writes a submission file and returns its path."""

    def write(text, name="model.py"):
        path = tmp_path / "models" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("import torch\n" + textwrap.dedent(text))
        return str(path)

    return write


@pytest.fixture
def counting():
    """The text of a submission that counts the support; every call of `adapt` takes `slow` seconds."""
    return """
import time
class Counting:
    '''Counts the support.'''
    family = "n-gram"
    def __init__(self, weight: float = 5.0, slow: float = 0.0):
        self.weight, self.slow = weight, slow
    def fit(self, train, validation, context):
        self.start = torch.rand(context.vocab_size) + 1
    def adapt(self, support):
        time.sleep(self.slow)
        counts = self.start + 0
        for song in support:
            ids = torch.as_tensor(song.astype("int64"))
            counts += self.weight * torch.bincount(ids, minlength=len(counts))
        return Scores(counts.log())
class Scores:
    def __init__(self, scores):
        self.scores = scores
    def logits(self, songs):
        return self.scores.expand(*songs.shape, -1)
"""


@pytest.fixture
def run(tmp_path):
    """A function that evaluates on the toy track, quietly, and returns the stored result."""
    from fsdl_bench.evaluation.runner import evaluate

    def evaluate_quietly(submission, track="toy", **options):
        options = {"progress": False, "out": tmp_path / "result.json"} | options
        return evaluate(submission, track, **options)

    return evaluate_quietly
