"""The rows of one split as Arrow columns, memory-mapped or in memory, read without a copy."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fsdl_bench.codecs.base import Codec, Tokens
from fsdl_bench.errors import BadInput
from fsdl_bench.songs import Kind
from fsdl_bench.tracks.rows import row_schema


def array_schema(kind: Kind) -> pa.Schema:
    """The columns of a track's Parquet files with 64-bit offsets, so that no number of songs is too large."""
    return pa.schema([pa.field(field.name, _wide(field.type), nullable=False) for field in row_schema(kind)])


def _wide(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string(kind):
        return pa.large_string()
    return pa.large_list(kind.value_field) if pa.types.is_list(kind) else kind


class Arrays:
    """Columns of songs, zero-copy over the buffers of an Arrow table.

    Attributes:
        table: the columns of `array_schema`.
        path: the file that is mapped; None for columns in memory.
        metadata: what the split is: `track`, `split`, `digest`, `kind`, `codec`, `codec_data`.
    """

    def __init__(self, table: pa.Table, path: Path | None = None, codec: Codec | None = None) -> None:
        self.path = path
        self.metadata: dict[str, str] = {
            key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()
        }
        if codec is not None:
            self.codec = codec
        self.table = table
        self._columns = {name: table.column(name) for name in table.column_names}
        chunks = self._columns["tokens"].chunks
        self._chunk_starts = [0, *accumulate(map(len, chunks))]
        self._chunks = [_list_views(chunk) for chunk in chunks]

    @classmethod
    def from_rows(
        cls, rows: Sequence[Mapping[str, Any]], metadata: Mapping[str, str], codec: Codec
    ) -> Arrays:
        """Arrays in memory, of rows that hold every column of `array_schema(codec.kind)`."""
        columns = array_schema(codec.kind).with_metadata(dict(metadata))
        data = {field.name: [row[field.name] for row in rows] for field in columns}
        return cls(pa.table(data, schema=columns), codec=codec)

    @classmethod
    def open(cls, path: Path) -> Arrays:
        """Map a file of arrays; nothing is read before it is asked for."""
        with pa.memory_map(str(path)) as source:
            return cls(pa.ipc.open_file(source).read_all(), path)

    @property
    def kind(self) -> Kind:
        """`lyrics` or `midi`."""
        return "midi" if self.metadata["kind"] == "midi" else "lyrics"

    @property
    def where(self) -> str:
        """Track and split, for messages: `midi-scores/train`."""
        return f"{self.metadata['track']}/{self.metadata['split']}"

    @cached_property
    def codec(self) -> Codec:
        """What the tokens are written in."""
        from fsdl_bench.codecs import load_codec

        return load_codec(self.metadata["codec"], self.metadata["codec_data"] or None)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def value(self, column: str, row: int) -> Any:
        """One cell of a column other than `tokens`, as a Python value."""
        return self._columns[column][row].as_py()

    def tokens(self, row: int) -> Tokens:
        """The tokens of one row: uint16 [T], a read-only view of the buffer."""
        chunk = bisect_right(self._chunk_starts, row) - 1
        offsets, values = self._chunks[chunk]
        first = row - self._chunk_starts[chunk]
        return values[offsets[first] : offsets[first + 1]]

    def artist_starts(self) -> npt.NDArray[np.int64]:
        """Where each artist's rows begin, and where the last ones end: int64 [artists + 1]."""
        import pyarrow.compute as pc

        keys = self._columns["artist_key"]
        changes = pc.not_equal(keys.slice(1), keys.slice(0, max(len(self) - 1, 0)))
        found = pc.indices_nonzero(changes)
        # By its buffer: `to_numpy` imports pandas, which takes longer than all the rest of opening a track.
        inner = np.frombuffer(found.buffers()[1], np.uint64, len(found)).astype(np.int64) + 1
        return np.concatenate([[0] if len(self) else [], inner, [len(self)]]).astype(np.int64)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.path is not None:
            return _reopen, (self.path, self.metadata["digest"])
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, self.table.schema) as writer:
            writer.write_table(self.table)
        return _from_bytes, (sink.getvalue().to_pybytes(), self.codec)


def _reopen(path: Path, digest: str) -> Arrays:
    """What a mapped file of arrays is after pickling: the same file, mapped again."""
    try:
        arrays = Arrays.open(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise BadInput(f"{path} can no longer be opened ({error}); load the track again") from None
    if arrays.metadata["digest"] != digest:
        raise BadInput(f"{path} now holds another build of the track; load the track again")
    return arrays


def _from_bytes(data: bytes, codec: Codec) -> Arrays:
    return Arrays(pa.ipc.open_file(pa.py_buffer(data)).read_all(), codec=codec)


def _list_views(chunk: pa.LargeListArray) -> tuple[npt.NDArray[np.int64], Tokens]:
    """Offsets [n + 1] and the flat values of a list array, both without a copy and read-only."""
    _, offsets, _, values = chunk.buffers()
    starts = np.frombuffer(offsets, np.int64)[chunk.offset : chunk.offset + len(chunk) + 1]
    flat = np.frombuffer(values, np.uint16) if values is not None else np.zeros(0, np.uint16)
    for view in (starts, flat):
        view.flags.writeable = False
    return starts, flat
