"""Any folder with one folder an artist.

    fsdl-bench build --from DIR --kind midi --name NAME
    fsdl-bench build --from DIR --kind lyrics --name NAME

    DIR/<artist>/<song>.mid
    DIR/<artist>/<album>/<song>.mid         albums, discs and years may nest as they like
    DIR/<artist>/<song>.txt                 with --kind lyrics; UTF-8, UTF-16 or Windows-1252

The first folder is the artist, the file's name the title, and each song is a work of its own. Endings count
in any case (`.MID`); `.mid`, `.midi`, `.kar` and `.smf` are MIDI. A file with another ending or none is MIDI
if it begins as MIDI files do (`MThd`), and lyrics if it has no ending. Names that are not UTF-8 are read as
Windows-1252. What is left out, and why, stands in `rejected.parquet`: files beside the artists' folders,
other files, empty and unreadable ones, broken links, pipes.
"""

from __future__ import annotations

from fsdl_bench.errors import Rejected
from fsdl_bench.songs import Kind
from fsdl_bench.sources.files import FileSource
from fsdl_bench.sources.text import readable
from fsdl_bench.sources.tree import Tree


def open(tree: Tree, *, kind: Kind, licence: str = "unknown", encoding: str = "") -> Folder:  # noqa: A001
    """The songs under `tree`, by the folders that they stand in.

    Args:
        tree: the folder of the artists' folders.
        kind: `lyrics` or `midi`.
        licence: of all songs.
        encoding: of text files, a Python codec name; empty to find it (see `fsdl_bench.sources.text`).
    """
    return Folder(tree, kind, licence, encoding or None)


class Folder(FileSource):
    """Songs in artists' folders; see the module."""

    def place(self, path: str) -> tuple[str, str, str]:
        """The first folder is the artist."""
        artist, slash, _ = path.partition("/")
        if not slash:
            raise Rejected("no artist folder")
        return readable(artist), readable(self.stem(path)), ""
