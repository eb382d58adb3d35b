"""OpenScore Lieder: songs of the nineteenth century as scores, `scores/<Composer>/<set>/<song>/*.mxl`.

As MIDI, a song is its score, converted (see `music.scores`). As lyrics, it is the words under the notes of
the same score, verse after verse (see `music.underlay`). The `.txt` next to it is not read: it was exported
with the syllables of several verses run into each other, and with gaps where a word crosses a line.

The artist is the composer, as `data/composers.tsv` spells the name, else as the folder does.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from fsdl_bench.errors import BadInput
from fsdl_bench.metadata import Metadata, year_in
from fsdl_bench.music.notes import Notes
from fsdl_bench.songs import Kind, Song
from fsdl_bench.sources.common.base import Item, Rejection
from fsdl_bench.sources.common.tree import Tree

LICENCE = "CC0-1.0"
_FILE = re.compile(r"(?:.*/)?scores/(?P<composer>[^/]+)/(?P<set>[^/]+)/(?P<song>[^/]+)/[^/]+\.mxl")
_COLLECTIONS = {
    "Boulton,_Harold": {
        "10": "Charles Villiers Stanford",
        "11": "Arthur Goring Thomas",
        "12": "Charles Wood",
        "1": "Joseph Barnby",
        "2": "Alfred Cellier",
        "3": "Frederick Corder",
        "4": "Frederic Hymen Cowen",
        "5": "Charles Harford Lloyd",
        "6": "Alexander Mackenzie",
        "7": "Hamish MacCunn",
        "8": "Hubert Parry",
        "9": "Arthur Somervell",
    },
    "Parratt,_Walter": {
        "1": "Alexander Mackenzie",
        "2": "Charles Villiers Stanford",
        "3": "Walford Davies",
        "4": "Frederick Bridge",
        "5": "George Clement Martin",
        "6": "Hubert Parry",
        "7": "Arthur Murray Goodhart",
        "8": "Charles Wood",
        "9": "Arthur Somervell",
        "10": "Edward Elgar",
        "11": "Charles Harford Lloyd",
        "12": "John Stainer",
    },
}
"""Two folders have the editor's name; the composers, by the number of the song, are in the scores."""


def open(tree: Tree, *, kind: Kind) -> LiederSource:  # noqa: A001
    """The songs of the repository, as `lyrics` or as `midi`."""
    return LiederSource(tree, kind)


@dataclass
class LiederSource:
    """One `Item` a score; each song is a work of its own."""

    tree: Tree
    kind: Kind
    rejected: list[Rejection] = field(default_factory=list)

    def items(self) -> Iterator[Item]:
        """The scores, by composer and set."""
        self.rejected = []
        composers, links = self._table("composers"), self._table("scores")
        names = {path: row["name"] for path, row in composers.items()}
        for path in self.tree.files(".mxl"):
            if found := _FILE.fullmatch(path):
                folder, song = found["composer"], found["song"]
                number = song.partition("_")[0]
                artist = _COLLECTIONS.get(folder, {}).get(number) or names.get(folder) or _given_first(folder)
                composer = composers.get(folder, {}) if artist == names.get(folder) else {}
                link = links.get(f"{folder}/{found['set']}/{song}", {}).get("link")
                metadata = Metadata(
                    born=year_in(composer.get("born")),
                    died=year_in(composer.get("died")),
                    collection=_title(found["set"]) if found["set"] != "_" else None,
                    url=link or None,
                )
                yield Item(path, artist, _title(song), "", LICENCE, path, metadata=metadata)
            else:
                self.rejected.append((path, "not a song's file", "expected scores/<Composer>/<set>/<song>/"))
        self.rejected += self.tree.problems

    def prepare(self, items: Sequence[Item], workers: int, progress: bool) -> None:
        """Convert the scores that are not converted yet."""
        if self.kind == "midi":
            from fsdl_bench.music.scores import convert_scores

            paths = [item.path for item in items if item.path]
            convert_scores(paths, self.tree.read, workers=workers, progress=progress)

    def read(self, item: Item) -> Song:
        """The words, or the notes."""
        data = self.tree.read(str(item.path))
        content: str | Notes
        metadata = item.metadata
        if self.kind == "lyrics":
            from fsdl_bench.music.underlay import underlay

            content = underlay(data)
        else:
            from fsdl_bench.music.formats import read_music

            content, facts = read_music(data, str(item.path))
            metadata = metadata.merged(facts)
        return Song(item.artist, item.title, item.origin, item.licence, item.origin, content, metadata)

    def _table(self, name: str) -> dict[str, dict[str, str]]:
        """Return the rows of `data/<name>.tsv` by folder. The table of scores may be missing."""
        paths = [path for path in self.tree.files(".tsv") if path.rpartition("/")[2] == f"{name}.tsv"]
        if not paths and name == "scores":
            return {}
        if len(paths) != 1:
            raise BadInput(f"expected one data/{name}.tsv under {self.tree.root}, found {len(paths)}")
        rows = list(csv.DictReader(self.tree.read(paths[0]).decode("utf-8").splitlines(), delimiter="\t"))
        if rows and (missing := [column for column in ("path", "name") if column not in rows[0]]):
            raise BadInput(f"{self.tree.root / paths[0]}: there is no column {missing[0]!r}")
        return {row["path"]: row for row in rows}


def _given_first(folder: str) -> str:
    family, _, given = folder.replace("_", " ").partition(",")
    return f"{given} {family}".strip()


def _title(folder: str) -> str:
    return re.sub(r"^\d+[a-z]?_", "", folder).replace("_", " ").strip() or folder
