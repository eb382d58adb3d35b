"""Songs and artists as views of the rows of a split. They are made on demand and hold no data.

Artist ──.songs──▶ Songs ──[i]──▶ TrackSong ──.tokens──▶ uint16 [T]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from fsdl_bench.codecs.base import Tokens
from fsdl_bench.errors import BadInput
from fsdl_bench.metadata import Metadata
from fsdl_bench.padding import pad
from fsdl_bench.songs import Kind
from fsdl_bench.tracks.arrays import Arrays, array_schema

if TYPE_CHECKING:
    import pandas as pd
    import pretty_midi
    import torch
    from matplotlib.figure import Figure

    from fsdl_bench.music.notes import Notes


class TrackSong:
    """One song of a split: its tokens, and what is known about it."""

    __slots__ = ("_arrays", "_row")

    def __init__(self, arrays: Arrays, row: int) -> None:
        self._arrays = arrays
        self._row = row

    @property
    def id(self) -> str:
        """The hash of the song's content, as 32 hexadecimal digits."""
        return self._value("song_id")

    @property
    def artist(self) -> str:
        """The artist's name as people write it."""
        return self._value("artist")

    @property
    def artist_key(self) -> str:
        """The artist's key, which splits and episodes use."""
        return self._value("artist_key")

    @property
    def title(self) -> str:
        """The title that the source gives."""
        return self._value("title")

    @property
    def work(self) -> str:
        """The piece that the song is a movement of, or a name of its own. Unique within the artist."""
        return self._value("work")

    @property
    def licence(self) -> str:
        """The licence of the song."""
        return self._value("licence")

    @property
    def source(self) -> str:
        """The name of the song's source."""
        return self._value("source")

    @property
    def origin(self) -> str:
        """The path inside that source."""
        return self._value("origin")

    @property
    def metadata(self) -> Metadata:
        """Further metadata: year, key, tempo, form, ... Empty in tracks of version 0.1.0."""
        return self._arrays.song_metadata(self._row)

    @property
    def tokens(self) -> Tokens:
        """The scored excerpt: uint16 [T], read-only, without BOS. Ends with EOS if the song does."""
        return self._arrays.tokens(self._row)

    @property
    def units(self) -> int:
        """The number of units (notes or UTF-8 bytes) in the tokens."""
        return int(self._arrays.value("units", self._row))

    @property
    def text(self) -> str:
        """The whole text of a song of lyrics.

        Raises:
            BadInput: the song is MIDI.
        """
        self._expect("lyrics", "text", "`.notes`, `.plot()` or `.to_pretty_midi()`")
        return self._value("text")

    @property
    def notes(self) -> Notes:
        """The notes of the excerpt of a MIDI song, on the codec's grid.

        Raises:
            BadInput: the song is lyrics.
        """
        self._expect("midi", "notes", "`.text`")
        notes: Notes = self._arrays.codec.decode(self.tokens)
        return notes

    @property
    def performance(self) -> Notes:
        """The same notes with the velocities of the file, to be heard; the codec does not keep them.

        In tracks that were built without velocities all notes are equally loud.

        Raises:
            BadInput: the song is lyrics.
        """
        notes, velocity = self.notes, self._arrays.velocity(self._row)
        return notes if velocity is None else replace(notes, velocity=velocity)

    def to_pretty_midi(self) -> pretty_midi.PrettyMIDI:
        """Return the notes as a `pretty_midi.PrettyMIDI`, to play, write or analyse.

        Raises:
            BadInput: the song is lyrics.
        """
        from fsdl_bench.music.writing import to_pretty_midi

        return to_pretty_midi(self.notes)

    def plot(self) -> Figure:
        """Return a piano roll of the notes as a matplotlib figure.

        Raises:
            BadInput: the song is lyrics.
        """
        from fsdl_bench.music.plotting import piano_roll

        return piano_roll(self.notes, title=f"{self.artist}: {self.title}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TrackSong) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return (
            f"<TrackSong {self.title!r} by {self.artist!r}: {self.units:,} {self._arrays.codec.unit}s, "
            f"{len(self.tokens):,} tokens>"
        )

    def _repr_html_(self) -> str:
        from fsdl_bench.tracks.notebook import song_html

        midi = self._arrays.kind == "midi"
        return song_html(self.title, self.artist, self.plot() if midi else self.text)

    def _value(self, column: str) -> str:
        value: str = self._arrays.value(column, self._row)
        return value

    def _expect(self, kind: Kind, what: str, instead: str) -> None:
        if self._arrays.kind != kind:
            raise BadInput(
                f"{self._arrays.where} is a {self._arrays.kind} track: songs have no {what}; use {instead}"
            )


