"""CONTRIBUTING's examples, followed to their end: a source, a track, a model."""

import json
import random
import re
import sys
import tarfile
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

import fsdl_bench.sources
from fsdl_bench import load_track
from fsdl_bench.builder import freezing, listing
from fsdl_bench.builder.pipeline import build_track
from fsdl_bench.cli import main
from fsdl_bench.tracks import definition

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def shown(language, heading):
    """The blocks of a language under a heading."""
    part = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S)[1]
    return re.findall(rf"^```{language}\n(.*?)^```$", part, re.M | re.S)


def run(command, *more):
    words = command.split()
    assert words[0] == "fsdl-bench"
    result = CliRunner().invoke(main, [*words[1:], *more], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def source(tmp_path, monkeypatch):
    """The example's module, as if it lay in the package."""
    (code,) = shown("python", "Add a source")
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "jsonl.py").write_text(code, "utf-8")
    monkeypatch.setattr(fsdl_bench.sources, "__path__", [*fsdl_bench.sources.__path__, str(folder)])
    yield
    sys.modules.pop("fsdl_bench.sources.jsonl", None)


def write_songs(folder):
    """Twenty artists with ten songs each, and one song without an artist."""
    folder.mkdir()
    generator = random.Random(0)
    words = ["".join(generator.choices("abdegiklmnorstu", k=5)) for _ in range(400)]
    songs = [
        {"artist": f"Artist {i}", "title": f"Song {j}", "text": " ".join(generator.choices(words, k=60))}
        for i in range(20)
        for j in range(10)
    ]
    lines = [json.dumps(song) for song in [*songs, {"title": "Lost", "text": "la la la"}]]
    (folder / "all.jsonl").write_text("\n".join(lines), "utf-8")


def test_a_source(source, tmp_path, monkeypatch):
    write_songs(tmp_path / "songs")
    monkeypatch.chdir(tmp_path)
    (commands,) = shown("sh", "Add a source")
    build, check = commands.splitlines()
    run(build, "--workers", "0")
    assert "no artist" in run("fsdl-bench show my-lyrics")
    assert "all is well" in run(check)
    track = load_track("my-lyrics")
    assert sum(len(split) for split in (track.train, track.validation, track.test)) == 200
    assert {song.licence for song in track.train.songs} == {"CC0-1.0"}


def test_a_track(source, tmp_path, monkeypatch):
    (toml,) = shown("toml", "Add a track")
    tracks = tmp_path / "tracks"
    tracks.mkdir()
    (tracks / "lyrics-example.toml").write_text(toml, "utf-8")
    for module in (definition, freezing, listing):
        monkeypatch.setattr(module, "TRACK_DATA", tracks)
    write_songs(tmp_path / "songs")
    (tmp_path / "mirror").mkdir()
    (pinned,) = definition.load_definition("lyrics-example").sources
    name = f"{pinned.repo.replace('/', '__')}-{pinned.commit}"
    with tarfile.open(tmp_path / "mirror" / f"{name}.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "songs", f"songs-{pinned.commit}")
    (command,) = shown("sh", "Add a track")
    words = command.split()
    assert words[:3] == ["python", "-m", freezing.__name__]
    in_process = partial(build_track, workers=0)  # another process does not know the example
    monkeypatch.setattr(freezing, "build_track", lambda *a, workers, **k: in_process(*a, **k))
    more = ["--mirror", str(tmp_path / "mirror")]
    result = CliRunner().invoke(freezing.main, [*words[3:], *more], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    digest = definition.load_definition("lyrics-example").digest
    assert digest == load_track("lyrics-example").digest
    assert digest in result.output


def test_a_model(tmp_path, monkeypatch):
    (commands,) = shown("sh", "Add a model")
    build, evaluate = commands.splitlines()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "baselines").symlink_to(ROOT / "baselines")
    run(build, "--workers", "0")
    assert "optim" in run(evaluate, "--limit", "4", "--shots", "0,5")
