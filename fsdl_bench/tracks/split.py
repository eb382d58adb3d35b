"""The songs of one split, grouped by artist. Submissions train on it.

    Split ──.artists──▶ Artist ──.songs──▶ TrackSong ──.tokens──▶ uint16 [T]

A `Split` knows only its own songs. It has no reference to the track or to another split.
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

    `load_track` opens one, and `Split.from_rows` makes one from songs in memory. The pickle of a mapped split
    holds only the path and checksum of its file; the pickle of a split in memory holds all songs.
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
        """Make a split in memory, for tests and toy tracks.

        Args:
            name: "train", "validation" or "test".
            codec: the codec of the tokens.
            rows: one mapping per song. `artist` and `tokens` are required. The other columns of a track's
                Parquet files are optional and otherwise derived from these two.
            track_name: the track's name in results.
            digest: the track's digest in results; a hash of the song ids by default.
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
        """The track's logical digest. Every result contains it."""
        return self._arrays.metadata["digest"]

    @property
    def kind(self) -> Kind:
        """`lyrics` or `midi`."""
        return self._arrays.kind

    @property
    def codec(self) -> Codec:
        """The codec of the tokens."""
        return self._arrays.codec

    @cached_property
    def artists(self) -> Artists:
        """The artists, sorted by key."""
        return Artists(self._arrays)

    @property
    def songs(self) -> Songs:
        """All songs, grouped by artist."""
        return Songs(self._arrays, range(len(self)))

    def artist(self, key: str) -> Artist:
        """Return the artist with this key.

        Raises:
            KeyError: the split has no such artist.
        """
        return self.artists[self._positions[key]]

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {artist.key: position for position, artist in enumerate(self.artists)}

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per song; see `Songs.to_pandas`."""
        return self.songs.to_pandas()

    def to_torch(self) -> Padded:
        """Return tokens int64 [N, T] and lengths int64 [N]; see `Songs.to_torch`."""
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
    """Return a full row from one that may hold only the artist and the tokens."""
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
