"""Guess the layout of what a user passes to `build --from`: a folder of files, or tables of lyrics."""

from __future__ import annotations

from pathlib import Path

from fsdl_bench.errors import BadInput
from fsdl_bench.songs import Kind
from fsdl_bench.sources.tree import Tree

TABLES = (".csv", ".tsv")
_PACKED = (".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".zst", ".7z", ".rar")
_OTHER_TABLES = {
    ".parquet": "parquet",
    ".jsonl": "json",
    ".json": "json",
    ".xlsx": "excel",
    ".feather": "feather",
}


def guess_layout(source: Path, kind: Kind) -> str:
    """Return the name of the layout: `lyrics_csv` for a table, or a folder of tables without texts.

    Everything else is a `folder`.

    Raises:
        BadInput: a single file of a kind that cannot be read; the message says what can.
    """
    if source.is_file():
        _refuse_unreadable(source, kind)
        return "lyrics_csv"
    if kind == "lyrics":
        suffixes = {path[-4:].lower() for path in Tree(source).files(".txt", *TABLES)}
        if suffixes and ".txt" not in suffixes:
            return "lyrics_csv"
    return "folder"


def _refuse_unreadable(source: Path, kind: Kind) -> None:
    suffix = source.suffix.lower()
    expected = f"--from {source}: expected a folder with one folder for each artist"
    if kind == "midi":
        raise BadInput(f"{expected}, found a file; pass the folder that contains the artists' folders")
    if suffix in _PACKED:
        raise BadInput(f"{expected}, or a .csv or .tsv file, found a packed {suffix} file; unpack it first")
    if suffix in _OTHER_TABLES:
        how = f"pandas.read_{_OTHER_TABLES[suffix]}({source.name!r}"
        how += ", lines=True)" if suffix == ".jsonl" else ")"
        raise BadInput(
            f"{expected}, or a .csv or .tsv file, found a {suffix} file; convert it, for example with "
            f"{how}.to_csv('songs.csv', index=False)"
        )
    if suffix == ".txt":
        raise BadInput(f"{expected}, or a .csv or .tsv file with a song in each row, found a .txt file")
