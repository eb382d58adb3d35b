"""Fixtures for every test: its own home, no network, the mirror of real data, a toy track and submissions."""

import os
import runpy
import shutil
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

from fsdl_bench.codecs.words import WORDS
from fsdl_bench.submissions import process
from tests import quick_children

settings.register_profile("no deadline", deadline=None)  # a busy machine is no failure
settings.load_profile("no deadline")

BASELINES = Path(__file__).parents[1] / "baselines"
MIRROR = Path(os.environ.get("FSDL_BENCH_MIRROR", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory, monkeypatch):
    """Every test has an empty FSDL_BENCH_HOME and may not use the network."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("FSDL_BENCH_HOME", str(folder))
    monkeypatch.setenv("FSDL_BENCH_OFFLINE", "1")
    return folder


@pytest.fixture(scope="session")
def forks():
    """A server of processes for isolated submissions, started when it is needed; see `quick_children.py`."""
    started = []

    def start(wall, handle, allowed, folder):
        if not started:
            started.append(quick_children.Server())
        return started[0].start([allowed], handle, folder, process.environment(folder))

    yield start
    for server in started:
        server.close()


@pytest.fixture(autouse=True)
def quick_start(request, forks, monkeypatch):
    """Isolated submissions start quickly, in front of their walls, unless the test is marked `walls`."""
    if not request.node.get_closest_marker("walls"):
        monkeypatch.setattr(process, "start", forks)


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The folder of archives that mirrors the public hosts; a test that asks for it is skipped without it."""
    if not any(MIRROR.glob("*.tar.gz")):
        pytest.skip(f"no mirror of the real data in {MIRROR} (set FSDL_BENCH_MIRROR)")
    return MIRROR


@pytest.fixture
def write_track(tmp_path):
    """A function that writes a built track by hand: no part of the pipeline, two shards a split."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from fsdl_bench.codecs import load_codec
    from fsdl_bench.tracks.definition import parse_definition
    from fsdl_bench.tracks.manifest import FORMAT_VERSION, Manifest, SplitCounts, file_entry, write_manifest
    from fsdl_bench.tracks.rows import row_schema, track_digest

    def write(songs: dict[str, dict[str, list]], *, name="toy", codec_name="words-v1", shards=2) -> Path:
        """`songs` is split -> artist key -> contents (texts, or token ids for a MIDI codec)."""
        codec = load_codec(codec_name)
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        counts = {}
        for split, artists in songs.items():
            rows = [_row(codec, artist, content) for artist in sorted(artists) for content in artists[artist]]
            rows.sort(key=lambda row: (row["artist_key"], row["song_id"]))
            for shard in range(shards):
                part = rows[shard * len(rows) // shards : (shard + 1) * len(rows) // shards]
                table = pa.Table.from_pylist(part, schema=row_schema(codec.kind))
                pq.write_table(table, folder / f"{split}-{shard:05d}-of-{shards:05d}.parquet")
            tokens = [len(row["tokens"]) for row in rows]
            units = [row["units"] for row in rows]
            counts[split] = SplitCounts(
                artists=len(artists),
                songs=len(rows),
                works=len(rows),
                tokens=sum(tokens),
                units=sum(units),
                median_tokens=float(np.median(tokens)) if rows else 0.0,
                median_units=float(np.median(units)) if rows else 0.0,
            )
        source = {"source": "folder", "licence": "CC0-1.0"}
        table = {"name": name, "kind": codec.kind, "codec": codec_name, "sources": [source]}
        manifest = Manifest(
            format=FORMAT_VERSION,
            name=name,
            kind=codec.kind,
            codec=codec_name,
            digest=track_digest(folder, codec.kind, codec_name),
            files={path.name: file_entry(path) for path in sorted(folder.glob("*.parquet"))},
            counts=counts,
            rejected={"empty file": 3, "no notes": 12},
            software={},
            seconds=1.5,
            definition=parse_definition(table, "a test"),
        )
        write_manifest(folder, manifest)
        return folder

    return write


def _row(codec, artist, content):
    import hashlib

    tokens = codec.encode(content) if codec.kind == "lyrics" else np.asarray(content, np.uint16)
    whole = content.encode() if codec.kind == "lyrics" else tokens.astype("<u2").tobytes()
    song_id = hashlib.blake2b(whole, digest_size=16).hexdigest()
    row = dict.fromkeys(["licence", "source"], "x") | {
        "song_id": song_id,
        "artist": artist.title(),
        "artist_key": artist,
        "title": f"Song {song_id[:4]}",
        "work": song_id,
        "origin": f"{artist}/{song_id}.txt",
        "tokens": codec.excerpt(tokens),
        "units": codec.units(codec.excerpt(tokens)),
    }
    return row | ({"text": content} if codec.kind == "lyrics" else {})


@pytest.fixture(autouse=True)
def own_path(monkeypatch):
    """After the test, the module path is as before, and the reference models that tests import are the same.

    Loading a submission drops modules of other folders that share a name with a neighbour of it. A test file
    that imported such a module would then hold classes that pickle can no longer find.
    """
    monkeypatch.setattr(sys, "path", list(sys.path))
    kept = {
        name: module
        for name, module in sys.modules.items()
        if str(getattr(module, "__file__", None) or "").startswith(str(BASELINES))
    }
    yield
    for name, module in kept.items():
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent in kept:
            setattr(kept[parent], child, module)


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


@pytest.fixture(scope="session")
def song_rows():
    """`song_rows(frame)`: the rows of a result's table, one by one, as `write_result` takes them."""
    return runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "leaderboard.py"))["song_rows"]


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


@pytest.fixture(scope="session")
def browser():
    """Chromium, headless and without network requests of its own; one for all tests of a process."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium on the PATH (apt-get install chromium)")
    flags = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "browser.py"))["FLAGS"]
    with playwright.sync_playwright() as running:
        found = running.chromium.launch(executable_path=chromium, args=flags)
        yield found
        found.close()
