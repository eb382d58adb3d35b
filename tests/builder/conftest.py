"""Folders of songs to build from, and builds of them in this process."""

import random
from pathlib import Path

import numpy as np
import pytest

from fsdl_bench.builder.pipeline import build_track
from fsdl_bench.music.notes import Notes
from fsdl_bench.tracks.definition import parse_definition

WORDS = [
    "the",
    "sea",
    "and",
    "a",
    "moon",
    "under",
    "grey",
    "hills",
    "where",
    "we",
    "sang",
    "of",
    "old",
    "wars",
]


def make_text(seed: int, words: int = 60) -> str:
    """A text that resembles no other."""
    rng = random.Random(seed)
    lines = [" ".join(rng.choice(WORDS) + rng.choice("aeiou") * rng.randrange(3) for _ in range(6))]
    lines += [" ".join(rng.choice(WORDS) for _ in range(6)) for _ in range(words // 6)]
    return "\n".join(lines)


def make_notes(seed: int, count: int = 60) -> Notes:
    """A random melody with a bass and a drum."""
    rng = np.random.default_rng(seed)
    start = np.cumsum(rng.integers(1, 60, count)) / 100
    family = rng.choice(np.array([0, 4, 16], np.uint8), count)
    return Notes(
        start=start,
        end=start + rng.integers(5, 100, count) / 100,
        family=family,
        pitch=rng.integers(36, 84, count).astype(np.uint8),
        velocity=np.full(count, 80, np.uint8),
        track=family.astype(np.uint16),
    )


def make_midi(seed: int, count: int = 60) -> bytes:
    """The same as a file."""
    from fsdl_bench.music.writing import write_midi

    return write_midi(make_notes(seed, count))


@pytest.fixture
def song_folder(tmp_path: Path):
    """A function that writes `<artist>/<number>.<ending>` files and returns their folder."""

    def write(kind: str = "lyrics", artists: int = 12, songs: int = 10, name: str = "songs") -> Path:
        folder = tmp_path / name
        for artist in range(artists):
            place = folder / f"Artist {artist:02d}"
            place.mkdir(parents=True)
            for song in range(songs):
                seed = 1000 * artist + song
                if kind == "lyrics":
                    (place / f"{song:02d}.txt").write_text(make_text(seed), encoding="utf-8")
                else:
                    (place / f"{song:02d}.mid").write_bytes(make_midi(seed))
        return folder

    return write


@pytest.fixture
def define():
    """A function that makes the definition of a track for a folder of songs."""

    def make(kind: str = "lyrics", **fields):
        table = {
            "name": "toy",
            "kind": kind,
            "codec": "note10ms-v1" if kind == "midi" else "bpe4096-v1",
            "sources": [{"source": "folder", "licence": "CC0-1.0"}],
        }
        return parse_definition(table | fields, "a test")

    return make


@pytest.fixture
def build_quietly(tmp_path: Path):
    """A function that builds a definition from a folder, by default in this process."""

    def run(definition, folder: Path, *, workers: int = 0, out: Path | None = None):
        return build_track(definition, source_dir=folder, workers=workers, out=out, progress=False)

    return run
