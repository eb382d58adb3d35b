"""Guess the layout of what a user passes to `build --from`, and say how files become readable."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable
from pathlib import Path

from fsdl_bench.errors import BadInput
from fsdl_bench.music import formats
from fsdl_bench.songs import Kind
from fsdl_bench.sources.common.junk import is_junk, is_repository
from fsdl_bench.sources.common.tree import Tree

TABLES = (".csv", ".tsv")
_LAYOUTS = ("folder", "lyrics_csv")
_PACKED = frozenset({".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".zst", ".7z", ".rar"})
_OTHER_TABLES = {
    ".parquet": "parquet",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".xlsx": "excel",
    ".xls": "excel",
    ".feather": "feather",
}
_LINES = frozenset({".jsonl", ".ndjson"})
_TEXTS = frozenset({".md", ".lrc", ".html", ".htm", ".doc", ".docx", ".odt", ".rtf", ".pdf", ".srt", ".xml"})
_NOTATION = frozenset(
    {".mscz", ".mscx", ".gp3", ".gp4", ".gp5", ".gpx", ".gp", ".ly", ".sib", ".musx", ".ptb"}
)
_AUDIO = frozenset({".mp3", ".wav", ".flac", ".ogg", ".m4a", ".aac", ".wma", ".opus"})


def guess_layout(source: Path, kind: Kind, options: Iterable[str] = ()) -> str:
    """Return the name of the layout: `lyrics_csv` for tables without folders of texts, else `folder`.

    Documents beside a table, such as a README.txt, are no texts.

    Args:
        source: the folder or file.
        kind: of the songs.
        options: names of options that are given; one that only one layout takes decides.

    Raises:
        BadInput: a single file of a kind that cannot be read; the message says what can.
    """
    if source.is_file():
        _refuse_unreadable(source, kind)
        return "lyrics_csv"
    if kind == "midi":
        return "folder"
    for layout in _LAYOUTS:
        if _own_options(layout) & set(options):
            return layout
    repository = is_repository(source)
    paths = [path for path in Tree(source).files(".txt", *TABLES) if not is_junk(path, repository)]
    tables = any(path.lower().endswith(TABLES) for path in paths)
    texts = any("/" in path and path.lower().endswith(".txt") for path in paths)
    return "lyrics_csv" if tables and not texts else "folder"


def _own_options(layout: str) -> set[str]:
    """Return the options that no other layout takes."""
    taken = {
        name: set(inspect.signature(importlib.import_module(f"fsdl_bench.sources.{name}").open).parameters)
        for name in _LAYOUTS
    }
    return taken[layout].difference(*(names for name, names in taken.items() if name != layout))


def advice_for(name: str, kind: Kind) -> str:
    """Return how a file that cannot be read as a song becomes readable, by its ending; empty if unknown."""
    suffix = Path(name).suffix.lower()
    if suffix in _PACKED:
        return "unpack it first"
    if kind == "midi":
        if suffix in (".txt", *TABLES):
            return "for texts, use --kind lyrics"
        if suffix in _NOTATION | _AUDIO:
            return "audio cannot be read" if suffix in _AUDIO else "export it as MIDI or MusicXML"
        return ""
    if suffix in TABLES:
        return "to read tables, use --layout lyrics_csv"
    if suffix in _OTHER_TABLES:
        how = f"pandas.read_{_OTHER_TABLES[suffix]}({Path(name).name!r}"
        how += ", lines=True)" if suffix in _LINES else ")"
        return f"convert it, for example with {how}.to_csv('songs.csv', index=False)"
    if suffix in _TEXTS and suffix != ".xml":
        return "save the words alone as a .txt file"
    if suffix in formats.READABLE:
        return "for music, use --kind midi"
    return ""


def _refuse_unreadable(source: Path, kind: Kind) -> None:
    suffix = source.suffix.lower()
    expected = f"--from {source}: expected a folder with one folder for each artist"
    advice = advice_for(source.name, kind)
    if kind == "midi":
        advice = advice or "pass the folder that contains the artists' folders"
        what = f"a packed {suffix} file" if suffix in _PACKED else "a file"
        raise BadInput(f"{expected}, found {what}; {advice}. Music is read from {' '.join(formats.READABLE)}")
    expected += ", or a .csv or .tsv file"
    if suffix == ".txt":
        raise BadInput(f"{expected} with a song in each row, found a .txt file")
    if suffix not in TABLES and advice:
        packed = "packed " if suffix in _PACKED else ""
        raise BadInput(f"{expected}, found a {packed}{suffix} file; {advice}")
