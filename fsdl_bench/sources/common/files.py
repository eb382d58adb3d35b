"""Songs in files of their own: what `folder`, `lakh`, `adl`, `maestro` and `giantmidi` have in common."""

from __future__ import annotations

import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar

from fsdl_bench.errors import Rejected
from fsdl_bench.metadata import NOTHING, Metadata
from fsdl_bench.music import formats, scores
from fsdl_bench.songs import Kind, Song
from fsdl_bench.sources.cleaning import Cleaner
from fsdl_bench.sources.common.base import Item, Rejection, read_song
from fsdl_bench.sources.common.text import decode_text, printable
from fsdl_bench.sources.common.tree import Tree

SUFFIXES: dict[Kind, tuple[str, ...]] = {"midi": formats.READABLE, "lyrics": (".txt",)}
"""The endings of the names of songs, in any case."""

NOT_READABLE: dict[Kind, str] = {"midi": "not a MIDI file or score", "lyrics": "not a .txt file"}
"""The reason why a file is no song, by what is looked for."""

_EXTENSION = re.compile(
    r"\.(?:[A-Za-z][A-Za-z0-9]{1,4}"  # not the end of "Mr. Blue Sky" or "Mambo No.5"
    r"|(?i:parquet|feather|markdown|musicxml|sqlite3?|pickle|torrent|webloc|download|crdownload|msgpack|"
    r"safetensors|properties|numbers|ndjson|geojson))"
)


class FileSource(ABC):
    """Songs that are one file each.

    Args:
        tree: the folder.
        kind: `lyrics` or `midi`.
        licence: of all songs.
        encoding: of text files; None finds it.
    """

    by_name: ClassVar[bool] = False
    """Look at suffixes only, for a layout whose table names the songs."""

    def __init__(self, tree: Tree, kind: Kind, licence: str, encoding: str | None = None) -> None:
        self.kind: Kind = kind
        self.tree = tree
        self.rejected: list[Rejection] = []
        self._licence = licence
        self._encoding = encoding
        self._cleaner: Cleaner | None = None

    def items(self) -> Iterator[Item]:
        """Yield the songs in the order of their paths."""
        self.rejected.clear()
        paths = self.candidates()
        self.survey(paths)
        for path in paths:
            try:
                yield from self.songs_of(path)
            except Rejected as error:
                self.rejected.append((printable(path), error.reason, error.detail))

    def songs_of(self, path: str) -> list[Item]:
        """Return the songs of one file: one, or each tune of an ABC file.

        Raises:
            Rejected: it has no artist or no tune.
        """
        origin = printable(path)
        artist, title, work = self.place(path)
        if not artist:
            raise Rejected("no artist name")
        artist, metadata, licence = sys.intern(artist), self.metadata(path), self.licence(path)
        if self.kind != "midi" or not path.lower().endswith(formats.ABC):
            return [Item(origin, artist, title, work, licence, path, metadata=metadata)]
        tunes = formats.tunes(decode_text(self.tree.read(path), self._encoding))
        if not tunes:
            raise Rejected("damaged file", "an ABC file without a tune: no line begins with X:")
        return [
            Item(
                *(f"{origin}#{n}", artist, name or title, work and f"{work}#{n}", licence, path, tune),
                metadata=metadata,
            )
            for n, (name, tune) in enumerate(tunes, 1)
        ]

    def prepare(self, items: Sequence[Item], workers: int, progress: bool) -> None:
        """Convert the scores that are not converted yet."""
        paths = [item.path for item in items if item.path and item.path.lower().endswith(formats.SCORES)]
        if self.kind == "midi" and paths:
            scores.convert_scores(paths, self.tree.read, workers=workers, progress=progress)

    def read(self, item: Item) -> Song:
        """The song in one file, or one tune of it."""
        return read_song(item, self.tree, self.kind, self._encoding, self._cleaner)

    @abstractmethod
    def place(self, path: str) -> tuple[str, str, str]:
        """Artist, title and work of the song at `path`; raises `Rejected` where it has no place."""

    def metadata(self, path: str) -> Metadata:  # noqa: ARG002 - most layouts know nothing else
        """Return what the layout tells of the song at `path`, which has a place."""
        return NOTHING

    def licence(self, path: str) -> str:  # noqa: ARG002 - most layouts have one
        """Return the licence of the song at `path`, which has a place."""
        return self._licence

    def survey(self, paths: Sequence[str]) -> None:  # noqa: B027 - most layouts need none
        """Look at all paths before the first is placed; raises `BadInput` if this is another layout."""

    def candidates(self) -> list[str]:
        """Return the files that may be songs, by name or, for MIDI, by their first four bytes."""
        if self.by_name:
            named = list(self.tree.files(*SUFFIXES[self.kind]))
            self.rejected += self.tree.problems
            return named
        found = []
        for path in self.tree.files():
            try:
                if self._may_be_song(path):
                    found.append(path)
                else:
                    self.rejected.append((printable(path), NOT_READABLE[self.kind], ""))
            except Rejected as error:
                self.rejected.append((printable(path), error.reason, error.detail))
        self.rejected += self.tree.problems
        return found

    def stem(self, path: str) -> str:
        """The file's name without the ending that songs have."""
        name = path.rpartition("/")[2]
        ending = next((suffix for suffix in SUFFIXES[self.kind] if name.lower().endswith(suffix)), "")
        return name[: len(name) - len(ending)] or name

    def _may_be_song(self, path: str) -> bool:
        name = path.lower()
        if self.kind == "midi" and name.endswith(formats.SCORES):
            if name.endswith(".xml") and not formats.is_xml_score(self.tree.head(path, 4096)):
                return False
            if not scores.version():
                raise Rejected("a score, and verovio is not installed", "pip install 'fsdl-bench[scores]'")
        if name.endswith(SUFFIXES[self.kind]):
            return True
        if self.kind == "midi":
            return formats.is_midi(self.tree.head(path, 12))
        name = path.rpartition("/")[2]
        return not _EXTENSION.fullmatch(name, max(name.rfind("."), 0)) and self.tree.part(path, 0, 2) != b"#!"
