"""Cap the songs of each artist, and leave out artists with too few works."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

TOO_FEW = "artist has too few songs"
"""The reason in `rejected.parquet` for every song of an artist with fewer than `min_songs` works."""


OVER_CAP = "over the cap of songs per artist"
"""The reason for every song of an artist beyond the first `max_songs`."""


class Selection(NamedTuple):
    """The positions that are kept, and the reason for each position that is not."""

    kept: list[int]
    dropped: dict[int, tuple[str, str]]


def select(
    keys: Sequence[Any],
    works: Sequence[Any],
    song_ids: Sequence[Any],
    *,
    min_songs: int,
    max_songs: int,
) -> Selection:
    """Cap each artist's songs, and leave out artists with too few works.

    Keys, works and song ids are strings, or integers of the same order.

    Args:
        keys: artist key of each song [N].
        works: work of each song [N]; movements of one work count once towards `min_songs`.
        song_ids: content hash of each song [N], all different; the lowest are kept under the cap.
        min_songs: artists with fewer distinct works (after the cap) are left out.
        max_songs: cap on the songs of one artist.

    Returns:
        kept: positions ordered by (artist key, song id).
        dropped: position -> (reason, detail).
    """
    by_artist: dict[str, list[int]] = defaultdict(list)
    for position in sorted(range(len(keys)), key=lambda i: song_ids[i]):
        by_artist[keys[position]].append(position)
    kept: list[int] = []
    dropped: dict[int, tuple[str, str]] = {}
    for key in sorted(by_artist):
        positions = by_artist[key]
        for extra in positions[max_songs:]:
            dropped[extra] = (
                OVER_CAP,
                f"{len(positions)} songs, {max_songs} are kept",
            )
        positions = positions[:max_songs]
        distinct = len({works[i] for i in positions})
        if distinct < min_songs:
            few = (TOO_FEW, f"{distinct} works, {min_songs} needed")
            dropped.update((i, few) for i in positions)
        else:
            kept += positions
    return Selection(kept, dropped)
