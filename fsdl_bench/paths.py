"""Where things lie on the user's disk, and how they are written so that a kill leaves the old or the new.

Everything the package keeps lies under one folder: `FSDL_BENCH_HOME`, or the platform's data folder.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TRACK_DATA = Path(__file__).parent / "track_data"
"""The frozen definitions, split lists, pins and codec files that the package ships."""


def home() -> Path:
    """The folder that everything is kept under: `FSDL_BENCH_HOME`, else the platform's data folder."""
    if chosen := os.environ.get("FSDL_BENCH_HOME"):
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("fsdl-bench", appauthor=False))


def tracks_dir() -> Path:
    """The folder of built tracks, one folder a track."""
    return home() / "tracks"


def offline() -> bool:
    """Whether `FSDL_BENCH_OFFLINE` forbids the network."""
    return os.environ.get("FSDL_BENCH_OFFLINE", "").lower() not in ("", "0", "false", "no")


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Fill a new file and put it in the place of `path` in one step once the block has ended well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}-", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("r+b") as stream:
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def atomic_write(path: Path, content: bytes | str) -> None:
    """Write a file so that a reader, or a kill, meets the old content or the new and nothing between."""
    with atomic_file(path) as temporary:
        temporary.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Fill a new folder and put it in the place of `path` in one step once the block has ended well.

    A folder cannot replace a full one in a single system call everywhere, so the old one is first
    renamed aside (`.<name>.old`) and `recover_directory` undoes a kill that falls between the two renames.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    recover_directory(path)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-", suffix=".part"))
    temporary.chmod(0o755)
    try:
        yield temporary
        aside = _aside(path)
        if path.exists():
            path.rename(aside)
        temporary.rename(path)
        shutil.rmtree(aside, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def recover_directory(path: Path) -> None:
    """Put the old folder back if a kill fell between the two renames of `atomic_directory`."""
    aside = _aside(path)
    if aside.exists():
        if path.exists():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.rename(path)


def _aside(path: Path) -> Path:
    return path.parent / f".{path.name}.old"
