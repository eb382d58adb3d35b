"""The file of arrays beside a built track's shards: made from them, mapped, and made anew when they change.

`.arrays/<split>.arrow` is an uncompressed Arrow IPC file with the rows of the split's Parquet shards in their
order. The Parquet is the track; this is the same in a form that needs no reading. Its schema metadata says
what it was made from (the sha256 of every shard, by the manifest), so a file of another build is noticed and
replaced. Where the track's folder cannot be written to, the file goes to `FSDL_BENCH_HOME/arrays`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from fsdl_bench.errors import BadInput
from fsdl_bench.paths import atomic_file, home
from fsdl_bench.tracks.arrays import Arrays, array_schema
from fsdl_bench.tracks.manifest import Manifest, file_entry

FOLDER = ".arrays"
_BATCH_ROWS = 32_768  # bounds the memory that writing takes; most tracks are one batch


def shards(manifest: Manifest, split: str) -> list[str]:
    """The names of a split's Parquet files, in the order of their rows."""
    pattern = re.compile(re.escape(split) + r"-\d+-of-\d+\.parquet")
    return sorted(name for name in manifest.files if pattern.fullmatch(name))


def write_arrays(folder: Path, manifest: Manifest) -> None:
    """Make the files of arrays of every split of the track in `folder`.

    Raises:
        BadInput: a shard is not what the manifest says.
    """
    for split in manifest.counts:
        stamp = _stamp(folder, manifest, split)
        _write(folder, manifest, stamp, folder / FOLDER / f"{split}.arrow")


def open_arrays(folder: Path, manifest: Manifest, split: str) -> Arrays:
    """The rows of one split of the track in `folder`, mapped; the file of arrays is made if it is not there.

    Raises:
        BadInput: a shard is missing or is not what the manifest says.
    """
    stamp = _stamp(folder, manifest, split)
    name = hashlib.blake2b(json.dumps(stamp, sort_keys=True).encode(), digest_size=16).hexdigest()
    places = (folder / FOLDER / f"{split}.arrow", home() / "arrays" / name / f"{split}.arrow")
    for path in places:
        with suppress(OSError, pa.ArrowInvalid):
            arrays = Arrays.open(path)
            if arrays.metadata == stamp:
                return arrays
    try:
        _write(folder, manifest, stamp, places[0])
    except OSError:  # the folder may be read-only, or its disk full: another place may do
        _write(folder, manifest, stamp, places[1])
        return Arrays.open(places[1])
    return Arrays.open(places[0])


def codec_data(folder: Path, manifest: Manifest) -> str:
    """The content of `codec.json`; empty where the track has none.

    Raises:
        BadInput: it is not what the manifest says.
    """
    if "codec.json" not in manifest.files:
        return ""
    verify(folder, manifest, "codec.json")
    return (folder / "codec.json").read_text(encoding="utf-8")


def _stamp(folder: Path, manifest: Manifest, split: str) -> dict[str, str]:
    """What a split must know without its track, and what its arrays are made from: the schema metadata."""
    names = shards(manifest, split)
    return {
        "track": manifest.name,
        "split": split,
        "digest": manifest.digest,
        "kind": manifest.kind,
        "codec": manifest.codec,
        "codec_data": codec_data(folder, manifest),
        "made_from": json.dumps({name: manifest.files[name].sha256 for name in names}),
    }


def _write(folder: Path, manifest: Manifest, stamp: Mapping[str, str], path: Path) -> None:
    columns = array_schema(manifest.kind).with_metadata(dict(stamp))
    tables = _tables(folder, manifest, shards(manifest, stamp["split"]), columns)
    with atomic_file(path) as temporary, pa.ipc.new_file(str(temporary), columns) as writer:
        for table in tables:
            writer.write_table(table.combine_chunks())


def _tables(folder: Path, manifest: Manifest, names: list[str], columns: pa.Schema) -> Iterator[pa.Table]:
    """The rows of these shards, `_BATCH_ROWS` or a little more at a time."""
    import pyarrow.parquet as pq

    waiting: list[pa.RecordBatch] = []
    for name in names:
        verify(folder, manifest, name)
        with pq.ParquetFile(folder / name) as shard:
            for batch in shard.iter_batches(_BATCH_ROWS, columns=columns.names):
                waiting.append(batch)
                if sum(len(batch) for batch in waiting) >= _BATCH_ROWS:
                    yield pa.Table.from_batches(waiting).cast(columns)
                    waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting).cast(columns)


def verify(folder: Path, manifest: Manifest, name: str) -> None:
    """Compare one file of a track with what the manifest says of it.

    Raises:
        BadInput: it is missing or another.
    """
    expected = manifest.files[name]
    try:
        found = file_entry(folder / name)
    except FileNotFoundError:
        raise BadInput(f"{folder / name} is missing; build the track again") from None
    if found != expected:
        raise BadInput(
            f"{folder / name} was changed or damaged: it has {found.bytes:,} bytes and sha256 "
            f"{found.sha256[:16]}..., the manifest says {expected.bytes:,} and {expected.sha256[:16]}...; "
            "build the track again"
        )
