r"""Which column of a table of lyrics is which, by their names.

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

from fsdl_bench.metadata import Metadata, year_in

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
"""Words that may stand beside a known one. `poem title` is a title, so `title` is no companion of a text."""

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
_SHOWN, _SHOWN_SIGNS = 40, 60


def find_column(role: Role, names: Sequence[str], unlikely: Collection[int] = ()) -> int | None:
    """Return the number of the column with a role; None if no name tells.

    Args:
        role: what the column holds.
        names: of all columns.
        unlikely: numbers of columns that are taken only if there is no other.
    """
    found = {number: rank for number, name in enumerate(names) if (rank := _rank(role, name))}
    return min(found, key=lambda number: (number in unlikely, found[number], number), default=None)


def listed(names: Sequence[str]) -> str:
    """Return names of columns for a message; long ones are cut."""
    shown = [name if len(name) <= _SHOWN_SIGNS else f"{name[:_SHOWN_SIGNS]}..." for name in names[:_SHOWN]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


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
