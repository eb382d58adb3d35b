"""Chunks: the songs that a build has read, kept on disk until the track is written.

A chunk is one Arrow IPC file with a checksum next to it. Its name is a hash of everything that its content
depends on (see `reading`), so a rerun finds finished chunks by name, and a changed file or definition never
meets an old chunk. A chunk is opened only if its checksum matches.
"""

from __future__ import annotations

import json
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fsdl_bench.builder.shingles import Shingles
from fsdl_bench.checked import intact_checksum, write_checked
from fsdl_bench.errors import BadInput
from fsdl_bench.songs import Kind
from fsdl_bench.tracks.rows import performance_schema, row_schema

Rejection = tuple[str, str, str, str]
"""(source, origin, reason, detail): one row of `rejected.parquet`."""


class EmptyTrack(BadInput):
    """No song is left for a track.

    Attributes:
        rejected: the songs that were left out, with the reasons.
    """

    def __init__(self, message: str, rejected: Sequence[Rejection]) -> None:
        super().__init__(message)
        self.rejected = list(rejected)


_LIGHT = ("song_id", "artist_key", "work", "source", "origin", "length")
_MOST_OPEN = 32


class DamagedChunk(Exception):
    """A chunk is missing, or its content does not match its checksum.

    Attributes:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path


@dataclass(slots=True)
class ReadSong:
    """One song of a chunk. Fields that a track's rows also have mean the same.

    Attributes:
        tokens: the excerpt, uint16 [T]; empty for lyrics, which are encoded once the codec is known.
        units: units of the excerpt; 0 for lyrics.
        length: units of the whole song.
        text: the whole text; empty for MIDI.
        shingles: distinct, in a fixed order.
        outline: the shingles of the outline, in the same way; empty for lyrics and by rule 1.
        metadata: as JSON.
        velocity: of each note of the excerpt, uint8 [N]; empty for lyrics.
    """

    song_id: str
    artist: str
    artist_key: str
    title: str
    work: str
    licence: str
    source: str
    origin: str
    tokens: npt.NDArray[np.uint16]
    units: int
    length: int
    text: str
    shingles: Shingles
    outline: Shingles
    metadata: str
    velocity: npt.NDArray[np.uint8]


def chunk_schema(kind: Kind) -> pa.Schema:
    """Return the columns of a track's rows, followed by those that only the build needs."""
    shingles = pa.list_(pa.uint64())
    extra = {"length": pa.int64(), "shingles": shingles, "outline": shingles, "metadata": pa.string()}
    return pa.schema([*row_schema(kind), *extra.items(), performance_schema().field("velocity")])


def write_chunk(
    path: Path,
    kind: Kind,
    songs: Sequence[ReadSong],
    rejected: Sequence[Rejection],
    cleaned: Mapping[str, int] = MappingProxyType({}),
) -> None:
    """Write a chunk and its checksum.

    Args:
        path: the file.
        kind: of the songs.
        songs: that were read.
        rejected: songs that were left out.
        cleaned: from how many songs a source has removed what; see `Song.cleaned`.
    """
    schema = chunk_schema(kind)
    columns = [_column([getattr(song, field.name) for song in songs], field.type) for field in schema]
    schema = schema.with_metadata({"rejected": json.dumps(rejected), "cleaned": json.dumps(dict(cleaned))})
    batch = pa.RecordBatch.from_arrays(columns, schema=schema)
    with write_checked(path) as temporary, pa.ipc.new_file(str(temporary), schema) as writer:
        writer.write_batch(batch)


def _column(values: Sequence[object], kind: pa.DataType) -> pa.Array:
    if not pa.types.is_list(kind):
        return pa.array(values, kind)
    arrays: Sequence[npt.NDArray[np.generic]] = values  # type: ignore[assignment]
    dtype = kind.value_type.to_pandas_dtype()
    offsets = np.cumsum([0, *map(len, arrays)], dtype=np.int32)
    flat = np.concatenate([np.empty(0, dtype), *arrays])
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat), type=kind)


