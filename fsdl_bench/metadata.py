"""Metadata: what is known about a song besides its artist, title and content. Every field may be unknown.

Metadata is stored beside a track's rows and is no part of its digest. `build --label FIELD` draws episodes by
one of the fields that have one value instead of the artist; `decade` is made from the year.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

LABELS = ("artist", "form", "genre", "collection", "language", "decade", "year", "key", "meter")
"""The fields that episodes can be drawn by."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """The metadata of a song, from its source or its file. None and () mean unknown.

    Attributes:
        artist: who made the song, where episodes are drawn by another label.
        year: of the song or its publication. born, died: of the artist.
        collection: album, set, anthology or manuscript. catalogue: number in a catalogue of works.
        genre, tags: as the source names them. language: BCP 47 code of a text.
        form: the tune or form that a text is written to. stanzas: lines of each stanza.
        url: of the song at its source. copyright: the notice in the file.
        key: first key signature ("G major"). keys: all. meter: first time signature ("3/4"). meters: all.
        tempo, tempo_median: quarter notes a minute, at the start and by duration. tempo_map: (seconds,
            tempo) of each change, the first 64.
        programs: General MIDI programs of the parts, 128 for drums. instruments: the parts' names.
        bars, seconds: length of the whole song. texts: text events at its start.
        extra: other values of the source by name.
    """

    artist: str | None = None
    year: int | None = None
    born: int | None = None
    died: int | None = None
    collection: str | None = None
    catalogue: str | None = None
    genre: str | None = None
    tags: tuple[str, ...] = ()
    language: str | None = None
    form: str | None = None
    stanzas: tuple[int, ...] = ()
    url: str | None = None
    copyright: str | None = None
    key: str | None = None
    keys: tuple[str, ...] = ()
    meter: str | None = None
    meters: tuple[str, ...] = ()
    tempo: float | None = None
    tempo_median: float | None = None
    tempo_map: tuple[tuple[float, float], ...] = ()
    programs: tuple[int, ...] = ()
    instruments: tuple[str, ...] = ()
    bars: int | None = None
    seconds: float | None = None
    texts: tuple[str, ...] = ()
    extra: tuple[tuple[str, str], ...] = ()

    def known(self) -> dict[str, Any]:
        """Return the fields that are known."""
        return {name: value for name in _NAMES if (value := getattr(self, name)) not in (None, ())}

    def merged(self, other: Metadata) -> Metadata:
        """Return these fields, and those of the other where these are unknown."""
        return other if self is NOTHING else Metadata(**other.known() | self.known())

    def label(self, name: str) -> str:
        """Return the value of a field of `LABELS` as text; "" if it is unknown."""
        if name == "decade":
            return "" if self.year is None else f"{self.year // 10 * 10}s"
        value = getattr(self, name)
        return "" if value is None else str(value)

    def to_json(self) -> str:
        """Return the known fields as JSON; "" if there are none."""
        known = self.known()
        return json.dumps(known, ensure_ascii=False) if known else ""


def year_in(text: str | None) -> int | None:
    """Return the first year of four digits in a text such as "1833", "ca. 1612" or "1810/03/01"."""
    found = re.search(r"(?<!\d)1\d{3}(?!\d)|(?<!\d)20\d{2}(?!\d)", text or "")
    return int(found[0]) if found else None


_NAMES = tuple(field.name for field in fields(Metadata))
NOTHING = Metadata()


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


@cache
def metadata_schema() -> pa.Schema:
    """Return the columns of a track's metadata files: `song_id`, then the fields of `Metadata`."""
    import pyarrow as pa

    strings, numbers = pa.list_(pa.string()), pa.list_(pa.int32())
    kinds = {
        "str | None": pa.string(),
        "int | None": pa.int32(),
        "float | None": pa.float64(),
        "tuple[str, ...]": strings,
        "tuple[int, ...]": numbers,
        "tuple[tuple[float, float], ...]": pa.list_(
            pa.struct({"seconds": pa.float64(), "tempo": pa.float64()})
        ),
        "tuple[tuple[str, str], ...]": pa.list_(pa.struct({"name": pa.string(), "value": pa.string()})),
    }
    columns = [pa.field(field.name, kinds[str(field.type)]) for field in fields(Metadata)]
    return pa.schema([pa.field("song_id", pa.string(), nullable=False), *columns])


def table_of(ids: list[str], songs: list[str]) -> pa.Table:
    """Return a table of `metadata_schema` with one row per song, from their JSON. Unknown fields are null."""
    import pyarrow as pa

    rows = []
    for song, text in zip(ids, songs, strict=True):
        row = {"song_id": song, **(json.loads(text) if text else {})}
        for name, (first, second) in _PAIRS.items():
            if name in row:
                row[name] = [{first: a, second: b} for a, b in row[name]]
        rows.append(row)
    return pa.Table.from_pylist(rows, metadata_schema())


def from_row(row: dict[str, Any]) -> Metadata:
    """Return the metadata of one row of such a table."""
    known = {name: row[name] for name in _NAMES if row.get(name) is not None}
    for name, (first, second) in _PAIRS.items():
        if name in known:
            known[name] = [[pair[first], pair[second]] for pair in known[name]]
    return Metadata(**{name: _tuples(value) for name, value in known.items()})


_PAIRS = {"tempo_map": ("seconds", "tempo"), "extra": ("name", "value")}
