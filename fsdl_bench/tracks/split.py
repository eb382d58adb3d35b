"""The songs of one split, grouped by artist: what a submission is handed to train on.

    Split ──.artists──▶ Artist ──.songs──▶ TrackSong ──.tokens──▶ uint16 [T]

A `Split` knows its own songs only: nothing leads from it to the track or to another split.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from fsdl_bench.codecs.base import Codec
from fsdl_bench.songs import Kind
from fsdl_bench.tracks.arrays import Arrays
from fsdl_bench.tracks.views import Artist, Artists, Padded, Songs, TrackSong

if TYPE_CHECKING:
    import pandas as pd


class Split:
    """The songs of one split: a sequence of `TrackSong`, grouped by artist.

    Made by `load_track`, or by `Split.from_rows` from songs at hand. It may be pickled: a memory-mapped split
    goes as the path of its own file and is mapped again on arrival, which is cheap; one in memory goes whole.
    """

    def __init__(self, arrays: Arrays) -> None:
        self._arrays = arrays

    @classmethod
    def from_rows(
        cls,
        name: str,
        codec: Codec,
        rows: Iterable[Mapping[str, Any]],
        *,
        track_name: str = "rows",
        digest: str | None = None,
    ) -> Split:
        """A split in memory, for tests and toy tracks.

        Args:
            name: "train", "validation" or "test".
            codec: what the tokens are written in.
            rows: one mapping a song; `artist` and `tokens` are needed, everything else that stands in a
                track's Parquet files may be given and otherwise follows from these two.
            track_name: stands in results.
            digest: stands in results; a hash of the song ids unless given.
        """
        full = [_complete(row, codec) for row in rows]
        full.sort(key=lambda row: (row["artist_key"], row["song_id"]))
        ids = "\n".join(row["song_id"] for row in full)
        stamp = {
            "track": track_name,
            "split": name,
            "digest": digest or hashlib.blake2b(ids.encode(), digest_size=32).hexdigest(),
            "kind": codec.kind,
        }
        return cls(Arrays.from_rows(full, stamp, codec))

    @property
    def name(self) -> str:
        """`train`, `validation` or `test`."""
        return self._arrays.metadata["split"]

    @property
    def track_name(self) -> str:
        """The name of the track."""
        return self._arrays.metadata["track"]

    @property
    def digest(self) -> str:
        """The track's logical digest, which stands in every result."""
        return self._arrays.metadata["digest"]

    @property
    def kind(self) -> Kind:
        """`lyrics` or `midi`."""
        return self._arrays.kind

    @property
    def codec(self) -> Codec:
        """What the tokens are written in."""
        return self._arrays.codec

    @cached_property
    def artists(self) -> Artists:
        """The artists, sorted by key."""
        return Artists(self._arrays)

    @property
    def songs(self) -> Songs:
        """All songs, artist by artist."""
        return Songs(self._arrays, range(len(self)))

    def artist(self, key: str) -> Artist:
        """The artist with this key.

        Raises:
            KeyError: the split has no such artist.
        """
        return self.artists[self._positions[key]]

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {artist.key: position for position, artist in enumerate(self.artists)}

    def to_pandas(self) -> pd.DataFrame:
        """One row a song; see `Songs.to_pandas`."""
        return self.songs.to_pandas()

    def to_torch(self) -> Padded:
        """Tokens int64 [N, T] and lengths [N]; see `Songs.to_torch`."""
        return self.songs.to_torch()

    def __len__(self) -> int:
        return len(self._arrays)

    def __getitem__(self, index: int) -> TrackSong:
        return self.songs[index]

    def __iter__(self) -> Iterator[TrackSong]:
        return iter(self.songs)

    def __reduce__(self) -> tuple[Any, ...]:
        return Split, (self._arrays,)

    def __repr__(self) -> str:
        return f"<Split {self.track_name}/{self.name}: {len(self.artists):,} artists, {len(self):,} songs>"


def _complete(row: Mapping[str, Any], codec: Codec) -> dict[str, Any]:
    """A full row from one that may hold the artist and the tokens only."""
    tokens = np.asarray(row["tokens"], np.uint16)
    content = tokens.astype("<u2").tobytes()
    song_id = row.get("song_id") or hashlib.blake2b(content, digest_size=16).hexdigest()
    full = {
        "song_id": song_id,
        "artist_key": row["artist"],
        "title": song_id,
        "work": song_id,
        "licence": "",
        "source": "",
        "origin": "",
        **row,
        "tokens": tokens,
    }
    if "units" not in full:
        full["units"] = codec.units(tokens)
    if codec.kind == "lyrics" and "text" not in full:
        full["text"] = codec.decode(tokens)
    return full
