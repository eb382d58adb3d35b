"""The cache of conversions, `FSDL_BENCH_HOME/converted`: files that another program made from a score.

A conversion is named by the SHA-256 of its input. Every file has a checksum, next to it or, if it came ready
from a mirror, in `SUMS`. A damaged file counts as missing and is made again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final

from fsdl_bench.checked import checksum, intact_checksum, read_checked, write_checked
from fsdl_bench.paths import home

SUMS: Final = "sums.json"
"""The checksums of the conversions that came ready from a mirror: file name -> XXH3-128."""


def conversion(name: str) -> Path:
    """Return the place of a conversion."""
    return home() / "converted" / name


def keep(path: Path, data: bytes) -> None:
    """Write a conversion and its checksum."""
    with write_checked(path) as temporary:
        temporary.write_bytes(data)


def intact(path: Path) -> bytes | None:
    """Return the content of a cached file whose checksum matches; None for any other."""
    if (data := read_checked(path)) is not None:
        return data
    stated = _sums(path.parent).get(path.name)
    return path.read_bytes() if stated is not None and path.exists() and checksum(path) == stated else None


def write_sums(folder: Path, ready: Iterable[Path]) -> None:
    """Write the checksums of conversions that came ready, for the folder that holds them."""
    keep(folder / SUMS, json.dumps({path.name: checksum(path) for path in ready}).encode())


def has_ready(folder: Path) -> bool:
    """Whether the conversions that came ready are there, with their checksums."""
    return bool(names := _sums(folder)) and names.keys() <= {path.name for path in folder.iterdir()}


def _sums(folder: Path) -> dict[str, str]:
    path = folder / SUMS
    stated = intact_checksum(path)
    return {} if stated is None else _parsed(path, stated)


@lru_cache(maxsize=4)
def _parsed(path: Path, _: str) -> dict[str, str]:
    return dict(json.loads(path.read_bytes()))
