"""MAESTRO (v1 to v3): 1,276 performances of a piano competition, with a table of composers and titles.

    fsdl-bench build --from DIR --kind midi --name NAME --layout maestro

    DIR/[maestro-v3.0.0/]maestro-v3.0.0.csv
    DIR/[maestro-v3.0.0/]2018/MIDI-Unprocessed_Chamber3_MID--AUDIO_10_R3_2018_wav--1.midi

Columns used: `canonical_composer`, `canonical_title`, `midi_filename` (relative to the table). The composer
is the artist, and all performances of a title by one composer are one work; titles are compared without case,
accents and punctuation. The table's own split is not used, because it puts works of one composer into several
splits.

Entries such as "Franz Schubert / Franz Liszt" are arrangements. They are left out, because their style is
neither composer's, and the arranger may be in another split. `--set arrangements=true` includes them, with
the pair as an artist of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from fsdl_bench.errors import Rejected
from fsdl_bench.metadata import Metadata, year_in
from fsdl_bench.sources.common.files import FileSource
from fsdl_bench.sources.common.text import printable, readable, same_title
from fsdl_bench.sources.common.tree import Tree
from fsdl_bench.sources.tables.table import Table, find_table, row_origin

LICENCE = "CC-BY-NC-SA-4.0"
COLUMNS = ("canonical_composer", "canonical_title", "midi_filename")


def open(tree: Tree, *, arrangements: bool = False, licence: str = LICENCE) -> Maestro:  # noqa: A001
    """Return the performances of MAESTRO under `tree`.

    Args:
        tree: the folder of the table.
        arrangements: include arrangements.
        licence: of all songs.

    Raises:
        BadInput: there is no table with these columns.
    """
    return Maestro(tree, licence, find_table(tree, COLUMNS, "MAESTRO"), arrangements)


class Maestro(FileSource):
    """Performances by composer; see the module."""

    by_name = True

    def __init__(self, tree: Tree, licence: str, table: Table, arrangements: bool) -> None:
        super().__init__(tree, "midi", licence)
        self._table = table
        self._arrangements = arrangements
        self._rows: dict[str, tuple[str, str]] = {}
        self._years: dict[str, int | None] = {}

    def survey(self, paths: Sequence[str]) -> None:
        """Read the table and report its missing files."""
        self._rows.clear()
        there = set(paths)
        folder = self._table.path.rpartition("/")[0]
        for row in self._table.rows():
            origin = row_origin(self._table.path, row)
            try:
                composer, title, file = self._table.pick(row, COLUMNS)
            except Rejected as error:
                self.rejected.append((origin, error.reason, error.detail))
                continue
            path = f"{folder}/{file}" if folder else file
            self._rows[path] = (readable(composer), readable(title))
            year = self._table.pick(row, ["year"])[0] if "year" in self._table.columns else ""
            self._years[path] = year_in(year)
            if path not in there:
                self.rejected.append((origin, "file is missing", file))

    def metadata(self, path: str) -> Metadata:
        """The year of the performance."""
        return Metadata(year=self._years[path])

    def place(self, path: str) -> tuple[str, str, str]:
        """What the table says of the file."""
        if path not in self._rows:
            raise Rejected("not in the table", printable(self._table.path))
        composer, title = self._rows[path]
        if " / " in composer and not self._arrangements:
            raise Rejected("arrangement by another composer", composer)
        return composer, title, same_title(title)
