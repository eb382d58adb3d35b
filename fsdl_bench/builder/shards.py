"""Shards: the selected songs as Parquet files. Order and division depend only on the songs.

Artists are sorted by key, and the songs of an artist by id. A row group holds whole artists with at least 256
songs, so that one artist can be read without the rest. A shard holds whole row groups, about 64 MB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from fsdl_bench.builder.chunks import Chunks
from fsdl_bench.codecs.base import Codec
from fsdl_bench.metadata import metadata_schema, table_of
from fsdl_bench.progress import bar
from fsdl_bench.tracks.artists import SPLITS, SplitName
from fsdl_bench.tracks.manifest import SplitCounts
from fsdl_bench.tracks.rows import (
    LogicalDigest,
    metadata_name,
    performance_name,
    performance_schema,
    row_schema,
    shard_name,
)

GROUP_SONGS = 256
_BESIDE_ROWS = 4096
SHARD_BYTES = 64 << 20
"""Most bytes of a shard, before compression, so that the division does not depend on a library."""


def write_splits(
    folder: Path,
    chunks: Chunks,
    rows: Mapping[SplitName, npt.NDArray[np.int64]],
    works: Mapping[tuple[str, str], str],
    codec: Codec,
    progress: bool = False,
) -> tuple[dict[str, SplitCounts], str]:
    """Write the shards of all splits that hold songs.

    Args:
        folder: the folder of the shards.
        chunks: the songs that were read.
        rows: split -> rows of `chunks`, ordered by (artist key, song id).
        works: (artist key, work) -> the work that it was joined to, for joined works only.
        codec: encodes lyrics; MIDI is already encoded.
        progress: show a progress bar on standard error.

    Returns:
        The counts of each split, and the logical digest.
    """
    digest = LogicalDigest(codec.kind, codec.name)
    counts: dict[str, SplitCounts] = {}
    total = sum(len(part) for part in rows.values())
    with bar("writing", "song", progress, total=total) as shown:
        for split in SPLITS:
            digest.split(split)
            if not len(rows[split]):
                continue
            tally = _Tally()
            with _ShardWriter(folder, split, row_schema(codec.kind)) as writer:
                for group in _row_groups(chunks, rows[split]):
                    table = _encoded(_with_joined_works(chunks.take(group), works), codec)
                    writer.write(table)
                    digest.update(table)
                    tally.add(table)
                    shown.update(len(table))
            counts[split] = tally.counts()
    return counts, digest.hexdigest()


def write_metadata(folder: Path, chunks: Chunks, rows: Mapping[SplitName, npt.NDArray[np.int64]]) -> None:
    """Write `metadata/<split>.parquet` of all splits that hold songs, in the order of the shards."""
    ids = chunks.columns["song_id"]

    def table(part: npt.NDArray[np.int64]) -> pa.Table:
        return table_of(ids.take(pa.array(part)).to_pylist(), chunks.metadata(part))

    _write_beside(folder, metadata_name, metadata_schema(), rows, table)


def write_performance(folder: Path, chunks: Chunks, rows: Mapping[SplitName, npt.NDArray[np.int64]]) -> None:
    """Write `performance/<split>.parquet` of all splits that hold songs, in the order of the shards."""
    schema = performance_schema()

    def table(part: npt.NDArray[np.int64]) -> pa.Table:
        return chunks.take(part, schema.names).replace_schema_metadata(None)

    _write_beside(folder, performance_name, schema, rows, table)


def _write_beside(
    folder: Path,
    name: Callable[[str], str],
    schema: pa.Schema,
    rows: Mapping[SplitName, npt.NDArray[np.int64]],
    table: Callable[[npt.NDArray[np.int64]], pa.Table],
) -> None:
    for split, numbers in rows.items():
        if not len(numbers):
            continue
        path = folder / name(split)
        path.parent.mkdir(exist_ok=True)
        with pq.ParquetWriter(path, schema, compression="zstd", compression_level=3) as writer:
            for start in range(0, len(numbers), _BESIDE_ROWS):
                writer.write_table(table(numbers[start : start + _BESIDE_ROWS]))


def _row_groups(chunks: Chunks, rows: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
    """Yield groups of whole artists with enough songs."""
    import pyarrow.compute as pc

    keys = chunks.columns["artist_key"].take(pa.array(rows)).combine_chunks()
    new = np.flatnonzero(pc.not_equal(keys[1:], keys[:-1]).to_numpy(zero_copy_only=False)) + 1
    start = 0
    for end in [*new.tolist(), len(rows)]:
        if end - start >= GROUP_SONGS or end == len(rows):
            yield rows[start:end]
            start = end


def _with_joined_works(table: pa.Table, works: Mapping[tuple[str, str], str]) -> pa.Table:
    pairs = zip(table["artist_key"].to_pylist(), table["work"].to_pylist(), strict=True)
    names = [works.get((key, work), work) for key, work in pairs]
    return _replaced(table, "work", pa.array(names, pa.string()))


def _replaced(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    at = table.schema.get_field_index(name)
    return table.set_column(at, table.schema.field(at), column)


def _encoded(table: pa.Table, codec: Codec) -> pa.Table:
    """Return the rows with tokens and units. MIDI rows already have them."""
    if codec.kind == "midi":
        return table
    texts = table["text"].to_pylist()
    whole: Any = getattr(codec, "encode_batch", lambda batch: [codec.encode(text) for text in batch])
    tokens = [codec.excerpt(ids) for ids in whole(texts)]
    units = [codec.units(ids) for ids in tokens]
    table = _replaced(table, "tokens", pa.array(tokens, table.schema.field("tokens").type))
    return _replaced(table, "units", pa.array(units, pa.int32()))


class _ShardWriter:
    """Writes numbered Parquet files, and renames them once their number is known."""

    def __init__(self, folder: Path, split: str, schema: pa.Schema) -> None:
        self._folder = folder
        self._split = split
        self._schema = schema
        self._paths: list[Path] = []
        self._writer: pq.ParquetWriter | None = None
        self._bytes = 0
        self._stack = ExitStack()

    def __enter__(self) -> _ShardWriter:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        self._stack.close()
        if not failed:
            for index, path in enumerate(self._paths):
                path.rename(self._folder / shard_name(self._split, index, len(self._paths)))

    def write(self, table: pa.Table) -> None:
        """Add one row group."""
        if self._writer is None or self._bytes + table.nbytes > SHARD_BYTES:
            self._next()
        assert self._writer is not None
        self._writer.write_table(table, row_group_size=len(table))
        self._bytes += table.nbytes

    def _next(self) -> None:
        self._stack.close()
        path = self._folder / f"{self._split}-{len(self._paths):05d}.part"
        self._paths.append(path)
        self._writer = self._stack.enter_context(
            pq.ParquetWriter(path, self._schema, compression="zstd", compression_level=3)
        )
        self._bytes = 0


class _Tally:
    """Counts the rows of a split."""

    def __init__(self) -> None:
        self._artists = self._works = 0
        self._tokens: list[npt.NDArray[np.int64]] = []
        self._units: list[npt.NDArray[np.int64]] = []

    def add(self, table: pa.Table) -> None:
        """Count a table that holds all rows of its artists."""
        import pyarrow.compute as pc

        works = set(zip(table["artist_key"].to_pylist(), table["work"].to_pylist(), strict=True))
        self._artists += len({key for key, _ in works})
        self._works += len(works)
        self._tokens.append(pc.list_value_length(table["tokens"]).to_numpy().astype(np.int64))
        self._units.append(table["units"].to_numpy().astype(np.int64))

    def counts(self) -> SplitCounts:
        """Return the sums and medians."""
        tokens, units = np.concatenate(self._tokens), np.concatenate(self._units)
        return SplitCounts(
            artists=self._artists,
            songs=len(tokens),
            works=self._works,
            tokens=int(tokens.sum()),
            units=int(units.sum()),
            median_tokens=float(np.median(tokens)),
            median_units=float(np.median(units)),
        )
