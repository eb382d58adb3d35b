"""The rows of one split as Arrow columns: memory-mapped from a file beside the Parquet shards, or in memory.

`.arrays/<split>.arrow` is an uncompressed Arrow IPC file with the rows of the split's shards in their order.
Parquet is what a track *is*; this file is only a faster form of it and is made anew whenever it is missing or
was made from other shards: its schema metadata names the sha256 of every file that it came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fsdl_bench.codecs.base import Tokens
from fsdl_bench.songs import Kind

STRINGS = ("song_id", "artist", "artist_key", "title", "work", "licence", "source", "origin")
"""The columns of text that every row has."""


def schema(kind: Kind) -> pa.Schema:
    """The columns of the arrays. 64-bit offsets, so that no number of songs is too large for them."""
    fields = [pa.field(name, pa.large_string()) for name in STRINGS]
    fields += [pa.field("tokens", pa.large_list(pa.uint16())), pa.field("units", pa.int32())]
    if kind == "lyrics":
        fields.append(pa.field("text", pa.large_string()))
    return pa.schema(fields)


class Arrays:
    """Columns of songs, zero-copy over the buffers of an Arrow table."""

    def __init__(self, table: pa.Table, path: Path | None = None) -> None:
        self.path = path
        self.metadata: dict[str, str] = {
            key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()
        }
        self._table = table
        self._columns = {name: table.column(name) for name in table.column_names}
        chunks = self._columns["tokens"].chunks
        self._chunk_starts = np.cumsum([0, *map(len, chunks)])
        self._chunks = [_list_views(chunk) for chunk in chunks]

    @classmethod
    def from_rows(cls, kind: Kind, rows: Sequence[Mapping[str, Any]]) -> Arrays:
        """Arrays in memory, of rows that hold every column of `schema(kind)`."""
        columns = schema(kind)
        data = {field.name: [row[field.name] for row in rows] for field in columns}
        return cls(pa.table(data, schema=columns))

    @classmethod
    def open(cls, path: Path) -> Arrays:
        """Map a file of arrays; nothing is read before it is asked for."""
        with pa.memory_map(str(path)) as source:
            return cls(pa.ipc.open_file(source).read_all(), path)

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def value(self, column: str, row: int) -> Any:
        """One cell of a column other than `tokens`, as a Python value."""
        return self._columns[column][row].as_py()

    def column(self, name: str) -> list[Any]:
        """A whole column other than `tokens`, as Python values."""
        values: list[Any] = self._columns[name].to_pylist()
        return values

    def tokens(self, row: int) -> Tokens:
        """The tokens of one row: uint16 [T], a read-only view of the buffer."""
        chunk = (
            int(np.searchsorted(self._chunk_starts, row, side="right")) - 1 if len(self._chunks) > 1 else 0
        )
        offsets, values = self._chunks[chunk]
        first = row - int(self._chunk_starts[chunk])
        return values[offsets[first] : offsets[first + 1]]

    def lengths(self) -> npt.NDArray[np.int64]:
        """How many tokens each row holds: int64 [N]."""
        return np.concatenate([np.diff(offsets) for offsets, _ in self._chunks] or [np.zeros(0, np.int64)])

    def units(self) -> npt.NDArray[np.int32]:
        """How many units each row holds: int32 [N]."""
        units: npt.NDArray[np.int32] = self._columns["units"].to_numpy()
        return units

    def artist_starts(self) -> npt.NDArray[np.int64]:
        """Where each artist's rows begin, and where the last ones end: int64 [artists + 1]."""
        import pyarrow.compute as pc

        keys = self._columns["artist_key"]
        changes = pc.not_equal(keys.slice(1), keys.slice(0, max(len(self) - 1, 0)))
        inner = np.flatnonzero(changes.to_numpy()) + 1
        return np.concatenate([[0] if len(self) else [], inner, [len(self)]]).astype(np.int64)

    def to_bytes(self) -> bytes:
        """The whole of it as one Arrow IPC file, to be sent to another process."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, self._table.schema) as writer:
            writer.write_table(self._table)
        data: bytes = sink.getvalue().to_pybytes()
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> Arrays:
        """The inverse of `to_bytes`."""
        return cls(pa.ipc.open_file(pa.py_buffer(data)).read_all())


def _list_views(chunk: pa.LargeListArray) -> tuple[npt.NDArray[np.int64], Tokens]:
    """Offsets [n + 1] and the flat values of a list array, both without a copy and read-only."""
    _, offsets, _, values = chunk.buffers()
    starts = np.frombuffer(offsets, np.int64)[chunk.offset : chunk.offset + len(chunk) + 1]
    flat = np.frombuffer(values, np.uint16) if values is not None else np.zeros(0, np.uint16)
    for view in (starts, flat):
        view.flags.writeable = False
    return starts, flat
