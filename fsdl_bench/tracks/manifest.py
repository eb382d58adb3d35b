"""`manifest.json` of a built track: what it is, the hash of each of its files, its counts.

The file states a checksum of its own content, so that a damaged manifest is noticed. Manifests written before
there was one are still read.
"""

from __future__ import annotations

import hashlib
import json
from io import BufferedReader
from pathlib import Path

from pydantic import Field, ValidationError

from fsdl_bench import fingerprint
from fsdl_bench.errors import BadInput
from fsdl_bench.paths import atomic_write
from fsdl_bench.songs import Kind
from fsdl_bench.tracks.definition import Strict, TrackDefinition

FORMAT_VERSION = 1
NAME = "manifest.json"


class FileEntry(Strict):
    """Size and hash of one file of the folder."""

    sha256: str
    bytes: int


class SplitCounts(Strict):
    """Size of one split. Tokens and units are counted over the excerpts."""

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
        format: version of the folder's layout.
        name: the track's name.
        kind: `lyrics` or `midi`.
        codec: the codec's name.
        digest: the logical digest over the rows, see `fsdl_bench.tracks.rows`.
        files: relative path -> hash and size, of every file except this one and the derived arrays.
        counts: split -> its size.
        rejected: reason -> number of files left out.
        cleaned: what was removed from lyrics -> number of songs that were read with it.
        software: versions of the libraries that the build used.
        seconds: how long the build took.
        definition: the definition that was used.
    """

    format: int
    name: str
    kind: Kind
    codec: str
    digest: str
    files: dict[str, FileEntry]
    counts: dict[str, SplitCounts]
    rejected: dict[str, int]
    cleaned: dict[str, int] = Field(default_factory=dict)
    software: dict[str, str]
    seconds: float
    definition: TrackDefinition


def file_entry(path: Path) -> FileEntry:
    """Return the hash and the size of a file.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as stream:
        return stream_entry(stream)


def stream_entry(stream: BufferedReader) -> FileEntry:
    """Return the hash and the size of an open file, read from its start to its end."""
    stream.seek(0)
    return FileEntry(sha256=hashlib.file_digest(stream, "sha256").hexdigest(), bytes=stream.tell())


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a track's manifest with its checksum."""
    table = manifest.model_dump(mode="json")
    table["checksum"] = fingerprint.key(table)
    atomic_write(folder / NAME, json.dumps(table, ensure_ascii=False, indent=1) + "\n")


def read_manifest(track: Path) -> Manifest:
    """Read the manifest of a built track.

    Raises:
        BadInput: the folder has no manifest, or it is damaged or of another version of the layout.
    """
    path = track / NAME
    try:
        table = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise BadInput(f"{track} is not a built track: it holds no {NAME}") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise BadInput(f"{path} is damaged: {error}; build the track again") from None
    found = table.get("format") if isinstance(table, dict) else None
    if found != FORMAT_VERSION:
        raise BadInput(
            f"{path} has layout version {found!r}, this package reads {FORMAT_VERSION}; build the track again"
        )
    stated = table.pop("checksum", None)  # missing in manifests of version 0.1.0
    if stated is not None and stated != fingerprint.key(table):
        raise BadInput(f"{path} is damaged: its checksum does not match; build the track again")
    try:
        return Manifest.model_validate(table)
    except ValidationError as error:
        raise BadInput(f"{path} is damaged: {error}; build the track again") from None
