"""Lyrics in csv files: one song per row, columns found by name or given.

    fsdl-bench build --from songs.csv --kind lyrics --name NAME
    fsdl-bench build --from DIR --kind lyrics --name NAME --layout lyrics_csv
    fsdl-bench build --from DIR ... --layout lyrics_csv --set artist_column=who --set only=language=en

Reads one file, or every `.csv` and `.tsv` file under DIR. Two common files:

    artist,song,link,text                                                   57,650 songs of 643 artists
    title,tag,artist,year,views,features,lyrics,id,language_cld3,...        5 million rows, 9 GB

Columns are found by their names (`fsdl_bench.sources.tables.columns`), or given as the options
`artist_column`, `title_column` and `text_column`. The title may be missing. The option `only`,
`language=en` or `["language=en", "tag=rap"]`, keeps the rows with these values.

Fields may be separated by `, ; tab | ^ ~`. Quotes may be doubled, escaped by a backslash, single or without a
meaning; line breaks may be escaped by a backslash. The dialect is found by trial
(`fsdl_bench.sources.tables.dialects`). A row that cannot be parsed is listed in `rejected.parquet` (see
`fsdl_bench.sources.tables.table`); a file whose lines mostly cannot be parsed is refused.

The file is never read into memory: listing streams it once and notes the position of each row; workers read
the rows. Songs of one artist with the same title are one work, so they are never split between support and
query. Texts are cleaned as in `fsdl_bench.sources.folder`. The other columns become metadata.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.progress import log
from fsdl_bench.songs import Kind, Song
from fsdl_bench.sources.cleaning import SAMPLE, Cleaner, Sample, Spread, is_no_artist, plain_name
from fsdl_bench.sources.common.base import Item, Rejection, read_song
from fsdl_bench.sources.common.junk import is_junk
from fsdl_bench.sources.common.text import printable, readable, same_title
from fsdl_bench.sources.common.tree import Tree
from fsdl_bench.sources.tables.columns import Columns, row_metadata
from fsdl_bench.sources.tables.rows import Row
from fsdl_bench.sources.tables.table import UNPARSABLE, Table, decode_fields, row_origin

_SUFFIXES = (".csv", ".tsv")
_BREAK = re.compile(r"\n|\\n|<br|\A\[", re.IGNORECASE)
_MANY = 0.05  # share of lines that cannot be parsed, of which a warning tells
_FEW = 10
_SHORT = 200  # signs of one line
_NULL = r"\N"  # what databases write for no value
_FEW_FILES = 10  # each of which is surveyed on its own, too: they may come from different sites


def open(  # noqa: A001
    tree: Tree,
    *,
    file: str = "",
    artist_column: str = "",
    title_column: str = "",
    text_column: str = "",
    delimiter: str = "",
    encoding: str = "",
    only: str | Sequence[str] = (),
    licence: str = "unknown",
    clean: bool = True,
) -> LyricsCsv:
    """The songs of the csv files under `tree`.

    Args:
        tree: the folder.
        file: only this file; empty for all of them.
        artist_column: name of the column; empty to find it. Likewise `title_column`, `text_column`.
        title_column: see `artist_column`.
        text_column: see `artist_column`.
        delimiter: between fields, one sign or `tab`; empty to find it.
        encoding: of the text; empty to find it for each field (see `fsdl_bench.sources.common.text`). A file
            in UTF-16 or UTF-32 is read only if this says so.
        only: `column=value`, or several; other rows are left out.
        licence: of all songs.
        clean: remove from lyrics what is no part of them (see `fsdl_bench.sources.cleaning`).

    Raises:
        BadInput: no file has the columns, or `only` names one that is not there.
    """
    given = (str(artist_column), str(title_column), str(text_column))  # a name may look like a number
    delimiter = {"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter)
    if len(delimiter) > 1:
        raise BadInput(f"the option delimiter takes one sign or 'tab', found {delimiter!r}")
    rules = (only,) if isinstance(only, str) else tuple(only)
    return LyricsCsv(tree, file, given, delimiter or None, encoding or None, rules, licence, clean)


class LyricsCsv:
    """Songs from csv files; see the module."""

    kind: Kind = "lyrics"

    def __init__(
        self,
        tree: Tree,
        file: str,
        given: tuple[str, str, str],
        delimiter: str | None,
        encoding: str | None,
        only: tuple[str, ...],
        licence: str,
        clean: bool,
    ) -> None:
        self.rejected: list[Rejection] = []
        self._tree, self._licence = tree, licence
        self._tables: dict[str, tuple[Table, Columns]] = {}
        self._clean = clean
        self._cleaners: dict[str, Cleaner] = {}
        self._misfits: list[str] = []
        complaints: list[Rejection] = []
        paths = [file] if file else list(tree.files(*_SUFFIXES))
        junk = [] if file else list(filter(is_junk, paths))
        for path in sorted(set(paths) - set(junk)):
            try:
                table = Table(tree, path, delimiter, encoding=encoding)
                columns = Columns(table, given, only)
                if table.misfit:
                    self._misfits.append(table.misfit)
                    raise BadInput(table.misfit)
            except BadInput as error:
                complaints.append((printable(path), "no table of lyrics", str(error)))
            else:
                table.one_line = frozenset(columns.names)
                self._tables[path] = (table, columns)
        left_out = [
            (printable(path), "not a song", "a file of a repository or of the system") for path in junk
        ]
        self._complaints = [*complaints, *left_out, *tree.problems]
        if not self._tables:
            found = [what for _, _, what in complaints] + [f"{path}, {what}" for path, _, what in left_out]
            found = found or [f"no {' or '.join(_SUFFIXES)} file"]
            raise BadInput(
                f"expected a csv file with columns for artist and lyrics under {tree.root}, found\n  "
                + "\n  ".join(found)
            )

    def items(self) -> Iterator[Item]:
        """The rows of all files, in order. A song can be read after the last: then the survey is done."""
        self.rejected[:] = self._complaints
        for misfit in self._misfits:
            log(f"Warning: {misfit}. Its songs are left out")
        everywhere, here = Spread(), {path: Spread() for path in self._tables}
        for path, (table, columns) in self._tables.items():
            left_out = lines = lost = 0
            first: Row | None = None
            begin: list[Sample] = []
            spreads = (everywhere, here[path]) if self._clean else ()
            for row in table.rows():
                lines += row.lines
                if row.fields is None:
                    lost, first = lost + row.lines, first or row
                    self.rejected += _unparsable(path, row, table.estimate(row))
                elif not columns.wanted(row.fields):
                    left_out += 1
                else:
                    for item in self._item(path, row, row.fields, columns):
                        self._show(item, row.fields, columns, begin, spreads)
                        yield item
            if left_out:
                detail = f"{left_out} rows without {' and '.join(columns.only)}"
                self.rejected.append((printable(path), "left out by option", detail))
            if first and lost >= max(_FEW, _MANY * lines):
                share = f"{lost:,} of {lines:,} lines cannot be read, and their songs are left out"
                log(f"Warning: {table.complaint(share, first)}")
            if len(columns.names) > 1:
                _warn_of_a_row_a_line(path, begin)
        if self._clean:
            self._survey(everywhere, here)

    def read(self, item: Item) -> Song:
        """The song of one row."""
        if item.path is None or item.span is None:
            raise ValueError(f"{item.origin} was not listed by this source")
        table, columns = self._tables[item.path]
        fields = table.parse(self._tree.part(item.path, *item.span))
        text, *others = decode_fields(fields, [columns.text, *columns.others.values()], table.encoding)
        known = row_metadata(dict(zip(columns.others, others, strict=True)))
        whole = replace(item, path=None, span=None, text=_value(text), metadata=known)
        return read_song(whole, self._tree, "lyrics", cleaner=self._cleaners.get(item.path))

    def surveyed(self) -> list[str]:
        """Return what reading a row depends on besides the row."""
        return [f"{path}: {mark}" for path, one in self._cleaners.items() for mark in sorted(one.shared)]

    def _show(
        self,
        item: Item,
        fields: Sequence[str],
        columns: Columns,
        begin: list[Sample],
        spreads: Sequence[Spread],
    ) -> None:
        """Give the text of a row to those that look at some: the first of a table, and the surveys."""
        wanting = [spread for spread in spreads if spread.wants()]
        if len(begin) < SAMPLE or wanting:
            with suppress(Rejected):
                [text] = decode_fields(fields, [columns.text], self._tables[item.path or ""][0].encoding)
                sample = Sample(text, item.artist, item.title)
                for spread in wanting:
                    spread.add(sample)
                if len(begin) < SAMPLE:
                    begin.append(sample)

    def _survey(self, everywhere: Spread, here: Mapping[str, Spread]) -> None:
        """Learn what the texts of all files share, and what those of each of a few files share."""
        common = Cleaner.survey(everywhere.samples)
        own = here if 1 < len(here) <= _FEW_FILES else {}
        for path in here:
            cleaner = Cleaner.survey(own[path].samples) if path in own else common
            self._cleaners[path] = Cleaner(common.shared | cleaner.shared)

    def _item(self, path: str, row: Row, fields: Sequence[str], columns: Columns) -> Iterator[Item]:
        origin = row_origin(path, row)
        try:
            encoding = self._tables[path][0].encoding
            artist, *titles = map(_value, map(readable, decode_fields(fields, columns.names, encoding)))
        except Rejected as error:
            self.rejected.append((origin, error.reason, error.detail))
            return
        if self._clean:
            artist, *titles = map(plain_name, (artist, *titles))
        if not artist or (self._clean and is_no_artist(artist)):
            self.rejected.append((origin, "no artist", artist))
            return
        title = titles[0] if titles else ""
        work = same_title(title)
        span = (row.start, row.size)
        yield Item(origin, sys.intern(artist), title, work, self._licence, path=path, span=span)


def _warn_of_a_row_a_line(path: str, begin: Sequence[Sample]) -> None:
    """Tell if the first texts are single lines, and many of the same song."""
    short = sum(len(one.text) < _SHORT and not _BREAK.search(one.text.strip()) for one in begin)
    songs = len({(one.artist, one.title) for one in begin})
    if min(short, len(begin) - songs) > max(_FEW, len(begin) / 2):
        log(
            f"Warning: {printable(path)} seems to have one row for each line of a song: {short} of the "
            f"first {len(begin)} texts are one line, and they are of {songs} songs. Join the lines of each "
            "song in one row, for example with pandas: table.groupby([artist, title], "
            "sort=False)[text].agg('\\n'.join).reset_index()"
        )


def _unparsable(path: str, row: Row, rows: int) -> Iterator[Rejection]:
    """Yield one entry for each of about so many rows that cannot be told apart."""
    yield row_origin(path, row), UNPARSABLE, row.fault
    for number in range(1, rows):
        origin = f"{printable(path)}:{row.line + row.lines * number // rows}"
        yield origin, UNPARSABLE, f"one of about {rows} rows from line {row.line} on"


def _value(text: str) -> str:
    return "" if text.strip() == _NULL else text
