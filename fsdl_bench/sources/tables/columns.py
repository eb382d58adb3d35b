r"""Find the columns of a table of lyrics by their names.

    artist: artist, artists, artistname, singer, band, performer, poet, author, composer, by
    title:  song, title, songname, songtitle, trackname, track, name
    text:   lyrics, lyric, text, songlyrics, words, poem, content, body, verse

Names are compared by their words, in lower case; all signs but letters separate words. A word of the list may
have companions that add nothing: `Artist Name(s)`, `primary_artist`, `track_artist`, `poem title`,
`lyrics_clean`. A name with any other word (`artist_id`, `song url`, `lyrics_language`) is not taken. A column
that mostly holds numbers or addresses is taken for the artist or the text only if there is no other.

The other columns are metadata:

    year: year, date, released, releasedate          language: language, lang, languagecld3, languageft
    collection: album, collection, book              genre: genre, tag           tags: tags
    url: link, url, href                             form: form, tune, rhythmic

These are compared in lower case, without spaces, dashes and underscores. Columns that are none of them go to
`extra`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.metadata import Metadata, year_in
from fsdl_bench.sources.common.text import listed, printable
from fsdl_bench.sources.tables.table import Table, decode_fields

Role = Literal["artist", "title", "text"]

_KNOWN: dict[Role, tuple[str, ...]] = {
    "artist": (
        *("artist", "artists", "artistname", "singer", "band", "performer", "poet", "author", "composer"),
        *("singers", "bands", "performers", "poets", "authors", "composers"),
    ),
    "title": ("song", "title", "songname", "songtitle", "trackname", "track", "name"),
    "text": (
        *("lyrics", "lyric", "text", "songlyrics", "words", "poem", "content", "body", "verse"),
        *("texts", "poems", "verses"),
    ),
}
_ALONE: dict[Role, tuple[str, ...]] = {"artist": ("by",), "title": (), "text": ()}
_COMPANIONS: dict[Role, frozenset[str]] = {
    "artist": frozenset(
        {"name", "names", "s", "primary", "main", "lead", "track", "song", "poem", "artist", "full"}
    ),
    "title": frozenset({"name", "names", "title", "s", "song", "track", "poem", "clean"}),
    "text": frozenset(
        {
            "text",
            "content",
            "song",
            "track",
            "poem",
            "lyric",
            "lyrics",
            "s",
            "full",
            "plain",
            "raw",
            "clean",
            "cleaned",
        }
    ),
}
"""Words that may come with a known one. `poem title` is a title, so `title` is no companion of a text."""

_FIELDS = {
    "year": ("year", "date", "released", "releasedate"),
    "collection": ("album", "collection", "book"),
    "genre": ("genre", "tag"),
    "tags": ("tags",),
    "language": ("language", "lang", "languagecld3", "languageft"),
    "url": ("link", "url", "href"),
    "form": ("form", "tune", "rhythmic"),
}
_LONGEST = 500


def find_column(role: Role, names: Sequence[str], unlikely: Collection[int] = ()) -> int | None:
    """Return the number of the column with a role; None if no name tells.

    Args:
        role: what the column holds.
        names: of all columns.
        unlikely: numbers of columns that are taken only if there is no other.
    """
    found = {number: rank for number, name in enumerate(names) if (rank := _rank(role, name))}
    return min(found, key=lambda number: (number in unlikely, found[number], number), default=None)


def row_metadata(values: Mapping[str, str]) -> Metadata:
    """Return the metadata of a row, given its other columns by name. Of a field the first value is taken."""
    found: dict[str, Any] = {}
    extra = []
    for name, text in values.items():
        value = " ".join(text.split())[:_LONGEST]
        if not value:
            continue
        plain = _plain(name)
        field = next((field for field, names in _FIELDS.items() if plain in names), None)
        if field is None or field in found:
            extra.append((name, value))
        elif field == "year":
            found["year"] = year_in(value)
        elif field == "tags":
            found["tags"] = tuple(filter(None, (tag.strip(" []'\"") for tag in value.split(","))))
        else:
            found[field] = value
    return Metadata(**found, extra=tuple(extra))


def _plain(name: str) -> str:
    return "".join(char for char in name.casefold() if char not in " _-")


def _rank(role: Role, name: str) -> tuple[int, int, int] | None:
    """Return how well a name fits a role, the best first; None if it does not."""
    known = _KNOWN[role]
    if _plain(name) in known:
        return 0, known.index(_plain(name)), 0
    words = re.findall(r"[^\W\d_]+|\d+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))
    words = [word.casefold() for word in words]
    if not words:
        return None
    for number, word in enumerate(known):
        rest = list(words)
        if word in rest:
            rest.remove(word)
            if _COMPANIONS[role].issuperset(rest):
                return 1, number, len(words)
    return (2, 0, 0) if len(words) == 1 and words[0] in _ALONE[role] else None


class Columns:
    """The columns that were found: `names` has the artist's and, if there is one, the title's."""

    def __init__(self, table: Table, given: tuple[str, str, str], only: Sequence[str]) -> None:
        self._names = table.columns
        unlikely = table.numeric
        artist = self._find("artist", given[0], unlikely)
        title = self._find("title", given[1], unlikely)
        text = self._find("text", given[2], unlikely)
        if artist is None or text is None:
            lacking = " and ".join(
                name for name, column in (("artist", artist), ("text", text)) if column is None
            )
            if table.headless:
                raise BadInput(
                    f"{printable(table.path)}: the first line looks like a song: no header. It is "
                    f"{listed(self._names)}. Add a first line that names the columns: artist,title,text"
                )
            raise BadInput(
                f"{printable(table.path)} has the columns {listed(self._names)}: none is known to hold "
                f"the {lacking}. Name them: --set artist_column=..., title_column=..., text_column=..."
            )
        self.text = text
        own = {artist, title, text}
        self.others = {name: n for n, name in enumerate(self._names) if n not in own and name}
        self.names = [artist] if title is None else [artist, title]
        self._encoding = table.encoding
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

    def _find(self, role: Role, given: str, unlikely: Collection[int]) -> int | None:
        if given:
            return self._names.index(self._known(given, role))
        return find_column(role, self._names, unlikely)

    def _known(self, name: str, option: str) -> str:
        if name not in self._names:
            raise BadInput(f"there is no column {name!r} (option {option}); there are: {listed(self._names)}")
        return name
