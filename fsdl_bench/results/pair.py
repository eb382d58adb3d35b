"""Write a result's JSON and song rows so that a kill leaves the old pair or the new pair, never a mixture.

The JSON names the rows' file and its sha256. Two files cannot be replaced in one system call, so a write goes

    1. new rows  ->  .<name>.rows.<sha256[:16]>.parquet      staged next to it
    2. new JSON  ->  <name>.json                             the commit point
    3. staged    ->  <name>.rows.parquet

A reader that finds rows with another hash than the JSON names uses the staged ones, and finishes step 3.
Writers, and readers that finish a write, take turns through one lock, so no step 3 overtakes another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from glob import escape
from pathlib import Path

from fsdl_bench.paths import atomic_write, home

_DIGITS = 16


def rows_name(path: Path) -> str:
    """Return the name of the file with the song rows of a result `<name>.json`."""
    return f"{path.stem}.rows.parquet"


def write_pair(path: Path, text: str, rows: bytes) -> None:
    """Write a result's JSON, which must name these rows, and `<name>.rows.parquet` next to it.

    Raises:
        OSError: a file cannot be written.
    """
    staged = _staged(path, hashlib.sha256(rows).hexdigest())
    with _lock():
        atomic_write(staged, rows)
        atomic_write(path, text)
        staged.replace(path.with_name(rows_name(path)))
        for left in path.parent.glob(f".{escape(path.stem)}.rows.{'[0-9a-f]' * _DIGITS}.parquet"):
            left.unlink(missing_ok=True)  # staged by a write that was killed before its commit point


def rows_of(path: Path, file: str, sha256: str) -> bytes | None:
    """Return the song rows of a result that have this hash, and finish a write that was killed.

    Args:
        path: the result's JSON.
        file: the name of the rows' file next to it.
        sha256: the hash that the rows should have.

    Returns:
        The content of the file or of the staged one; None if neither has the hash.
    """
    beside, staged = path.with_name(file), _staged(path, sha256)
    for place in (beside, staged, beside):  # a writer may move the staged file between two looks
        try:
            data = place.read_bytes()
        except OSError:
            continue
        if hashlib.sha256(data).hexdigest() == sha256:
            if place == staged:
                _finish(path, beside, sha256)
            return data
    return None


def _finish(path: Path, beside: Path, sha256: str) -> None:
    """Move the staged rows into place, unless another process is writing or the folder is read-only."""
    try:
        with _lock(wait=False):
            if sha256.encode() in path.read_bytes():
                _staged(path, sha256).replace(beside)
    except OSError:
        return


def _staged(path: Path, sha256: str) -> Path:
    return path.with_name(f".{path.stem}.rows.{sha256[:_DIGITS]}.parquet")


@contextmanager
def _lock(*, wait: bool = True) -> Iterator[None]:
    """Hold the lock of all results. There is none where `FSDL_BENCH_HOME` cannot be written.

    Raises:
        TimeoutError: another process holds the lock, and `wait` is false.
    """
    from filelock import FileLock

    with ExitStack() as stack:
        try:
            home().mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(home() / "results.lock", timeout=-1 if wait else 0))
        except TimeoutError:
            raise
        except OSError:
            pass
        yield
