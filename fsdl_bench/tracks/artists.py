"""Artist keys, and the split that each artist belongs to.

    key = the name with the given name first, ASCII by anyascii, casefolded, runs of other characters to
          one space
    u   = first 8 bytes (big-endian) of BLAKE2b-512("fsdl-bench/v1/" + key) / 2^64
    test if u < 0.2, validation if u < 0.3, else train

An artist is therefore in the same split in every track. A track's frozen list takes precedence over the rule;
the lists were made by the rule.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal

from anyascii import anyascii

from fsdl_bench.errors import BadInput

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")

_OTHER = re.compile(r"[^a-z0-9]+")
_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv", "esq"})


@lru_cache(maxsize=1 << 16)
def artist_key(name: str) -> str:
    """Return the key that identifies an artist in any spelling; empty if the name has no letter or digit.

    >>> artist_key("Dvořák, Antonín") == artist_key("ANTONIN  DVORAK") == "antonin dvorak"
    True
    >>> artist_key("Sammy Davis, Jr.")
    'sammy davis jr'
    """
    family, comma, given = name.partition(",")
    if comma and "," not in given and _ascii(given) not in _SUFFIXES:
        name = f"{given} {family}"
    return _ascii(name)


def _ascii(name: str) -> str:
    return _OTHER.sub(" ", anyascii(name).casefold()).strip()


def split_of(key: str) -> SplitName:
    """Return the split of an artist by the rule above."""
    digest = hashlib.blake2b(f"fsdl-bench/v1/{key}".encode()).digest()
    u = int.from_bytes(digest[:8], "big") / 2**64
    return "test" if u < 0.2 else "validation" if u < 0.3 else "train"


def read_splits(path: Path) -> dict[str, SplitName]:
    """Read a frozen list `artist_key,split`.

    Raises:
        BadInput: the header is wrong, a split is unknown, or a key occurs twice.
    """
    splits: dict[str, SplitName] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream)
        if next(reader, None) != ["artist_key", "split"]:
            raise BadInput(f"{path}: expected the header 'artist_key,split'")
        for row in reader:
            split = next((name for name in SPLITS if len(row) == 2 and row[1] == name), None)
            if split is None or row[0] in splits:
                raise BadInput(
                    f"{path}, line {reader.line_num}: expected a new artist key and one of "
                    f"{', '.join(SPLITS)}, found {','.join(row)!r}"
                )
            splits[row[0]] = split
    return splits


def format_splits(splits: Mapping[str, SplitName]) -> str:
    """Return the list as csv text, sorted by key. `read_splits` reads it back."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["artist_key", "split"])
    writer.writerows(sorted(splits.items()))
    return stream.getvalue()


def assign(keys: Iterable[str], frozen: Mapping[str, SplitName]) -> dict[str, SplitName]:
    """Return the split of each artist, from the frozen list if it is there, else by the rule."""
    return {key: frozen.get(key) or split_of(key) for key in sorted(set(keys))}
