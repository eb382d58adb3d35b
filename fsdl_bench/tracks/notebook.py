"""Tracks and songs as small HTML, for notebooks."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from fsdl_bench.tracks.manifest import SplitCounts


def track_html(name: str, kind: str, units: str, splits: Mapping[str, SplitCounts]) -> str:
    """Return a table with one row for each split."""
    columns = ("split", "artists", "songs", "tokens", units)
    head = "".join(f"<th>{column}</th>" for column in columns)
    rows = "".join(
        f"<tr><td>{escape(split)}</td>"
        + "".join(f"<td>{size:,}</td>" for size in (count.artists, count.songs, count.tokens, count.units))
        + "</tr>"
        for split, count in splits.items()
    )
    return f"<b>{escape(name)}</b> ({kind})<table><tr>{head}</tr>{rows}</table>"


def song_html(title: str, artist: str, content: str | Figure) -> str:
    """Return the text of a song, or its piano roll as an embedded image."""
    heading = f"<b>{escape(title)}</b>, {escape(artist)}"
    if isinstance(content, str):
        return f"{heading}<pre>{escape(content)}</pre>"
    image = io.BytesIO()
    content.savefig(image, format="png")
    data = base64.b64encode(image.getvalue()).decode()
    return f'{heading}<br><img alt="piano roll" src="data:image/png;base64,{data}">'
