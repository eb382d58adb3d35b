"""The writing stage: write the selected songs and everything else that a track's folder contains."""

from __future__ import annotations

import platform
import time
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from fsdl_bench.builder.card import dataset_card
from fsdl_bench.builder.chunks import Chunks, Rejection
from fsdl_bench.builder.croissant import croissant
from fsdl_bench.builder.selection import Selected
from fsdl_bench.builder.shards import write_metadata, write_performance, write_splits
from fsdl_bench.codecs import Codec, load_codec
from fsdl_bench.codecs.lyrics import LyricsCodec
from fsdl_bench.errors import BadInput
from fsdl_bench.tracks.artists import format_splits
from fsdl_bench.tracks.definition import TrackDefinition
from fsdl_bench.tracks.histograms import histograms
from fsdl_bench.tracks.manifest import FORMAT_VERSION, FileEntry, Manifest, file_entry, write_manifest
from fsdl_bench.tracks.rows import metadata_name, performance_name, read_batches, rejected_schema
from fsdl_bench.tracks.sidecar import write_arrays
from fsdl_bench.versions import package_versions

_SOFTWARE = ("fsdl-bench", "anyascii", "lilypond", "numpy", "pyarrow", "symusic", "tokenizers", "verovio")


def write_rejected(path: Path, rejected: Sequence[Rejection]) -> None:
    """Write the songs that were left out, with the reasons."""
    columns = list(zip(*rejected, strict=True)) or [()] * 4
    arrays = [pa.array(column, pa.string()) for column in columns]
    table = pa.Table.from_arrays(arrays, schema=rejected_schema())
    pq.write_table(table, path, compression="zstd")


def write_folder(
    folder: Path,
    definition: TrackDefinition,
    chunks: Chunks,
    selected: Selected,
    rejected: Sequence[Rejection],
    begun: float,
    progress: bool = False,
) -> Manifest:
    """Write all files of a track's folder.

    Args:
        folder: an empty folder.
        definition: the track's definition.
        chunks: all songs that were read.
        selected: the songs of the track.
        rejected: the songs that were left out, in order.
        begun: start of the build, by `time.monotonic`.
        progress: show progress bars on standard error.

    Raises:
        BadInput: the digest differs from the one that the definition expects.
        DamagedChunk: a chunk was damaged after it was read.
    """
    codec = _codec(folder, definition, chunks, selected)
    counts, digest = write_splits(folder, chunks, selected.rows, selected.works, codec, progress)
    if definition.digest and digest != definition.digest:
        software = ", ".join(f"{name} {number}" for name, number in _versions().items())
        raise BadInput(
            f"track {definition.name} has the digest {digest}, but {definition.digest} is frozen: the source "
            f"differs, or a library behaves differently ({software}). Nothing was replaced"
        )
    write_metadata(folder, chunks, selected.rows)
    if definition.kind == "midi":
        write_performance(folder, chunks, selected.rows)
    write_rejected(folder / "rejected.parquet", rejected)
    (folder / "definition.toml").write_text(definition.to_toml(), encoding="utf-8")
    (folder / "splits.csv").write_text(format_splits(selected.splits), encoding="utf-8")
    reasons = dict(Counter(reason for _, _, reason, _ in rejected).most_common())
    shards = {split: _entries(folder, f"{split}-*.parquet") for split in counts}
    metadata, performance = (
        {split: _entries(folder, name(split)) for split in counts}
        for name in (metadata_name, performance_name)
    )
    description = croissant(definition, shards, metadata, performance, digest)
    (folder / "croissant.json").write_text(description, encoding="utf-8")
    licences = Counter(
        licence
        for split in counts
        for batch in read_batches(folder, split, ["licence"])
        for licence in batch.column(0).to_pylist()
    )
    card = dataset_card(definition, counts, reasons, digest, licences, histograms(folder))
    (folder / "README.md").write_text(card, encoding="utf-8")
    manifest = Manifest(
        format=FORMAT_VERSION,
        name=definition.name,
        kind=definition.kind,
        codec=codec.name,
        digest=digest,
        files=_entries(folder, "**/*"),
        counts=counts,
        rejected=reasons,
        cleaned=dict(chunks.cleaned.most_common()),
        software=_versions(),
        seconds=round(time.monotonic() - begun, 1),
        definition=definition,
    )
    write_manifest(folder, manifest)
    write_arrays(folder, manifest)
    return manifest


def _codec(folder: Path, definition: TrackDefinition, chunks: Chunks, selected: Selected) -> Codec:
    """Return the frozen codec, or train it on the train split if it is trained per track."""
    if definition.codec != LyricsCodec.name:
        return load_codec(definition.codec)
    if definition.frozen_codec.is_file():
        codec = LyricsCodec.from_json(definition.frozen_codec.read_text(encoding="utf-8"))
    else:
        rows = selected.rows["train"].copy()
        rows.sort()
        codec = LyricsCodec.train(chunks.texts(rows))
    (folder / "codec.json").write_text(codec.to_json(), encoding="utf-8")
    return codec


def _entries(folder: Path, pattern: str) -> dict[str, FileEntry]:
    return {
        path.relative_to(folder).as_posix(): file_entry(path)
        for path in sorted(folder.glob(pattern))
        if path.is_file()
    }


def _versions() -> dict[str, str]:
    """Return the versions of the software that the result may depend on."""
    python = {"python": platform.python_version(), "unicode": unicodedata.unidata_version}
    return python | package_versions(_SOFTWARE)
