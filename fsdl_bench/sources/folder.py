"""Any folder that has one folder per artist.

    fsdl-bench build --from DIR --kind midi --name NAME
    fsdl-bench build --from DIR --kind lyrics --name NAME

    DIR/<artist>/<song>.mid
    DIR/<artist>/<album>/<song>.mid         albums, discs and years may nest as they like
    DIR/<artist>/<song>.txt                 with --kind lyrics; UTF-8, UTF-16 or Windows-1252

The first folder is the artist, the file name is the title, and each song is a work of its own. Suffixes may
be upper case (`.MID`); `.mid`, `.midi`, `.kar` and `.smf` are MIDI. A file with another suffix or none is
MIDI if it begins with `MThd`, and lyrics if it has no suffix. Names that are not UTF-8 are read as
Windows-1252. `rejected.parquet` lists what was left out, with the reason: files outside the artists' folders,
other files, empty and unreadable files, broken links, pipes.

From lyrics, headers and ends of lyrics pages and last lines that most songs share are removed, and line
breaks in other notations become line breaks (`fsdl_bench.sources.cleaning`). The build says in how many
songs. `--set clean=false` keeps every text as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from fsdl_bench.errors import Rejected
from fsdl_bench.songs import Kind
from fsdl_bench.sources.cleaning import SAMPLE, Cleaner
from fsdl_bench.sources.files import FileSource
from fsdl_bench.sources.text import decode_text, readable
from fsdl_bench.sources.tree import Tree


def open(  # noqa: A001
    tree: Tree, *, kind: Kind, licence: str = "unknown", encoding: str = "", clean: bool = True
) -> Folder:
    """Return the songs under `tree`, by their folders.

    Args:
        tree: the folder of the artists' folders.
        kind: `lyrics` or `midi`.
        licence: of all songs.
        encoding: of text files, a Python codec name; detected if empty (see `fsdl_bench.sources.text`).
        clean: remove from lyrics what is no part of them (see `fsdl_bench.sources.cleaning`).
    """
    return Folder(tree, kind, licence, encoding or None, clean)


class Folder(FileSource):
    """Songs in artists' folders; see the module."""

    def __init__(self, tree: Tree, kind: Kind, licence: str, encoding: str | None, clean: bool) -> None:
        super().__init__(tree, kind, licence, encoding)
        self._clean = clean

    def survey(self, paths: Sequence[str]) -> None:
        """Look at some of the texts, to know what most of them share at their ends."""
        if self._clean and self.kind == "lyrics":
            chosen = paths[:: max(1, len(paths) // SAMPLE)]
            self._cleaner = Cleaner.survey(self._texts(chosen))

    def _texts(self, paths: Sequence[str]) -> Iterator[str]:
        for path in paths:
            with suppress(Rejected):
                yield decode_text(self.tree.read(path), self._encoding)

    def place(self, path: str) -> tuple[str, str, str]:
        """The first folder is the artist."""
        artist, slash, _ = path.partition("/")
        if not slash:
            raise Rejected("no artist folder")
        return readable(artist), readable(self.stem(path)), ""
