"""Selection: of all songs read, those that the track holds, and the split of each.

In this order, each step with its own reason in `rejected.parquet`:

1. artists that the definition leaves out, where only reading told who it was;
2. equal content: the first by (source, origin) stays;
3. artists with fewer than `min_songs` works, who could not be in the track anyway;
4. near-duplicates, across artists too: of each cluster the longest song stays, of equally long ones the one
   with the lowest song id;
5. artists with fewer than `min_songs` works left, and songs over the cap.

Works of one artist that share a song, or a near-duplicate, become one work: two copies of a mass under two
titles would otherwise stand on both sides of an episode, the Kyrie of the one and the Gloria of the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fsdl_bench.builder.capping import TOO_FEW, select
from fsdl_bench.builder.chunks import Chunks, Rejection
from fsdl_bench.builder.duplicates import LYRICS, MUSIC, clusters
from fsdl_bench.builder.listing import Artists
from fsdl_bench.errors import BadInput
from fsdl_bench.tracks.artists import SPLITS, SplitName, assign
from fsdl_bench.tracks.definition import TrackDefinition

Rows = npt.NDArray[np.int64]
Work = tuple[str, str]
"""(artist key, work)."""


@dataclass(frozen=True)
class Selected:
    """The songs of a track, by their rows in the chunks.

    Attributes:
        rows: split -> rows, ordered by (artist key, song id).
        splits: artist key -> split.
        works: (artist key, work) -> the work that it has become part of, where that is another.
        rejected: why each other song is left out.
    """

    rows: Mapping[SplitName, Rows]
    splits: Mapping[str, SplitName]
    works: Mapping[Work, str]
    rejected: list[Rejection]


class Selector:
    """Carries out the steps above.

    Args:
        chunks: all songs read.
        definition: of the track.
        frozen: artist key -> split, where a list is frozen.
    """

    def __init__(self, chunks: Chunks, definition: TrackDefinition, frozen: Mapping[str, SplitName]) -> None:
        self._chunks = chunks
        self._definition = definition
        self._frozen = frozen
        columns = {name: chunks.columns[name].to_pylist() for name in chunks.columns.column_names}
        self._ids: list[str] = columns["song_id"]
        self._keys: list[str] = columns["artist_key"]
        self._works: list[str] = columns["work"]
        self._sources: list[str] = columns["source"]
        self._origins: list[str] = columns["origin"]
        self._lengths: list[int] = columns["length"]
        self._rejected: list[Rejection] = []
        self._joined: dict[
            Work, Work
        ] = {}  # a forest: from each joined work to one before it in the alphabet

    def run(self, scratch: Path, progress: bool = False) -> Selected:
        """Select.

        Args:
            scratch: a folder for temporary files.
            progress: show bars on stderr.

        Raises:
            BadInput: no artist is left.
        """
        rows = self._wanted_artists(range(len(self._ids)))
        rows = self._distinct(rows)
        rows = self._large_artists(rows, max_songs=len(rows) + 1)
        if self._definition.filters.near_duplicates:
            rows = self._not_near_duplicates(rows, scratch, progress)
        rows = self._large_artists(rows, max_songs=self._definition.max_songs)
        if not rows:
            raise BadInput(self._no_artist())
        splits = assign((self._keys[row] for row in rows), self._frozen)
        by_split = {
            split: np.array([row for row in rows if splits[self._keys[row]] == split], np.int64)
            for split in SPLITS
        }
        works = {work: self._work_of(work)[1] for work in self._joined}
        return Selected(by_split, splits, works, self._rejected)

    def _reject(self, row: int, reason: str, detail: str) -> None:
        self._rejected.append((self._sources[row], self._origins[row], reason, detail))

    def _wanted_artists(self, rows: Sequence[int]) -> list[int]:
        artists = Artists(self._definition)
        objections = {key: artists.objection(key) for key in set(self._keys)}
        kept: list[int] = []
        for row in rows:
            if why := objections[self._keys[row]]:
                self._reject(row, *why)
            else:
                kept.append(row)
        return kept

    def _distinct(self, rows: Sequence[int]) -> list[int]:
        first: dict[str, int] = {}
        for row in sorted(rows, key=lambda row: (self._sources[row], self._origins[row])):
            same = first.setdefault(self._ids[row], row)
            if same != row:
                self._reject(row, "duplicate", f"same content as {self._name(same)}")
                self._join(row, same)
        return sorted(first.values())

    def _large_artists(self, rows: Sequence[int], max_songs: int) -> list[int]:
        keys, ids = [self._keys[row] for row in rows], [self._ids[row] for row in rows]
        works = [self._work_of((self._keys[row], self._works[row]))[1] for row in rows]
        chosen = select(keys, works, ids, min_songs=self._definition.min_songs, max_songs=max_songs)
        for position, why in chosen.dropped.items():
            self._reject(rows[position], *why)
        return [rows[position] for position in chosen.kept]

    def _not_near_duplicates(self, rows: Sequence[int], scratch: Path, progress: bool) -> list[int]:
        order = np.array(sorted(rows), np.int64)
        rule = MUSIC if self._definition.kind == "midi" else LYRICS
        labels = clusters(self._chunks.shingles(order), rule, scratch, progress)
        best: dict[int, int] = {}
        first: dict[tuple[int, str], int] = {}
        for label, row in zip(labels.tolist(), order.tolist(), strict=True):
            best[label] = min(
                best.get(label, row), row, key=lambda row: (-self._lengths[row], self._ids[row])
            )
        kept: list[int] = []
        for label, row in zip(labels.tolist(), order.tolist(), strict=True):
            # Not to the one that stays: that may be another artist's.
            self._join(row, first.setdefault((label, self._keys[row]), row))
            if best[label] == row:
                kept.append(row)
            else:
                self._reject(row, "near-duplicate", f"of {self._name(best[label])}")
        return kept

    def _join(self, row: int, other: int) -> None:
        """Make one work of two songs' works, if they are by one artist."""
        if self._keys[row] == self._keys[other]:
            one, two = (self._work_of((self._keys[r], self._works[r])) for r in (row, other))
            if one != two:
                self._joined[max(one, two)] = min(one, two)

    def _work_of(self, work: Work) -> Work:
        while work in self._joined:
            work = self._joined[work]
        return work

    def _name(self, row: int) -> str:
        several = len(self._definition.sources) > 1
        place = f"{self._sources[row]}: " if several else ""
        return f"{self._ids[row]} ({place}{self._origins[row]})"

    def _no_artist(self) -> str:
        few = sum(reason == TOO_FEW for _, _, reason, _ in self._rejected)
        return (
            f"track {self._definition.name} would be empty: of the {len(self._ids):,} songs read none is by "
            f"an artist with {self._definition.min_songs} different songs or more ({few:,} by artists with "
            f"fewer, {len(self._rejected) - few:,} duplicates or not wanted)"
        )