class Chunks:
    """Read access to all chunks of a build. A song is identified by its row, counted through all chunks.

    Every method that opens a chunk raises `DamagedChunk` if its checksum does not match.

    Args:
        paths: the chunk files.
        kind: the kind of the songs.

    Attributes:
        columns: the short columns of all songs, in memory.
        rejected: the songs that were left out during reading.
        cleaned: from how many songs a source has removed what.
    """

    def __init__(self, paths: Sequence[Path], kind: Kind) -> None:
        self._paths = paths
        self._schema = row_schema(kind)
        self._open: OrderedDict[int, pa.RecordBatch] = OrderedDict()
        self.rejected: list[Rejection] = []
        self.cleaned: Counter[str] = Counter()
        light: list[pa.RecordBatch] = []
        schema = pa.schema([chunk_schema(kind).field(name) for name in _LIGHT])
        for number in range(len(paths)):
            batch = self._batch(number)
            self.rejected += [(a, b, c, d) for a, b, c, d in json.loads(batch.schema.metadata[b"rejected"])]
            self.cleaned.update(json.loads(batch.schema.metadata[b"cleaned"]))
            # A copy, because a view would keep the mapped file in memory.
            light.append(pa.ipc.read_record_batch(batch.select(_LIGHT).serialize(), schema))
        self._ends = np.cumsum([len(batch) for batch in light], dtype=np.int64)
        self.columns = pa.Table.from_batches(light, schema)

    def __len__(self) -> int:
        return len(self.columns)

    def shingles(self, rows: npt.NDArray[np.int64], kind: str = "shingles") -> Iterator[Shingles]:
        """Yield the shingles, or the "outline", of these rows, which ascend."""
        for number, local in self._by_chunk(rows):
            column = self._batch(number).column(kind)
            offsets, values = column.offsets.to_numpy(), column.values.to_numpy()
            for row in local:
                yield values[offsets[row] : offsets[row + 1]]

    def texts(self, rows: npt.NDArray[np.int64]) -> Iterator[str]:
        """Yield the texts of these rows, which ascend."""
        for number, local in self._by_chunk(rows):
            yield from self._batch(number).column("text").take(pa.array(local)).to_pylist()

    def metadata(self, rows: npt.NDArray[np.int64]) -> list[str]:
        """Return the metadata of these rows, in this order, as JSON."""
        order = np.argsort(rows, kind="stable")
        found: list[str] = [""] * len(rows)
        places = iter(order.tolist())
        for number, local in self._by_chunk(rows[order]):
            for text in self._batch(number).column("metadata").take(pa.array(local)).to_pylist():
                found[next(places)] = text
        return found

    def take(self, rows: npt.NDArray[np.int64], columns: Sequence[str] = ()) -> pa.Table:
        """Return these rows, in this order, with these columns; with those of a track if none is named."""
        order = np.argsort(rows, kind="stable")
        names = list(columns) or self._schema.names
        parts = [
            pa.Table.from_batches([self._batch(number).select(names)]).take(pa.array(local))
            for number, local in self._by_chunk(rows[order])
        ]
        back = np.empty(len(rows), np.int64)
        back[order] = np.arange(len(rows))
        return pa.concat_tables(parts).combine_chunks().take(pa.array(back)).combine_chunks()

    def _by_chunk(self, rows: npt.NDArray[np.int64]) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
        """Yield ascending rows as pairs of a chunk and the rows within it."""
        chunk = np.searchsorted(self._ends, rows, side="right")
        numbers, first = np.unique(chunk, return_index=True)
        for number, local in zip(numbers, np.split(rows, first[1:]), strict=False):
            yield int(number), local - (self._ends[number - 1] if number else 0)

    def _batch(self, number: int) -> pa.RecordBatch:
        """Verify and map a chunk. The chunks that were used last stay open."""
        if number not in self._open:
            self._open[number] = _open_chunk(self._paths[number])
            if len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)
        self._open.move_to_end(number)
        return self._open[number]


def _open_chunk(path: Path) -> pa.RecordBatch:
    checksum = intact_checksum(path)
    if checksum is None:
        raise DamagedChunk(path)
    with pa.memory_map(str(path)) as file:
        batch = pa.ipc.open_file(file).get_batch(0)
    if intact_checksum(path, checksum) is None:  # replaced between the check and the mapping
        raise DamagedChunk(path)
    return batch
