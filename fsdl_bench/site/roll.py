"""The pictures of the example: piano rolls as SVG, and the shade of a word or a note by its gain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fsdl_bench.site.example import SECONDS, ExampleSong, Part

if TYPE_CHECKING:
    import markupsafe

LEAST, MOST = 0.1, 2.0
"""Gains in nats: below `LEAST` a word keeps its colour, from `MOST` on the shade is full."""

WIDTH, HEIGHT = 480, 132


def shade(gain: float) -> markupsafe.Markup:
    """Return the attributes of a word or a note with this gain."""
    import markupsafe

    if abs(gain) < LEAST:
        return markupsafe.Markup("")
    kind, strength = "easier" if gain > 0 else "harder", min(abs(gain) / MOST, 1.0)
    return markupsafe.Markup(f'class="{kind}" style="--s: {strength:.2f}" title="{gain:+.2f} nats"')


def roll(song: ExampleSong) -> markupsafe.Markup:
    """Return the piano roll of a song. The script plays the notes from their `data-note`."""
    import markupsafe

    low = min(note.pitch for note in song.parts)
    rows = max(note.pitch for note in song.parts) - low + 1
    end = min(max(note.end for note in song.parts), SECONDS)
    bars = "".join(_bar(note, low, rows, end) for note in song.parts)
    label = markupsafe.escape(f"Piano roll of the first {end:.0f} seconds of {song.title}")
    return markupsafe.Markup(
        f'<svg class="roll" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{label}">{bars}</svg>'
    )


def _bar(note: Part, low: int, rows: int, end: float) -> str:
    tall = HEIGHT / max(rows, 12)
    left, wide = note.start / end * WIDTH, max((note.end - note.start) / end * WIDTH - 0.6, 1.2)
    top = HEIGHT - (note.pitch - low + 1) * tall
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{tall * 0.86:.1f}" rx="1" '
        f'data-note="{note.start:g} {note.end:g} {note.pitch}" {shade(note.gain)}/>'
    )
