"""Fixtures for the tests of the reference models: a model's module by name, a toy track, a fit context."""

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fsdl_bench import (
    BOS,
    EOS,
    PAD,
    FitContext,
    Split,
    evaluate,
    evaluation_episodes,
    load_codec,
    load_definition,
    pad,
    synthetic_model,
)
from fsdl_bench.codecs.words import BREAK, WordsCodec
from fsdl_bench.submissions.parts import Parts

BASELINES = Path(__file__).parents[2] / "baselines"

LEARNER = {"embedding": 8, "hidden": 12, "epochs": 1, "meta_batches": 3, "meta_every": 3, "episodes": 2}
"""Settings with which a meta-learner is small and soon trained."""


@pytest.fixture(autouse=True)
def alone():
    """One thread, so that tests side by side do not fight, and the same draws every time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def baseline():
    """`baseline("ngram")` is the module `baselines/ngram.py`, imported as its neighbours import it."""

    def load(name):
        if str(BASELINES) not in sys.path:
            sys.path.insert(0, str(BASELINES))
        return importlib.import_module(name)

    return load


@pytest.fixture(scope="session")
def toy_splits():
    """Train and validation splits of a bigram language that each artist speaks with words of their own."""
    rng = np.random.default_rng(0)

    def split(name, artists, songs):
        rows = []
        for artist in range(artists):
            own = rng.integers(4, 99, 12)
            for _ in range(songs):
                tokens = [int(rng.choice(own))]
                for _ in range(int(rng.integers(20, 60))):
                    step = 4 + (tokens[-1] * 7) % 95
                    tokens.append(int(rng.choice(own)) if rng.random() < 0.4 else step)
                song = np.array([*tokens, BREAK, EOS], np.uint16)
                row = {"artist": f"{name} {artist}", "tokens": song, "text": "", "units": len(tokens)}
                rows.append(row)
        return Split.from_rows(name, WordsCodec(), rows)

    return split("train", 12, 15), split("validation", 6, 15)


@pytest.fixture(scope="session")
def own_words():
    """Splits of many artists, each of whom draws every token from 4 words of their own."""
    rng = np.random.default_rng(1)

    def split(name, artists):
        rows = []
        for artist in range(artists):
            own = rng.choice(np.arange(4, 99), 4, replace=False)
            for _ in range(9):
                tokens = np.array([*rng.choice(own, 9), BREAK, EOS], np.uint16)
                rows.append({"artist": f"{name} {artist}", "tokens": tokens, "text": "", "units": 10})
        return Split.from_rows(name, WordsCodec(), rows)

    return split("train", 150), split("validation", 12)


@pytest.fixture(scope="session")
def languages():
    """Splits of artists who speak one of four languages of 20 words each; one song tells which."""
    rng = np.random.default_rng(0)

    def split(name, artists):
        rows = []
        for artist in range(artists):
            own = np.arange(4, 24) + 20 * (artist % 4)
            for _ in range(9):
                tokens = np.array([*rng.choice(own, 9), BREAK, EOS], np.uint16)
                rows.append({"artist": f"{name} {artist}", "tokens": tokens, "text": "", "units": 10})
        return Split.from_rows(name, WordsCodec(), rows)

    return split("train", 48), split("validation", 8)


@pytest.fixture(scope="session")
def any_ids():
    """`any_ids(V)` is a codec for constrained predictors: every id can follow every other."""

    def codec(size):
        return SimpleNamespace(vocab_size=size, allowed_next=lambda _: np.ones(size, bool))

    return codec


@pytest.fixture
def context(tmp_path):
    """The context of a fit on the toy track, with a store of parts."""
    checkpoints = tmp_path / "fits" / "own" / "checkpoints"
    checkpoints.mkdir(parents=True)
    return FitContext(
        track="lyrics-synthetic",
        kind="lyrics",
        digest="",
        codec=WordsCodec(),
        shots=(0, 1, 2, 5),
        queries=4,
        device=torch.device("cpu"),
        seed=0,
        checkpoints=checkpoints,
        parts=Parts(tmp_path / "parts", BASELINES),
        log=lambda _: None,
    )


@pytest.fixture(scope="session")
def check_stream():
    """`check_stream(predictor, songs, tolerance)` compares the stream with `logits`."""

    def streamed(predictor, batch):
        inputs = torch.cat([torch.full((len(batch), 1), BOS), batch[:, :-1]], 1)
        stream = predictor.stream(len(batch))
        with torch.no_grad():
            return torch.stack([stream.step(tokens) for tokens in inputs.T], 1)

    def check(predictor, songs, tolerance=1e-5):
        batch = songs if isinstance(songs, torch.Tensor) else pad(songs)
        scored = batch != PAD
        with torch.no_grad():
            expected = torch.as_tensor(predictor.logits(batch)).log_softmax(-1)
        for rows in (slice(None), slice(0, 1)):  # all songs in lock-step, and the first one alone
            found = torch.as_tensor(streamed(predictor, batch[rows])).log_softmax(-1)
            torch.testing.assert_close(
                found[scored[rows]], expected[rows][scored[rows]], rtol=0, atol=tolerance
            )

    return check


class ToyTrack:
    """Enough of a track to be evaluated: a few artists of a synthetic track, 9 songs each."""

    digest = "ab" * 32

    def __init__(self, name, artists):
        definition = load_definition(name)
        self.name, self.kind = name, definition.kind
        self.codec = load_codec(definition.codec)
        self.definition = SimpleNamespace(
            name=name,
            version="v1",
            shots=(0, 1, 5),
            headline_shot=5,
            queries=4,
            episodes=1,
            min_artist_songs_evaluated=9,
        )
        model = synthetic_model(name)
        keys = list(model.artists)[:artists]
        self.parts = {
            split: Split.from_rows(
                split,
                self.codec,
                [{"artist": key, "tokens": model.song(key, i)} for key in keys[place::4] for i in range(9)],
                track_name=name,
                digest=self.digest,
            )
            for place, split in enumerate(("train", "train", "validation", "test"))
        }

    def __getitem__(self, split):
        return self.parts[split]


@pytest.fixture(scope="session", params=["lyrics-synthetic", "midi-synthetic"])
def synthetic(request):
    """A small part of a synthetic track, as it is drawn."""
    return ToyTrack(request.param, artists=12)


@pytest.fixture
def score(synthetic, tmp_path):
    """Evaluates a reference model on it: the result, and per row (row, episode, query tokens)."""

    def run(name, settings=(), **options):
        path = str(BASELINES / f"{name}.py")
        out = tmp_path / f"{name}.json"
        stored = evaluate(
            path, synthetic, settings=settings, out=out, progress=False, resume=False, **options
        )
        episodes = {e.artist: e for e in evaluation_episodes(synthetic["test"], synthetic.definition)}
        songs = {song.id: song.tokens for song in synthetic["test"].songs}
        rows = [(row, episodes[row.artist], songs[row.song_id]) for row in stored.rows.itertuples()]
        return stored, rows

    return run


@pytest.fixture
def keeps_the_rules(score, synthetic):
    """Checks that a model passes every audit: independent on one synthetic track, streaming on the other."""

    def check(name, settings=LEARNER, **more):
        protocol = {"lyrics": "independent", "midi": "streaming"}[synthetic.kind]
        given = [f"{key}={value}" for key, value in (settings | more).items()]
        stored, rows = score(name, given, protocol=protocol, shots=[0, 5], limit=2)
        rules = {verdict.rule for verdict in stored.result.audits}
        assert {"causality", "independence", "determinism", "state", "stream"} <= rules
        assert all(verdict.passed for verdict in stored.result.audits)
        assert len(rows) == 2 * 4 * (2 + 1)
        return stored, rows

    return check
