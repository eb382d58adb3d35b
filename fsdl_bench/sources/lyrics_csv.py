"""Lyrics in csv files: one song per row, columns found by name or given.

    fsdl-bench build --from songs.csv --kind lyrics --name NAME
    fsdl-bench build --from DIR --kind lyrics --name NAME --layout lyrics_csv
    fsdl-bench build --from DIR ... --layout lyrics_csv --set artist_column=who --set only=language=en

Reads one file, or every `.csv` and `.tsv` file under DIR. Two common files:

    artist,song,link,text                                                   57,650 songs of 643 artists
    title,tag,artist,year,views,features,lyrics,id,language_cld3,...        5 million rows, 9 GB

Column names are compared in lower case, without spaces, dashes and underscores:

    artist: artist, artists, artistname, singer, band, performer, poet, author, composer
    title:  song, title, songname, songtitle, trackname, track, name
    text:   lyrics, lyric, text, songlyrics, words, poem, content

or given as the options `artist_column`, `title_column` and `text_column`. The title may be missing. The
option `only`, `language=en` or `["language=en", "tag=rap"]`, keeps the rows with these values. A row that
cannot be parsed is listed in `rejected.parquet` (see `fsdl_bench.sources.table`).

The file is never read into memory: listing streams it once and notes the position of each row; workers read
the rows. Songs of one artist with the same title are one work, so they are never split between support and
query. Texts are cleaned as in `fsdl_bench.sources.folder`. The other columns become metadata
(`fsdl_bench.sources.columns`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.songs import Kind, Song
from fsdl_bench.sources.base import Item, Rejection, read_song
from fsdl_bench.sources.cleaning import Cleaner, Sample, Spread, is_no_artist, plain_name
from fsdl_bench.sources.columns import row_metadata
from fsdl_bench.sources.table import Row, Table, decode_fields, row_origin
from fsdl_bench.sources.text import printable, readable, same_title
from fsdl_bench.sources.tree import Tree

_SUFFIXES = (".csv", ".tsv")
_FEW_FILES = 10  # each of which is surveyed on its own, too: they may come from different sites
_ARTIST = ("artist", "artists", "artistname", "singer", "band", "performer", "poet", "author", "composer")
_TITLE = ("song", "title", "songname", "songtitle", "trackname", "track", "name")
_TEXT = ("lyrics", "lyric", "text", "songlyrics", "words", "poem", "content")


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
        delimiter: between fields, one sign or `tab`; empty to find it in the first line.
        encoding: of the text; empty to find it for each field (see `fsdl_bench.sources.text`).
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
        self._tree, self._encoding, self._licence = tree, encoding, licence
        self._tables: dict[str, tuple[Table, _Columns]] = {}
        self._clean = clean
        self._cleaners: dict[str, Cleaner] = {}
        complaints: list[Rejection] = []
        for path in [file] if file else list(tree.files(*_SUFFIXES)):
            try:
                table = Table(tree, path, delimiter)
                columns = _Columns(table, given, only)
            except BadInput as error:
                complaints.append((printable(path), "no table of lyrics", str(error)))
            else:
                table.one_line = frozenset(columns.names)
                self._tables[path] = (table, columns)
        self._complaints = [*complaints, *tree.problems]
        if not self._tables:
            found = (
                "\n".join(f"  {what}" for _, _, what in complaints) or f"  no {' or '.join(_SUFFIXES)} file"
            )
            raise BadInput(
                f"expected a csv file with columns for artist and lyrics under {tree.root}, found\n{found}"
            )

    def items(self) -> Iterator[Item]:
        """The rows of all files, in order. All are listed, and some texts surveyed, before the first."""
        self.rejected[:] = self._complaints
        found: list[Item] = []
        everywhere, here = Spread(), {path: Spread() for path in self._tables}
        for path, (table, columns) in self._tables.items():
            left_out = 0
            for row in table.rows():
                if row.fields is None:
                    self.rejected.append((row_origin(path, row), "unparsable csv row", row.fault))
                elif not columns.wanted(row.fields):
                    left_out += 1
                else:
                    for item in self._item(path, row, row.fields, columns):
                        found.append(item)
                        self._show(item, row.fields, columns, (everywhere, here[path]))
            if left_out:
                detail = f"{left_out} rows without {' and '.join(columns.only)}"
                self.rejected.append((printable(path), "left out by option", detail))
        if self._clean:
            self._survey(everywhere, here)
        yield from found

    def read(self, item: Item) -> Song:
        """The song of one row."""
        if item.path is None or item.span is None:
            raise ValueError(f"{item.origin} was not listed by this source")
        table, columns = self._tables[item.path]
        fields = table.parse(self._tree.part(item.path, *item.span))
        text, *others = decode_fields(fields, [columns.text, *columns.others.values()], self._encoding)
        known = row_metadata(dict(zip(columns.others, others, strict=True)))
        whole = replace(item, path=None, span=None, text=text, metadata=known)
        return read_song(whole, self._tree, "lyrics", cleaner=self._cleaners.get(item.path))

    def surveyed(self) -> list[str]:
        """Return what reading a row depends on besides the row."""
        return [f"{path}: {mark}" for path, one in self._cleaners.items() for mark in sorted(one.shared)]

    def _show(self, item: Item, fields: Sequence[str], columns: _Columns, spreads: Sequence[Spread]) -> None:
        """Give the text of a row to those that survey it."""
        wanting = [spread for spread in spreads if spread.wants()]
        if self._clean and wanting:
            with suppress(Rejected):
                [text] = decode_fields(fields, [columns.text], self._encoding)
                for spread in wanting:
                    spread.add(Sample(text, item.artist, item.title))

    def _survey(self, everywhere: Spread, here: Mapping[str, Spread]) -> None:
        """Learn what the texts of all files share, and what those of each of a few files share."""
        common = Cleaner.survey(everywhere.samples)
        own = here if 1 < len(here) <= _FEW_FILES else {}
        for path in here:
            cleaner = Cleaner.survey(own[path].samples) if path in own else common
            self._cleaners[path] = Cleaner(common.shared | cleaner.shared)

    def _item(self, path: str, row: Row, fields: Sequence[str], columns: _Columns) -> Iterator[Item]:
        origin = row_origin(path, row)
        try:
            artist, *titles = map(readable, decode_fields(fields, columns.names, self._encoding))
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


class _Columns:
    """Which column is which: `names` is the artist's and, if there is one, the title's."""

    def __init__(self, table: Table, given: tuple[str, str, str], only: Sequence[str]) -> None:
        self._names = table.columns
        artist = self._find("artist", given[0], _ARTIST)
        title = self._find("title", given[1], _TITLE)
        text = self._find("text", given[2], _TEXT)
        if artist is None or text is None:
            lacking = " and ".join(
                name for name, column in (("artist", artist), ("text", text)) if column is None
            )
            raise BadInput(
                f"{printable(table.path)} has the columns {', '.join(self._names)}: none is known to hold "
                f"the {lacking}. Name them: --set artist_column=..., title_column=..., text_column=..."
            )
        self.text = text
        own = {artist, title, text}
        self.others = {name: n for n, name in enumerate(self._names) if n not in own and name}
        self.names = [artist] if title is None else [artist, title]
        self.only = only
        self._only: list[tuple[int, str]] = []
        for rule in only:
            name, equals, value = rule.partition("=")
            if not name or not equals:
                raise BadInput(f"option only takes column=value, found {rule!r}")
            self._only.append((self._names.index(self._known(name, "only")), value))

    def wanted(self, fields: Sequence[str]) -> bool:
        """Whether the row has the values that `only` asks for; a value that is no text is not one of them."""
        try:
            return all(decode_fields(fields, [column])[0] == value for column, value in self._only)
        except Rejected:
            return False

    def _find(self, role: str, given: str, known: Sequence[str]) -> int | None:
        if given:
            if given not in self._names:
                raise BadInput(
                    f"there is no column {given!r} (option {role}); there are: {', '.join(self._names)}"
                )
            return self._names.index(given)
        plain = ["".join(char for char in name.casefold() if char not in " _-") for name in self._names]
        return next((plain.index(name) for name in known if name in plain), None)

    def _known(self, name: str, option: str) -> str:
        if name not in self._names:
            raise BadInput(
                f"there is no column {name!r} (option {option}); there are: {', '.join(self._names)}"
            )
        return name
