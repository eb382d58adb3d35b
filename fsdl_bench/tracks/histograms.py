"""Histograms of a built track's metadata, for its dataset card and its page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fsdl_bench.music.notes import DRUMS, FAMILIES
from fsdl_bench.tracks.definition import Strict
from fsdl_bench.tracks.rows import METADATA

_BARS = 10
_NAMED = ("language", "form", "genre", "key", "meter")


class Histogram(Strict):
    """The number of songs for each value of a field.

    Attributes:
        field: of `fsdl_bench.metadata.Metadata`.
        songs: the number of songs.
        known: the number of songs whose value is known.
        bars: (value, songs): ranges in order, or the most frequent values and "other". A song with several
            values counts for each.
    """

    field: str
    songs: int
    known: int
    bars: tuple[tuple[str, int], ...]


def histograms(track: Path) -> tuple[Histogram, ...]:
    """Return the histograms of the fields that at least one song of a built track has."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = ["year", *_NAMED, "tempo", "seconds", "programs"]
    tables = [pq.read_table(path, columns=fields) for path in sorted((track / METADATA).glob("*.parquet"))]
    if not tables:
        return ()
    columns = pa.concat_tables(tables).to_pydict()
    found = [
        _ranges("year", columns["year"], 50),
        *(_named(name, columns[name]) for name in _NAMED),
        _ranges("tempo", columns["tempo"], 20, last=200),
        _ranges("seconds", columns["seconds"], 60, last=600),
        _families(columns["programs"]),
    ]
    return tuple(one for one in found if one.known)


def histogram_lines(found: Iterable[Histogram]) -> list[str]:
    """Return one line of Markdown for each histogram."""
    return [
        f"- {one.field} (known of {one.known:,} of {one.songs:,} songs): "
        + ", ".join(f"{value} {songs:,}" for value, songs in one.bars)
        for one in found
    ]


def _ranges(field: str, values: list[Any], width: int, last: int | None = None) -> Histogram:
    """Count values in ranges of this width; those from `last` on are one range."""
    starts = [width * int(value // width) for value in values if value is not None]
    counts = Counter(starts if last is None else [min(start, last) for start in starts])
    names = {start: f"{start}+" if start == last else f"{start}–{start + width - 1}" for start in counts}
    bars = tuple((names[start], counts[start]) for start in sorted(counts))
    return Histogram(field=field, songs=len(values), known=len(starts), bars=bars)


def _named(field: str, values: list[Any]) -> Histogram:
    counts = Counter(value for value in values if value is not None)
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    rest = sum(songs for _, songs in ordered[_BARS:])
    bars = (*ordered[:_BARS], *([("other", rest)] if rest else []))
    return Histogram(field=field, songs=len(values), known=counts.total(), bars=bars)


def _families(values: list[Any]) -> Histogram:
    known = [
        {FAMILIES[DRUMS if number == 128 else number // 8] for number in song} for song in values if song
    ]
    counts = Counter(name for song in known for name in song)
    bars = tuple((name, counts[name]) for name in FAMILIES if counts[name])
    return Histogram(field="instruments", songs=len(values), known=len(known), bars=bars)
