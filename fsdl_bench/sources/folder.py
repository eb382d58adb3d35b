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
"""

from __future__ import annotations

from fsdl_bench.errors import Rejected
from fsdl_bench.songs import Kind
from fsdl_bench.sources.files import FileSource
from fsdl_bench.sources.text import readable
from fsdl_bench.sources.tree import Tree


def open(tree: Tree, *, kind: Kind, licence: str = "unknown", encoding: str = "") -> Folder:  # noqa: A001
    """Return the songs under `tree`, by their folders.

    Args:
        tree: the folder of the artists' folders.
        kind: `lyrics` or `midi`.
        licence: of all songs.
        encoding: of text files, a Python codec name; detected if empty (see `fsdl_bench.sources.text`).
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
