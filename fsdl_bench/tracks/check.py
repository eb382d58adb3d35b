"""Verify a built track: the hash of every file, every row, the logical digest and the arrays."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from fsdl_bench.codecs.base import EOS, Codec, Tokens
from fsdl_bench.errors import BadInput
from fsdl_bench.progress import bar
from fsdl_bench.tracks.artists import SPLITS
from fsdl_bench.tracks.definition import definition_names, load_definition
from fsdl_bench.tracks.rows import LogicalDigest, row_schema
from fsdl_bench.tracks.sidecar import FOLDER, open_arrays, shards, verified
from fsdl_bench.tracks.track import Track, load_track

_BATCH_ROWS = 1024
_MOST = 20  # wrong rows that are listed; more would hide the other problems


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The result of `check_track`.

    Attributes:
        name: the track's name.
        path: the track's folder.
        files: number of files that were compared with their hashes.
        songs: number of rows that were read.
        digest: the logical digest, computed from the rows; empty if the shards cannot be read.
        frozen: the digest that the packaged definition expects; empty if there is none.
        problems: one sentence per problem; empty if the track is valid.
    """

    name: str
    path: Path
    files: int
    songs: int
    digest: str
    frozen: str
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether there is no problem."""
        return not self.problems


def check_track(track: Track | str | os.PathLike[str], *, progress: bool = False) -> CheckReport:
    """Verify every file of a built track, and every row against its codec and the manifest.

    Args:
        track: an open track, its name, or its folder.
        progress: show a progress bar on standard error.

    Raises:
        BadInput: there is no such track, or its manifest is damaged.
    """
    track = track if isinstance(track, Track) else load_track(track)
    problems = [*_file_problems(track)]
    rows = _RowCheck(track)
    rows.run(progress)
    problems += rows.problems[:_MOST]
    if len(rows.problems) > _MOST:
        problems.append(f"... and {len(rows.problems) - _MOST:,} more wrong rows")
    frozen = load_definition(track.name).digest if track.name in definition_names() else ""
    if rows.digest:
        problems += rows.wrong_counts()
        problems += _digest_problems(track, rows.digest, frozen)
    if not problems:  # only valid shards tell what the arrays must hold
        problems += [problem for split in track.splits for problem in _array_problems(track, split)]
    return CheckReport(
        name=track.name,
        path=track.path,
        files=len(track.manifest.files),
        songs=rows.songs,
        digest=rows.digest,
        frozen=frozen,
        problems=tuple(problems),
    )


def _file_problems(track: Track) -> Iterator[str]:
    for name in track.manifest.files:
        try:
            with verified(track.path, track.manifest, name):
                pass
        except BadInput as problem:
            yield str(problem)
    known = {*track.manifest.files, "manifest.json"}
    for path in sorted(track.path.rglob("*")):
        name = path.relative_to(track.path).as_posix()
        if path.is_file() and name not in known and not name.startswith(f"{FOLDER}/"):
            yield f"{path} is not part of the track; remove it"


def _digest_problems(track: Track, digest: str, frozen: str) -> Iterator[str]:
    if digest != track.digest:
        yield f"the rows have the digest {digest}, manifest.json says {track.digest}; build the track again"
    if frozen and digest != frozen:
        yield (
            f"the rows have the digest {digest}, but the frozen {track.name} has {frozen}: results on this "
            "build cannot be compared with published ones; build the track again from the pinned sources"
        )


class _RowCheck:
    """One pass over the rows of all shards: finds wrong rows, counts the rows, and computes their digest."""

    def __init__(self, track: Track) -> None:
        self.songs = 0
        self.digest = ""
        self.problems: list[str] = []
        self._track = track
        self._codec: Codec | None = None
        with suppress(BadInput):  # a damaged codec.json is reported with the files
            self._codec = track.codec
        self._splits: dict[str, str] = {}  # of each artist
        self._ids: set[str] = set()
        self._sizes: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def run(self, progress: bool) -> None:
        manifest = self._track.manifest
        digest = LogicalDigest(manifest.kind, manifest.codec)
        readable = True
        total = sum(count.songs for count in manifest.counts.values())
        with bar(f"checking {manifest.name}", "song", progress, total=total) as shown:
            for split in SPLITS:
                digest.split(split)
                for shard in shards(manifest, split):
                    try:
                        for first, batch in _batches(self._track, shard):
                            digest.update(batch)
                            self._rows(split, shard, first, batch)
                            shown.update(len(batch))
                    except (OSError, KeyError, pa.ArrowInvalid) as error:
                        self.problems.append(f"{self._track.path / shard} cannot be read: {error}")
                        readable = False
        if readable:
            self.digest = digest.hexdigest()

    def wrong_counts(self) -> Iterator[str]:
        """Yield the splits whose size differs from the manifest. Call it after `run`."""
        for split, counts in self._track.manifest.counts.items():
            said = {name: getattr(counts, name) for name in ("artists", "songs", "tokens", "units")}
            found = dict(self._sizes[split]) | {"artists": [*self._splits.values()].count(split)}
            if said != found:
                yield f"manifest.json gives {said} for {split}, but the shards hold {found}"

    def _rows(self, split: str, shard: str, first: int, batch: pa.RecordBatch) -> None:
        tokens = batch.column("tokens")
        rows = batch.drop_columns(["tokens"]).to_pylist()
        for index, row in enumerate(rows):
            values = tokens[index].values.to_numpy()
            self.songs += 1
            self._sizes[split].update(songs=1, tokens=len(values), units=row["units"])
            for what in self._row(split, row, values):
                place = f"{self._track.path / shard}, row {first + index}"
                self.problems.append(f"{place} ({row['artist']}: {row['title']}, {row['song_id']}): {what}")

    def _row(self, split: str, row: dict[str, Any], tokens: Tokens) -> Iterator[str]:
        """Yield what is wrong with one row."""
        if row["song_id"] in self._ids:
            yield "the song is in the track twice"
        self._ids.add(row["song_id"])
        if self._splits.setdefault(row["artist_key"], split) != split:
            yield f"the artist is also in {self._splits[row['artist_key']]}"
        codec = self._codec
        if codec is None:
            return
        try:
            if codec.kind == "lyrics":
                content = row["text"].encode()
                expected = codec.excerpt(codec.encode(row["text"]))
            else:  # the track holds the excerpt only
                content = tokens.tobytes() if EOS in tokens[-1:] else b""
                expected = codec.encode(codec.decode(tokens))[: len(tokens)]
            units = codec.units(tokens)
        except (ValueError, IndexError) as error:
            yield f"the tokens are not a song of {codec.name}: {error}"
            return
        if not np.array_equal(expected, tokens):
            yield f"the tokens differ from the encoding of the song by {codec.name}"
        if content and hashlib.blake2b(content, digest_size=16).hexdigest() != row["song_id"]:
            yield "the id is not the hash of the song"
        if units != row["units"]:
            yield f"the tokens hold {units} {codec.unit}s, but the column units is {row['units']}"


def _batches(track: Track, shard: str) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield the rows of a shard in batches, each with the number of its first row."""
    import pyarrow.parquet as pq

    first = 0
    with pq.ParquetFile(track.path / shard) as file:
        for batch in file.iter_batches(_BATCH_ROWS, columns=row_schema(track.kind).names):
            yield first, batch
            first += len(batch)


def _array_problems(track: Track, split: str) -> Iterator[str]:
    """Yield where the arrays that `load_track` opens differ from the shards."""
    arrays = open_arrays(track.path, track.manifest, split)
    advice = f"remove {arrays.path}, and it is made again from the shards"
    start = 0
    for shard in shards(track.manifest, split):
        for first, batch in _batches(track, shard):
            found = arrays.table.slice(start, len(batch)).cast(batch.schema)
            start += len(batch)
            for name in batch.schema.names:
                pairs = zip(found.column(name), batch.column(name), strict=False)
                if found.column(name) != pa.chunked_array([batch.column(name)]):
                    row = next((i for i, (a, b) in enumerate(pairs) if a != b), len(found))
                    yield f"the arrays differ from {shard}, row {first + row}, in the column {name}; {advice}"
    if start != len(arrays):
        yield f"the arrays of {split} hold {len(arrays):,} rows, the shards {start:,}; {advice}"
