"""Cached files with a checksum, so that damaged bytes are noticed before anything is computed from them.

    with write_checked(path) as temporary: ...         writes `path` and `path` + ".xxh3"
    if is_intact(path): ...                            reads the whole file, at memory speed

The checksum is XXH3-128. It finds damage (a flipped bit, a cut file), not a forger. A kill between the two
files leaves a file whose checksum does not match: it counts as damaged and is made again.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fsdl_bench.paths import atomic_file, atomic_write

SUFFIX = ".xxh3"


@contextmanager
def write_checked(path: Path) -> Iterator[Path]:
    """Fill a new file, and replace `path` and its checksum once the block has ended without an error."""
    with atomic_file(path) as temporary:
        yield temporary
        found = checksum(temporary)
    atomic_write(sum_file(path), found)


def is_intact(path: Path) -> bool:
    """Whether a file written by `write_checked` is there and unchanged. The whole file is read."""
    try:
        return sum_file(path).read_text("ascii") == checksum(path)
    except (OSError, ValueError):
        return False


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

    with path.open("rb") as stream:
        if not path.stat().st_size:  # an empty file cannot be mapped
            return xxhash.xxh3_128_hexdigest(b"")
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return xxhash.xxh3_128_hexdigest(data)


def sum_file(path: Path) -> Path:
    """Return the place of a file's checksum."""
    return path.with_name(path.name + SUFFIX)
