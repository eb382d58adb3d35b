"""The rows of one split as Arrow columns, memory-mapped or in memory, read without a copy.

A file of arrays is used only if its checksum matches. Each process reads each file once to compute it.
"""

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

from fsdl_bench.checked import intact_checksum
from fsdl_bench.codecs.base import Codec, Tokens
from fsdl_bench.errors import BadInput
from fsdl_bench.metadata import NOTHING, Metadata, from_row
from fsdl_bench.songs import Kind
from fsdl_bench.tracks.beside import Beside
from fsdl_bench.tracks.rows import row_schema


def array_schema(kind: Kind) -> pa.Schema:
    """Return the columns of a track's Parquet files with 64-bit offsets, which any number of songs fits."""
    return pa.schema([pa.field(field.name, _wide(field.type), nullable=False) for field in row_schema(kind)])


def _wide(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string(kind):
        return pa.large_string()
    return pa.large_list(kind.value_field) if pa.types.is_list(kind) else kind


class DamagedArrays(Exception):
    """A file of arrays is missing, or its content does not match its checksum."""


class Arrays:
    """Columns of songs, zero-copy over the buffers of an Arrow table.

    Attributes:
        table: the columns of `array_schema`.
        path: the file that is mapped; None for columns in memory.
        checksum: of that file; None for columns in memory.
        metadata: `track`, `split`, `digest`, `kind`, `codec` and `codec_data` of the split.
        described: the file with the songs' metadata; None if there is none.
        performed: the file with the velocities of MIDI songs; None if there is none.
    """

    described: Beside | None = None
    performed: Beside | None = None

    def __init__(
        self,
        table: pa.Table,
        path: Path | None = None,
        checksum: str | None = None,
        codec: Codec | None = None,
    ) -> None:
        self.path = path
        self.checksum = checksum
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
        """Return arrays in memory of rows that hold every column of `array_schema(codec.kind)`."""
        columns = array_schema(codec.kind).with_metadata(dict(metadata))
        data = {field.name: [row[field.name] for row in rows] for field in columns}
        return cls(pa.table(data, schema=columns), codec=codec)

    @classmethod
    def open(cls, path: Path, expected: str | None = None) -> Arrays:
        """Verify and map a file of arrays.

        Args:
            path: a file written by `write_checked`.
            expected: its checksum; read from the file next to it if None.

        Raises:
            DamagedArrays: the file is missing, or its checksum does not match.
        """
        checksum = intact_checksum(path, expected)
        if checksum is None:
            raise DamagedArrays(path)
        with pa.memory_map(str(path)) as source:
            arrays = cls(pa.ipc.open_file(source).read_all(), path, checksum)
        if intact_checksum(path, checksum) is None:  # replaced between the check and the mapping
            raise DamagedArrays(path)
        return arrays

    @property
    def kind(self) -> Kind:
        """`lyrics` or `midi`."""
        return "midi" if self.metadata["kind"] == "midi" else "lyrics"

    @property
    def where(self) -> str:
        """Track and split, such as `midi-scores/train`, for messages."""
        return f"{self.metadata['track']}/{self.metadata['split']}"

    @cached_property
    def codec(self) -> Codec:
        """The codec of the tokens."""
        from fsdl_bench.codecs import load_codec

        return load_codec(self.metadata["codec"], self.metadata["codec_data"] or None)

    @property
    def files(self) -> list[Path]:
        """The files that the columns, the songs' metadata and their velocities are read from."""
        beside = [one.path for one in (self.described, self.performed) if one is not None]
        return beside if self.path is None else [self.path, *beside]

    def song_metadata(self, row: int) -> Metadata:
        """Return the metadata of one song.

        Raises:
            BadInput: the file of the metadata is missing or damaged.
        """
        return from_row(self.described.table.slice(row, 1).to_pylist()[0]) if self.described else NOTHING

    def velocity(self, row: int) -> npt.NDArray[np.uint8] | None:
        """Return the velocity of each note of one song [N]; None if the track has no such file.

        Raises:
            BadInput: the file is missing or damaged.
        """
        if self.performed is None:
            return None
        found: npt.NDArray[np.uint8] = self.performed.table.column("velocity")[row].values.to_numpy()
        return found

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def value(self, column: str, row: int) -> Any:
        """Return one cell of a column other than `tokens` as a Python value."""
        return self._columns[column][row].as_py()

    def tokens(self, row: int) -> Tokens:
        """Return the tokens of one row: uint16 [T], a read-only view of the buffer."""
        chunk = bisect_right(self._chunk_starts, row) - 1
        offsets, values = self._chunks[chunk]
        first = row - self._chunk_starts[chunk]
        return values[offsets[first] : offsets[first + 1]]

    def artist_starts(self) -> npt.NDArray[np.int64]:
        """Return the first row of each artist, and the number of rows: int64 [artists + 1]."""
        import pyarrow.compute as pc

        if len(self) < 2:  # pyarrow before 25 crashes where `changes` would be empty
            return np.arange(len(self) + 1, dtype=np.int64)
        keys = self._columns["artist_key"]
        changes = pc.not_equal(keys.slice(1), keys.slice(0, len(self) - 1))
        found = pc.indices_nonzero(changes)
        # Through the buffer, because `to_numpy` imports pandas, which takes longer than opening a track.
        inner = np.frombuffer(found.buffers()[1], np.uint64, len(found)).astype(np.int64) + 1
        return np.concatenate([[0], inner, [len(self)]]).astype(np.int64)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.path is not None:
            return _reopen, (self.path, self.checksum, self.described, self.performed)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, self.table.schema) as writer:
            writer.write_table(self.table)
        return _from_bytes, (sink.getvalue().to_pybytes(), self.codec)


def _reopen(path: Path, checksum: str, described: Beside | None, performed: Beside | None) -> Arrays:
    """Map the file of a pickled `Arrays` again, if it is still the same."""
    try:
        arrays = Arrays.open(path, checksum)
        arrays.described, arrays.performed = described, performed
        return arrays
    except (DamagedArrays, OSError, pa.ArrowInvalid):
        raise BadInput(
            f"{path} was removed, replaced or damaged after the track was loaded; load the track again"
        ) from None


def _from_bytes(data: bytes, codec: Codec) -> Arrays:
    return Arrays(pa.ipc.open_file(pa.py_buffer(data)).read_all(), codec=codec)


def _list_views(chunk: pa.LargeListArray) -> tuple[npt.NDArray[np.int64], Tokens]:
    """Return offsets [n + 1] and flat values of a list array, both read-only views."""
    _, offsets, _, values = chunk.buffers()
    starts = np.frombuffer(offsets, np.int64)[chunk.offset : chunk.offset + len(chunk) + 1]
    flat = np.frombuffer(values, np.uint16) if values is not None else np.zeros(0, np.uint16)
    for view in (starts, flat):
        view.flags.writeable = False
    return starts, flat
