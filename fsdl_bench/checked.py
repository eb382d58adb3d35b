"""Cached files with a checksum, so that damaged bytes are noticed before anything is computed from them.

    with write_checked(path) as temporary: ...         writes `path` and `path` + ".xxh3"
    if is_intact(path): ...                            reads the whole file, at memory speed
    if intact_checksum(path) is not None: ...          the same, but only once in a process

The checksum is XXH3-128. It finds damage (a flipped bit, a cut file), not a forger. A kill between the two
files leaves a file whose checksum does not match: it counts as damaged and is made again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fsdl_bench.paths import atomic_file, atomic_write

SUFFIX = ".xxh3"

_verified: dict[Path, tuple[tuple[int, ...], str]] = {}  # what each file was when it was last hashed


@contextmanager
def write_checked(path: Path, *, parents: bool = True) -> Iterator[Path]:
    """Fill a new file, and replace `path` and its checksum once the block has ended without an error.

    Args:
        path: the file to write.
        parents: create the missing folders of `path`.
    """
    with atomic_file(path, parents=parents) as temporary:
        yield temporary
        found = checksum(temporary)
    atomic_write(sum_file(path), found, parents=parents)


def is_intact(path: Path) -> bool:
    """Whether a file written by `write_checked` is there and unchanged. The whole file is read."""
    try:
        return sum_file(path).read_text("ascii") == checksum(path)
    except (OSError, ValueError):
        return False


def intact_checksum(path: Path, expected: str | None = None) -> str | None:
    """Return the checksum of an unchanged file; None if it is missing, damaged or has no checksum.

    A process reads each file once: it is read again only if its size, times or place on the disk changed.

    Args:
        path: a file written by `write_checked`.
        expected: the checksum; read from the file next to `path` if None.
    """
    try:
        identity = _identity(path)
        expected = sum_file(path).read_text("ascii") if expected is None else expected
        if _verified.get(path) != (identity, expected):
            if checksum(path) != expected or _identity(path) != identity:
                return None
            _verified[path] = identity, expected
    except (OSError, ValueError):
        return None
    return expected


def _identity(path: Path) -> tuple[int, ...]:
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def read_checked(path: Path) -> bytes | None:
    """Return the content of a file written by `write_checked`; None if it is missing or damaged."""
    import xxhash

    try:
        data = path.read_bytes()
        stated = sum_file(path).read_text("ascii")
    except (OSError, ValueError):
        return None
    return data if xxhash.xxh3_128_hexdigest(data) == stated else None


def remove_checked(path: Path) -> None:
    """Remove a file written by `write_checked`, and its checksum."""
    path.unlink(missing_ok=True)
    sum_file(path).unlink(missing_ok=True)


def checksum(path: Path) -> str:
    """Return the XXH3-128 of a file as 32 hex digits.

    Raises:
        OSError: the file cannot be read.
    """
    import xxhash

    # In blocks: mapping the file would count all of it as memory of this process.
    with path.open("rb", buffering=0) as stream:
        return hashlib.file_digest(stream, xxhash.xxh3_128).hexdigest()


def sum_file(path: Path) -> Path:
    """Return the place of a file's checksum."""
    return path.with_name(path.name + SUFFIX)
