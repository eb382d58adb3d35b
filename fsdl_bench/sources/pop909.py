"""POP909: piano arrangements of Chinese pop songs, `POP909/<id>/<id>.mid`, with performers in `index.xlsx`.

The `versions` folders hold earlier states of the same arrangements and are not read.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.songs import Kind, Song
from fsdl_bench.sources.common.base import Item, Rejection, read_song
from fsdl_bench.sources.common.tree import Tree

LICENCE = "MIT"
_FILE = re.compile(r"(?:.*/)?(\d{3})/\1\.mid")
_NOBODY = frozenset({"儿童歌曲", "儿歌", "童声", "经典名曲", "佚名女", "四个女生"})
"""Not performers: children's songs, children's voices, famous tunes, unknown woman, four girls."""


def open(tree: Tree) -> Pop909Source:  # noqa: A001
    """The songs under `POP909/` of the repository."""
    return Pop909Source(tree)


@dataclass
class Pop909Source:
    """One `Item` a song of the index."""

    tree: Tree
    kind: Kind = "midi"
    rejected: list[Rejection] = field(default_factory=list)

    def items(self) -> Iterator[Item]:
        """The songs that the index names, in its order; files that it does not name are rejected."""
        self.rejected = []
        files = {found[1]: path for path in self.tree.files(".mid") if (found := _FILE.fullmatch(path))}
        problems = list(self.tree.problems)
        for number, title, artist in self._index():
            path = files.pop(number, None)
            if path is None:
                self.rejected.append((f"index.xlsx#{number}", "missing file", ""))
            elif not artist or artist in _NOBODY:
                self.rejected.append((path, "no artist", artist))
            else:
                yield Item(path, artist, title, "", LICENCE, path)
        self.rejected += [(path, "not in the index", "") for path in files.values()]
        self.rejected += problems

    def read(self, item: Item) -> Song:
        """The arrangement: melody, bridge and piano."""
        return read_song(item, self.tree, self.kind)

    def _index(self) -> Iterator[tuple[str, str, str]]:
        """Number, title and performer of each row."""
        from openpyxl import load_workbook

        paths = [path for path in self.tree.files(".xlsx") if path.rpartition("/")[2] == "index.xlsx"]
        if len(paths) != 1:
            raise BadInput(f"expected one index.xlsx under {self.tree.root}, found {len(paths)}")
        try:
            sheet = load_workbook(io.BytesIO(self.tree.read(paths[0])), read_only=True).worksheets[0]
        except Rejected as error:
            raise BadInput(f"{self.tree.root / paths[0]}: {error}") from None
        rows = sheet.iter_rows(values_only=True)
        header = [str(cell) for cell in next(rows, ())]
        try:
            places = [header.index(name) for name in ("song_id", "name", "artist")]
        except ValueError:
            raise BadInput(
                f"{self.tree.root / paths[0]}: expected the columns song_id, name, artist; found {header}"
            ) from None
        for row in rows:
            number, title, artist = (" ".join(str(row[place] or "").split()) for place in places)
            yield number.zfill(3), title, artist