class Padded(NamedTuple):
    """Songs as one tensor."""

    tokens: torch.Tensor
    """int64 [N, T]; each row is one song, padded with PAD."""
    lengths: torch.Tensor
    """int64 [N]; the number of tokens of each song."""


class Songs(Sequence[TrackSong]):
    """Songs of one split in its order. A slice is a `Songs` again."""

    __slots__ = ("_arrays", "_rows")

    def __init__(self, arrays: Arrays, rows: range) -> None:
        self._arrays = arrays
        self._rows = rows

    @overload
    def __getitem__(self, index: int) -> TrackSong: ...
    @overload
    def __getitem__(self, index: slice) -> Songs: ...
    def __getitem__(self, index: int | slice) -> TrackSong | Songs:
        if isinstance(index, slice):
            return Songs(self._arrays, self._rows[index])
        return TrackSong(self._arrays, self._rows[index])

    def __iter__(self) -> Iterator[TrackSong]:
        return (TrackSong(self._arrays, row) for row in self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"<{len(self):,} songs of {self._arrays.where}>"

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per song, with the columns of the Parquet files. `tokens` holds uint16 arrays."""
        import pandas as pd

        arrays = self._arrays
        data: dict[str, list[Any]] = {
            name: [arrays.value(name, row) for row in self._rows]
            for name in array_schema(arrays.kind).names
            if name != "tokens"
        }
        return pd.DataFrame(data | {"tokens": [arrays.tokens(row) for row in self._rows]})

    def to_torch(self) -> Padded:
        """Return the tokens as one padded int64 tensor [N, T], and the lengths as int64 [N]."""
        import torch

        songs = [self._arrays.tokens(row) for row in self._rows]
        return Padded(pad(songs), torch.tensor([len(song) for song in songs], dtype=torch.int64))


class Artist:
    """One artist and their songs."""

    __slots__ = ("songs",)

    def __init__(self, songs: Songs) -> None:
        self.songs = songs

    @property
    def key(self) -> str:
        """The artist's key, which splits and episodes use."""
        return self.songs[0].artist_key

    @property
    def name(self) -> str:
        """The artist's name as people write it."""
        return self.songs[0].artist

    def __len__(self) -> int:
        return len(self.songs)

    def __repr__(self) -> str:
        return f"<Artist {self.name!r}: {len(self)} songs>"


class Artists(Sequence[Artist]):
    """The artists of one split, sorted by key."""

    def __init__(self, arrays: Arrays) -> None:
        self._arrays = arrays
        self._starts = arrays.artist_starts()

    @overload
    def __getitem__(self, index: int) -> Artist: ...
    @overload
    def __getitem__(self, index: slice) -> list[Artist]: ...
    def __getitem__(self, index: int | slice) -> Artist | list[Artist]:
        positions = range(len(self))[index]
        return [self._at(i) for i in positions] if isinstance(positions, range) else self._at(positions)

    def _at(self, position: int) -> Artist:
        return Artist(
            Songs(self._arrays, range(int(self._starts[position]), int(self._starts[position + 1])))
        )

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __repr__(self) -> str:
        return f"<{len(self):,} artists of {self._arrays.where}>"
