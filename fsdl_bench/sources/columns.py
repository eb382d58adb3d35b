"""The columns of a table of lyrics that are neither artist, title nor text, as metadata.

    year: year, date, released, releasedate          language: language, lang, languagecld3, languageft
    collection: album, collection, book              genre: genre, tag           tags: tags
    url: link, url, href                             form: form, tune, rhythmic

Names are compared in lower case, without spaces, dashes and underscores. Other columns go to `extra`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsdl_bench.metadata import Metadata, year_in

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


def row_metadata(values: Mapping[str, str]) -> Metadata:
    """Return the metadata of a row, given its other columns by name. Of a field the first value is taken."""
    found: dict[str, Any] = {}
    extra = []
    for name, text in values.items():
        value = " ".join(text.split())[:_LONGEST]
        if not value:
            continue
        plain = "".join(char for char in name.casefold() if char not in " _-")
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
