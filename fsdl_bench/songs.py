"""Song: what every source yields and every build starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fsdl_bench.metadata import NOTHING, Metadata
from fsdl_bench.music.notes import Notes

Kind = Literal["lyrics", "midi"]


@dataclass(frozen=True, slots=True, eq=False)
class Song:
    """One song of one artist: lyrics or notes, and their origin.

    Attributes:
        artist: the style label that episodes are drawn by (performer, composer, poet), as people write it,
            given name before family name.
        title: as the source gives it; not unique.
        work: groups movements of one piece; two songs of one work are never split between support and
            query. Unique within the artist; a song that is no movement has its own.
        licence: SPDX identifier or the source's own words.
        origin: the path inside the source.
        content: the text of the lyrics, or the notes.
        metadata: what else is known.
        cleaned: the kinds of what a source has removed from the text; see `fsdl_bench.sources.cleaning`.
    """

    artist: str
    title: str
    work: str
    licence: str
    origin: str
    content: str | Notes
    metadata: Metadata = NOTHING
    cleaned: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        """`lyrics` or `midi`."""
        return "lyrics" if isinstance(self.content, str) else "midi"
