"""`manifest.json` of a built track: what it is, the hash of each of its files, its counts."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from pydantic import ValidationError

from fsdl_bench.errors import BadInput
from fsdl_bench.songs import Kind
from fsdl_bench.tracks.definition import Strict, TrackDefinition

FORMAT_VERSION = 1


class FileEntry(Strict):
    """One file of the folder."""

    sha256: str
    bytes: int


class SplitCounts(Strict):
    """Size of one split; tokens and units are those of the excerpts."""

    artists: int
    songs: int
    works: int
    tokens: int
    units: int
    median_tokens: float
    median_units: float


class Manifest(Strict):
    """The content of `manifest.json`.

    Attributes:
        format: version of this layout.
        name: the track's name.
        kind: `lyrics` or `midi`.
        codec: the codec's name.
        digest: the logical digest over the rows, see `fsdl_bench.tracks.rows`.
        files: relative path -> hash and size, for every file but this one and the derived arrays.
        counts: split -> its size.
        rejected: reason -> number of files left out.
        software: versions of what the build ran on.
        seconds: how long the build took.
        definition: the definition as used.
    """

    format: int
    name: str
    kind: Kind
    codec: str
    digest: str
    files: dict[str, FileEntry]
    counts: dict[str, SplitCounts]
    rejected: dict[str, int]
    software: dict[str, str]
    seconds: float
    definition: TrackDefinition


def file_entry(path: Path) -> FileEntry:
    """Hash a file."""
    with path.open("rb") as stream:
        return FileEntry(sha256=hashlib.file_digest(stream, "sha256").hexdigest(), bytes=path.stat().st_size)


def read_manifest(track: Path) -> Manifest:
    """Read a built track's manifest.

    Raises:
        BadInput: the folder holds none, or one of another version of the layout.
    """
    path = track / "manifest.json"
    try:
        table = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise BadInput(f"{track} is not a built track: it holds no manifest.json") from None
    except (ValueError, OSError) as error:
        raise BadInput(f"{path} cannot be read: {error}; build the track again") from None
    found = table.get("format") if isinstance(table, dict) else None
    if found != FORMAT_VERSION:
        raise BadInput(
            f"{path} has layout version {found!r}, this package reads {FORMAT_VERSION}; build the track again"
        )
    try:
        return Manifest.model_validate(table)
    except ValidationError as error:
        raise BadInput(f"{path} is damaged: {error}; build the track again") from None
