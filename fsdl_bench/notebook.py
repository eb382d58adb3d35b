"""How tracks and songs look in a notebook: small HTML."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fsdl_bench.track import Track
    from fsdl_bench.views import TrackSong


def track_html(track: Track) -> str:
    """A table with a row for each split."""
    columns = ("split", "artists", "songs", "tokens", f"{track.codec.unit}s")
    head = "".join(f"<th>{name}</th>" for name in columns)
    rows = "".join(
        f"<tr><td>{escape(name)}</td>"
        + "".join(f"<td>{size:,}</td>" for size in (count.artists, count.songs, count.tokens, count.units))
        + "</tr>"
        for name, count in track.manifest.counts.items()
    )
    return f"<b>{escape(track.name)}</b> ({track.kind})<table><tr>{head}</tr>{rows}</table>"


def song_html(song: TrackSong, midi: bool) -> str:
    """The text of a song of lyrics; the piano roll of one of MIDI."""
    title = f"<b>{escape(song.title)}</b>, {escape(song.artist)}"
    if not midi:
        return f"{title}<pre>{escape(song.text)}</pre>"
    image = io.BytesIO()
    song.plot().savefig(image, format="png")
    data = base64.b64encode(image.getvalue()).decode()
    return f'{title}<br><img alt="piano roll" src="data:image/png;base64,{data}">'
