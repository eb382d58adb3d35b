"""A runner of the command line, and data for it."""

import pytest
from click.testing import CliRunner

from fsdl_bench.cli import main
from fsdl_bench.paths import tracks_dir

SONGS = {
    "train": {
        name: [f"mi lo {word} {last}" for word in ("na", "su", "ve")]
        for name, last in {"a": "ra", "b": "do", "c": "ki", "d": "sol"}.items()
    },
    "test": {"e": ["\n".join(["ten lai"] * 15)]},
}


@pytest.fixture
def cli():
    def run(*args):
        return CliRunner().invoke(main, [str(arg) for arg in args])

    return run


@pytest.fixture
def toy(write_track):
    """A track under FSDL_BENCH_HOME that is called toy."""
    folder = write_track(SONGS)
    tracks_dir().mkdir(parents=True)
    return folder.rename(tracks_dir() / "toy")


@pytest.fixture
def poems(tmp_path):
    """A folder of lyrics: 12 poets with 10 poems each, and junk."""
    for poet in range(12):
        folder = tmp_path / "poems" / f"Poet {poet}"
        folder.mkdir(parents=True)
        for number in range(10):
            words = " ".join(f"w{poet}x{number}y{word}" for word in range(40))
            (folder / f"{number}.txt").write_text(words)
    (tmp_path / "poems" / "Poet 0" / "empty.txt").write_text("")
    return tmp_path / "poems"
