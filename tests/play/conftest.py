"""Fixtures for tests of the page: two small tracks, a small model, files to drop, a running server."""

import io
import os
import random
import subprocess
import sys

import numpy as np
import pytest

from fsdl_bench.music.notes import Notes
from fsdl_bench.music.writing import write_midi

MODEL = '''
import torch

class Counter:
    """Counts of pairs of tokens in the training songs, and in the support."""

    def fit(self, train, validation, context):
        self.size = context.vocab_size
        self.songs = [song.tokens for song in train.songs]

    def adapt(self, support):
        table = torch.full((self.size, self.size), 1e-6)
        for song in [*self.songs, *list(support) * 20]:
            ids = [1, *song.tolist()]
            for before, after in zip(ids, ids[1:]):
                table[before, after] += 1
        return CounterPredictor(table.log())

class CounterPredictor:
    def __init__(self, scores):
        self.scores = scores

    def logits(self, songs):
        return self.scores[torch.cat([torch.ones_like(songs[:, :1]), songs[:, :-1]], 1)]

    def stream(self, songs=1):
        return self

    def step(self, tokens):
        return self.scores[tokens]
'''


def tune(seed, size=60, family=0, lowest=55):
    """A `.mid` file: notes of a scale, two a second."""
    rng = np.random.default_rng(seed)
    start = np.arange(size) * 0.25
    pitch = (lowest + rng.choice([0, 2, 4, 5, 7, 9, 11, 12], size)).astype(np.uint8)
    families = np.full(size, family, np.uint8)
    return write_midi(
        Notes(start, start + 0.2, families, pitch, np.full(size, 80, np.uint8), families.astype(np.uint16))
    )


def verse(seed, lines=6):
    """A text of a few lines."""
    words = ["river", "stone", "lantern", "winter", "sparrow", "garden", "silver", "meadow", "candle"]
    draw = random.Random(seed)
    return "\n".join(" ".join(draw.choices(words, k=5)) for _ in range(lines)) + "\n"


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """A folder for FSDL_BENCH_HOME with the tracks `tunes` and `verses`, and the path of a model."""
    from fsdl_bench import build_track
    from fsdl_bench.tracks.definition import user_definition

    folder = tmp_path_factory.mktemp("play")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FSDL_BENCH_HOME", str(folder / "home"))
        for name, kind, song in (
            ("tunes", "midi", tune),
            ("verses", "lyrics", lambda s: verse(s, 30).encode()),
        ):
            for artist in range(14):
                place = folder / name / f"Artist {artist}"
                place.mkdir(parents=True)
                for number in range(9):
                    ending = "mid" if kind == "midi" else "txt"
                    (place / f"Song {number}.{ending}").write_bytes(song(100 * artist + number))
            definition = user_definition(name, kind, "folder")
            build_track(definition, source_dir=folder / name, workers=0, progress=False)
    (folder / "counter.py").write_text(MODEL)
    return folder


@pytest.fixture
def in_home(home, monkeypatch):
    """The same, with FSDL_BENCH_HOME set."""
    monkeypatch.setenv("FSDL_BENCH_HOME", str(home / "home"))
    return home


@pytest.fixture(scope="session")
def songs(tmp_path_factory):
    """A folder of files to drop."""
    folder = tmp_path_factory.mktemp("songs")
    for number in range(4):
        (folder / f"My tune {number}.mid").write_bytes(
            tune(number, family=3, lowest=75 if number == 3 else 55)
        )
    for number in range(3):
        (folder / f"My verse {number}.txt").write_text(verse(number))
    (folder / "broken.mid").write_bytes(b"MThd\x00\x00")
    with (folder / "large.mid").open("wb") as large:
        large.truncate(50_000_000)
    return folder


class Server:
    """`fsdl-bench play` in a process of its own."""

    def __init__(self, home, port=0, stderr=subprocess.DEVNULL):
        words = ["play", "--no-browser", "--port", str(port), "--submission", str(home / "counter.py")]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fsdl_bench", *words],
            env=os.environ | {"FSDL_BENCH_HOME": str(home / "home"), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        line = self.process.stdout.readline()
        assert line.startswith("Open http://127.0.0.1:"), line
        self.url = line.split()[1]
        self.port = int(self.url.rstrip("/").rpartition(":")[2])

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture(scope="session")
def start_server(home):
    """Starts servers, and ends them at the end."""
    started = []

    def start(port=0, **options):
        started.append(Server(home, port, **options))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.kill()


@pytest.fixture(scope="session")
def server(start_server):
    """One server for all tests that do not end it."""
    return start_server()


@pytest.fixture(scope="session")
def read_midi():
    """Reads a `.mid` with pretty_midi."""
    from pretty_midi import PrettyMIDI

    return lambda data: PrettyMIDI(io.BytesIO(data))
