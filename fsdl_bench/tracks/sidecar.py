"""The files of arrays for the shards of a built track: made from them, mapped, and made again when needed.

`.arrays/<split>.arrow` is an uncompressed Arrow IPC file with the rows of the split's Parquet shards in the
same order. The Parquet files are the track; the arrays hold the same rows in a form that is mapped without
decoding. The schema metadata names the sha256 of every shard, so arrays of another build are noticed. A
checksum next to the file (`.xxh3`) shows whether it was damaged. In both cases the file is made again from
the shards, whose hashes are verified first. If the track's folder is read-only, the file goes to
`FSDL_BENCH_HOME/arrays`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from io import BufferedReader
from pathlib import Path

import pyarrow as pa

from fsdl_bench.checked import write_checked
from fsdl_bench.errors import BadInput
from fsdl_bench.paths import home
from fsdl_bench.progress import note
from fsdl_bench.tracks.arrays import Arrays, DamagedArrays, array_schema
from fsdl_bench.tracks.beside import Beside
from fsdl_bench.tracks.manifest import Manifest, stream_entry
from fsdl_bench.tracks.rows import metadata_name, performance_name

FOLDER = ".arrays"
_BATCH_ROWS = 2048  # bounds the memory that writing takes, which is many times the size of a batch


def shards(manifest: Manifest, split: str) -> list[str]:
    """Return the names of a split's Parquet files in the order of their rows."""
    pattern = re.compile(re.escape(split) + r"-\d+-of-\d+\.parquet")
    return sorted(name for name in manifest.files if pattern.fullmatch(name))


def write_arrays(folder: Path, manifest: Manifest) -> None:
    """Write the files of arrays of every split of the track in `folder`.

    Raises:
        BadInput: a shard does not match the manifest.
    """
    for split in manifest.counts:
        stamp = _stamp(folder, manifest, split)
        _write(folder, manifest, stamp, folder / FOLDER / f"{split}.arrow")


def open_arrays(folder: Path, manifest: Manifest, split: str) -> Arrays:
    """Map the rows of one split of the track in `folder`. Make the file of arrays if there is no valid one.

    Raises:
        BadInput: a shard is missing or does not match the manifest.
    """
    arrays = _open_arrays(folder, manifest, split)
    arrays.described, arrays.performed = (
        Beside(folder / name, manifest.files[name].sha256) if name in manifest.files else None
        for name in (metadata_name(split), performance_name(split))
    )
    return arrays


def _open_arrays(folder: Path, manifest: Manifest, split: str) -> Arrays:
    stamp = _stamp(folder, manifest, split)
    name = hashlib.blake2b(json.dumps(stamp, sort_keys=True).encode(), digest_size=16).hexdigest()
    places = (folder / FOLDER / f"{split}.arrow", home() / "arrays" / name / f"{split}.arrow")
    for path in places:
        with suppress(OSError, pa.ArrowInvalid):
            try:
                arrays = Arrays.open(path)
            except DamagedArrays:
                if path.exists():
                    note(f"{path} is damaged or has no checksum; it is made again from the Parquet files")
                continue
            if arrays.metadata == stamp:
                return arrays
    try:
        _write(folder, manifest, stamp, places[0])
    except OSError:  # the folder may be read-only, or its disk full: another place may do
        _write(folder, manifest, stamp, places[1])
        return _opened(places[1], stamp)
    return _opened(places[0], stamp)


def _opened(path: Path, stamp: Mapping[str, str]) -> Arrays:
    """Open a file that was just written."""
    with suppress(DamagedArrays, OSError, pa.ArrowInvalid):
        arrays = Arrays.open(path)
        if arrays.metadata == stamp:
            return arrays
    raise BadInput(
        f"{path} cannot be read back after it was written: another process replaced it, or the disk "
        "damages files; load the track again"
    )


def codec_data(folder: Path, manifest: Manifest) -> str:
    """Return the content of `codec.json`; empty if the track has none.

    Raises:
        BadInput: the file does not match the manifest.
    """
    if "codec.json" not in manifest.files:
        return ""
    with verified(folder, manifest, "codec.json") as stream:
        return stream.read().decode("utf-8")


def _stamp(folder: Path, manifest: Manifest, split: str) -> dict[str, str]:
    """Return the schema metadata: what a split must know without its track, and what its rows come from."""
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
    inside = path.is_relative_to(folder)
    if inside:  # never create the track's folder: a rebuild may be replacing it at this moment
        path.parent.mkdir(exist_ok=True)
    with (
        write_checked(path, parents=not inside) as temporary,
        pa.ipc.new_file(str(temporary), columns) as writer,
    ):
        for table in tables:
            writer.write_table(table.combine_chunks())


def _tables(folder: Path, manifest: Manifest, names: list[str], columns: pa.Schema) -> Iterator[pa.Table]:
    """Yield the rows of these shards, `_BATCH_ROWS` or a few more at a time."""
    import pyarrow.parquet as pq

    waiting: list[pa.RecordBatch] = []
    for name in names:
        with (
            verified(folder, manifest, name) as stream,
            pq.ParquetFile(stream, pre_buffer=False) as shard,  # else all of it is read first
        ):
            for batch in shard.iter_batches(_BATCH_ROWS, columns=columns.names):
                waiting.append(batch)
                if sum(len(batch) for batch in waiting) >= _BATCH_ROWS:
                    yield pa.Table.from_batches(waiting).cast(columns)
                    waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting).cast(columns)


@contextmanager
def verified(folder: Path, manifest: Manifest, name: str) -> Iterator[BufferedReader]:
    """Open one file of a track and compare it with the manifest.

    What is read from the stream is what was compared, also if a rebuild replaces the folder meanwhile.

    Raises:
        BadInput: the file is missing, cannot be read, or does not match.
    """
    expected = manifest.files[name]
    with ExitStack() as stack:
        try:
            stream = stack.enter_context((folder / name).open("rb"))
            found = stream_entry(stream)
        except FileNotFoundError:
            raise BadInput(f"{folder / name} is missing; build the track again") from None
        except OSError as error:
            raise BadInput(f"{folder / name} cannot be read: {error.strerror}") from None
        if found != expected:
            raise BadInput(
                f"{folder / name} was changed or damaged: it has {found.bytes:,} bytes and sha256 "
                f"{found.sha256[:16]}..., the manifest says {expected.bytes:,} and "
                f"{expected.sha256[:16]}...; build the track again"
            )
        stream.seek(0)
        yield stream
