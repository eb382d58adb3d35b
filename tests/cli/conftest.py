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


def write_poems(folder, poets, each):
    """Write poems without a word in common, one file each."""
    for poet in range(poets):
        own = folder / f"Poet {poet}"
        own.mkdir(parents=True)
        for number in range(each):
            words = " ".join(f"w{poet}x{number}y{word}" for word in range(40))
            (own / f"{number}.txt").write_text(words)


@pytest.fixture
def many_poems(tmp_path):
    """A folder of lyrics that takes some seconds to build: 60 poets with 40 poems each."""
    write_poems(tmp_path / "poems", poets=60, each=40)
    return tmp_path / "poems"


@pytest.fixture
def poems(tmp_path):
    """A folder of lyrics: 12 poets with 10 poems each, and junk."""
    write_poems(tmp_path / "poems", poets=12, each=10)
    (tmp_path / "poems" / "Poet 0" / "empty.txt").write_text("")
    return tmp_path / "poems"
