"""The rows of a built track: their schema, their order, and the logical digest over them.

    digest = BLAKE2b-256( header, then for each split, in the order train, validation, test:
                          its name, then its rows, ordered by (artist_key, song_id) )

Every piece is hashed as its length (8 bytes, little-endian) followed by its bytes. The pieces of a row are
its columns in the order of the schema: strings as UTF-8, tokens as little-endian uint16, units as
little-endian int32. The digest does not depend on shards, compression or library versions. Two tracks with
the same digest hold the same songs in the same splits with the same tokens.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, pairwise
from pathlib import Path

import pyarrow as pa

from fsdl_bench.songs import Kind

FORMAT = "fsdl-bench rows v1"


def row_schema(kind: Kind) -> pa.Schema:
    """Return the columns of a track of this kind. None of them is nullable.

    song_id (hex of 16 bytes), artist, artist_key, title, work, licence, source, origin: string;
    tokens: list of uint16, the excerpt (no BOS; EOS only if the song ends within the excerpt);
    units: int32, notes or UTF-8 bytes of the excerpt; for lyrics also text: string, the whole song.
    """
    strings = ["song_id", "artist", "artist_key", "title", "work", "licence", "source", "origin"]
    fields = [_field(name, pa.string()) for name in strings]
    fields.append(_field("tokens", pa.list_(_field("element", pa.uint16()))))
    fields.append(_field("units", pa.int32()))
    if kind == "lyrics":
        fields.append(_field("text", pa.string()))
    return pa.schema(fields)


def rejected_schema() -> pa.Schema:
    """Return the columns of `rejected.parquet`: which file of which source was left out, and why."""
    return pa.schema([_field(name, pa.string()) for name in ("source", "origin", "reason", "detail")])


def _field(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


def shard_name(split: str, index: int, count: int) -> str:
    """Return the file name of a shard, as `datasets` expects it."""
    return f"{split}-{index:05d}-of-{count:05d}.parquet"


METADATA = "metadata"
"""The folder of a track's metadata files. They are no part of the digest."""


def metadata_name(split: str) -> str:
    """Return the path of a split's metadata in the track's folder: one row per song, as in the shards."""
    return f"{METADATA}/{split}.parquet"


def performance_name(split: str) -> str:
    """Return the path of a split's velocities: one row per MIDI song, as in the shards; not in the digest."""
    return f"performance/{split}.parquet"


def performance_schema() -> pa.Schema:
    """Return the columns: the song, and the velocity of each note of its excerpt, in the order of `notes`."""
    return pa.schema([_field("song_id", pa.string()), _field("velocity", pa.list_(pa.uint8()))])


def shard_paths(track: Path, split: str) -> list[Path]:
    """Return the shards of a split in a built track's folder, in order."""
    return sorted(track.glob(f"{split}-?????-of-?????.parquet"))


def read_batches(track: Path, split: str, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a split from its shards in order: all columns, or those named."""
    import pyarrow.parquet as pq

    for path in shard_paths(track, split):
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(columns=columns)


class LogicalDigest:
    """The digest defined above, computed batch by batch.

    Args:
        kind: `lyrics` or `midi`.
        codec: the codec's name.
    """

    def __init__(self, kind: Kind, codec: str) -> None:
        self._hash = hashlib.blake2b(digest_size=32)
        self._schema = row_schema(kind)
        for piece in (FORMAT, kind, codec):
            self._feed(piece.encode())

    def split(self, name: str) -> None:
        """Start a split."""
        self._feed(name.encode())

    def update(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Add rows in their order. Columns are found by name."""
        batches = batch.to_batches() if isinstance(batch, pa.Table) else [batch]
        for part in batches:
            columns = [_pieces(part.column(field.name), field.type) for field in self._schema]
            both = [each for pieces in columns for each in (map(_length, pieces), pieces)]
            # One string of bytes per batch, because hashing many small ones takes several times as long.
            self._hash.update(b"".join(chain.from_iterable(zip(*both, strict=True))))

    def hexdigest(self) -> str:
        """Return 64 hexadecimal digits."""
        return self._hash.hexdigest()

    def _feed(self, piece: bytes) -> None:
        self._hash.update(_length(piece) + piece)


def logical_digest(kind: Kind, codec: str, splits: Mapping[str, Iterable[pa.RecordBatch]]) -> str:
    """Return the digest of a whole track, given the rows of each split in order.

    Splits are hashed in the order train, validation, test, whatever the order of the mapping.
    """
    digest = LogicalDigest(kind, codec)
    for name in ("train", "validation", "test"):
        digest.split(name)
        for batch in splits.get(name, ()):
            digest.update(batch)
    return digest.hexdigest()


def track_digest(track: Path, kind: Kind, codec: str) -> str:
    """Return the digest of a built track's folder, computed from its shards."""
    names = ("train", "validation", "test")
    return logical_digest(kind, codec, {name: read_batches(track, name) for name in names})


def _length(piece: bytes) -> bytes:
    return len(piece).to_bytes(8, "little")


def _pieces(column: pa.Array, kind: pa.DataType) -> list[bytes]:
    """Return each value of a column as the bytes that are hashed."""
    if pa.types.is_string(kind):
        pieces: list[bytes] = column.cast(pa.binary()).to_pylist()
        return pieces
    if pa.types.is_list(kind):
        offsets = column.offsets.to_numpy()
        data = column.flatten().to_numpy().astype("<u2", copy=False).tobytes()
        return [data[a:b] for a, b in pairwise((2 * (offsets - offsets[0])).tolist())]
    data = column.to_numpy().astype("<i4", copy=False).tobytes()
    return [data[at : at + 4] for at in range(0, len(data), 4)]
