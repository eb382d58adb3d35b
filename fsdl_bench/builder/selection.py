"""Selection: choose the songs of the track from all songs that were read, and the split of each artist.

The steps, each with its own reason in `rejected.parquet`:

1. leave out artists that the definition excludes, if only reading told who they are;
2. of songs with equal content, keep the first by (source, origin);
3. leave out artists with fewer than `min_songs` works, who could not be in the track anyway;
4. of each cluster of near-duplicates, across artists, keep the longest song, and of equally long ones the one
   with the lowest song id;
5. leave out artists with fewer than `min_songs` works left, and songs over the cap.

Works of one artist that share a song, or a near-duplicate, become one work. Otherwise two copies of a mass
under two titles could be on both sides of an episode: the Kyrie of one and the Gloria of the other.

Strings are replaced by integers of the same order, so that memory stays at about 100 bytes per song.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fsdl_bench.builder.capping import select
from fsdl_bench.builder.choosing import choose
from fsdl_bench.builder.chunks import Chunks, EmptyTrack, Rejection
from fsdl_bench.builder.clusters import clusters, containers
from fsdl_bench.builder.duplicates import RULES, near_pairs
from fsdl_bench.builder.evidence import missed_versions, without_quotations
from fsdl_bench.builder.listing import Artists
from fsdl_bench.builder.shingles import Shingles
from fsdl_bench.tracks.artists import SPLITS, SplitName, assign
from fsdl_bench.tracks.definition import TrackDefinition

Rows = npt.NDArray[np.int64]
Work = tuple[str, str]
"""(artist key, work)."""


@dataclass(frozen=True)
class Selected:
    """The songs of a track, by their rows in the chunks.

    Attributes:
        rows: split -> rows, int64, ordered by (artist key, song id).
        splits: artist key -> split.
        works: (artist key, work) -> the work that it was joined to, for joined works only.
        rejected: every other song, and why it was left out.
    """

    rows: Mapping[SplitName, Rows]
    splits: Mapping[str, SplitName]
    works: Mapping[Work, str]
    rejected: list[Rejection]


class Selector:
    """Carries out the steps above.

    Args:
        chunks: all songs that were read.
        definition: the track's definition.
        frozen: artist key -> split, if a list is frozen.
    """

    def __init__(self, chunks: Chunks, definition: TrackDefinition, frozen: Mapping[str, SplitName]) -> None:
        self._chunks = chunks
        self._definition = definition
        self._frozen = frozen
        self._columns = chunks.columns
        self._keys, self._artist = _codes(chunks.columns["artist_key"])
        _, self._id = _codes(chunks.columns["song_id"])
        self._work_names, work = _codes(chunks.columns["work"])
        self._pairs, self._work = _combined(self._artist, work, len(self._work_names))
        origins, origin = _codes(chunks.columns["origin"])
        _, self._place = _combined(_codes(chunks.columns["source"])[1], origin, len(origins))
        self._length = chunks.columns["length"].to_numpy()
        self._rejected: list[Rejection] = []
        self._joined: dict[int, int] = {}  # a forest: from each joined work to one before it in the alphabet

    def run(self, scratch: Path, progress: bool = False) -> Selected:
        """Select the songs of the track.

        Args:
            scratch: a folder for temporary files.
            progress: show progress bars on standard error.

        Raises:
            EmptyTrack: no artist is left.
            DamagedChunk: a chunk was damaged after it was read.
        """
        rows = self._wanted_artists()
        rows = self._distinct(rows)
        rows = self._large_artists(rows, max_songs=len(rows) + 1)
        if self._definition.filters.near_duplicates:
            rows = self._not_near_duplicates(rows, scratch, progress)
        rows = self._large_artists(rows, max_songs=self._definition.max_songs)
        if not len(rows):
            raise EmptyTrack(self._no_artist(), self._rejected)
        artists = np.unique(self._artist[rows])
        splits = assign(self._keys.take(pa.array(artists)).to_pylist(), self._frozen)
        of_artist = np.array(
            [SPLITS.index(splits[key.as_py()]) for key in self._keys.take(pa.array(artists))]
        )
        of_row = of_artist[np.searchsorted(artists, self._artist[rows])]
        by_split = {split: rows[of_row == number] for number, split in enumerate(SPLITS)}
        works = {self._work_name(work): self._work_name(self._root(work))[1] for work in self._joined}
        return Selected(by_split, splits, works, self._rejected)

    def _wanted_artists(self) -> Rows:
        if self._definition.label != "artist":  # the listing has left out unwanted artists
            return np.arange(len(self._columns))
        artists = Artists(self._definition)
        objections = [artists.objection(key) for key in self._keys.to_pylist()]
        unwanted = np.array([why is not None for why in objections], np.bool_)[self._artist]
        rows = np.flatnonzero(unwanted)
        self._reject(rows, [objections[artist] or ("", "") for artist in self._artist[rows]])
        return np.flatnonzero(~unwanted)

    def _distinct(self, rows: Rows) -> Rows:
        ordered = rows[np.argsort(self._place[rows], kind="stable")]
        _, first, group = np.unique(self._id[ordered], return_index=True, return_inverse=True)
        kept = ordered[first]
        same = kept[group]  # of each row the one that stays
        repeated = ordered != same
        names = self._names(same[repeated])
        self._reject(ordered[repeated], [("duplicate", f"same content as {name}") for name in names])
        self._join(ordered[repeated], same[repeated])
        return np.sort(kept)

    def _large_artists(self, rows: Rows, max_songs: int) -> Rows:
        roots = np.arange(len(self._pairs))
        for work in self._joined:
            roots[work] = self._root(work)
        chosen = select(
            self._artist[rows].tolist(),
            roots[self._work[rows]].tolist(),
            self._id[rows].tolist(),
            min_songs=self._definition.min_songs,
            max_songs=max_songs,
        )
        self._reject(rows[list(chosen.dropped)], list(chosen.dropped.values()))
        return rows[chosen.kept]

    def _not_near_duplicates(self, rows: Rows, scratch: Path, progress: bool) -> Rows:
        rows = np.sort(rows)
        number = self._definition.filters.rule
        rule = RULES[self._definition.kind, number]
        kinds = ("shingles", "outline") if number > 1 and self._definition.kind == "midi" else ("shingles",)
        pairs = [near_pairs(self._chunks.shingles(rows, kind), rule, scratch, progress) for kind in kinds]
        preferred = np.lexsort((self._id[rows], -self._length[rows]))
        if number == 3:
            pairs = [without_quotations(found, rule) for found in pairs]
            versions = [
                missed_versions(found, partial(self._shingles, rows, kind))
                for found, kind in zip(pairs, kinds, strict=True)
            ]
            choice = choose(pairs, np.concatenate(versions, axis=1), np.argsort(preferred))
            best, between = choice.stays, choice.between
        else:
            between = containers(pairs) if number == 2 else {}
            label = clusters(pairs, list(between))
            _, first, cluster = np.unique(label[preferred], return_index=True, return_inverse=True)
            best = np.empty(len(rows), np.int64)
            best[preferred] = preferred[first[cluster]]
        for song, others in between.items():
            self._reject(rows[[song]], [("near-duplicate", self._between(rows[song], rows[others[:2]]))])
        apart = ~np.isin(np.arange(len(rows)), list(between))
        rows, best = rows[apart], rows[best[apart]]
        # Join to the artist's first song of the cluster, as the song that stays may be another artist's.
        own = best * (len(self._keys) + 1) + self._artist[rows]
        _, first, group = np.unique(own, return_index=True, return_inverse=True)
        self._join(rows, rows[first[group]])
        near = rows != best
        self._reject(rows[near], [("near-duplicate", f"of {name}") for name in self._names(best[near])])
        kept: Rows = rows[~near]
        return kept

    def _shingles(self, rows: Rows, kind: str, songs: Rows) -> Iterator[Shingles]:
        return self._chunks.shingles(rows[songs], kind)

    def _between(self, row: int, others: Rows) -> str:
        """Return why a song is left out of which two others stay."""
        names = " and ".join(self._names(others))
        return f"{'part of' if self._length[row] < self._length[others].min() else 'contains'} {names}"

    def _reject(self, rows: Rows, reasons: Sequence[tuple[str, str]]) -> None:
        table = self._columns.select(["source", "origin"]).take(pa.array(rows, pa.int64()))
        places = zip(table["source"].to_pylist(), table["origin"].to_pylist(), strict=True)
        self._rejected += [(*place, *why) for place, why in zip(places, reasons, strict=True)]

    def _join(self, rows: Rows, others: Rows) -> None:
        """Join the works of each row and the other row, if both are by one artist."""
        differ = (self._artist[rows] == self._artist[others]) & (self._work[rows] != self._work[others])
        for row, other in zip(rows[differ], others[differ], strict=True):
            one, two = self._root(int(self._work[row])), self._root(int(self._work[other]))
            if one != two:
                self._joined[max(one, two)] = min(one, two)

    def _root(self, work: int) -> int:
        while work in self._joined:
            work = self._joined[work]
        return work

    def _work_name(self, work: int) -> Work:
        artist, name = divmod(int(self._pairs[work]), len(self._work_names))
        return self._keys[artist].as_py(), self._work_names[name].as_py()

    def _names(self, rows: Rows) -> list[str]:
        """Return the songs of these rows in words: the id and the place in the source."""
        table = self._columns.select(["song_id", "source", "origin"]).take(pa.array(rows, pa.int64()))
        several = len(self._definition.sources) > 1
        return [
            f"{row['song_id']} ({row['source']}: {row['origin']})"
            if several
            else f"{row['song_id']} ({row['origin']})"
            for row in table.to_pylist()
        ]

    def _no_artist(self) -> str:
        if not len(self._columns):
            return f"track {self._definition.name} would be empty: no song could be read"
        return (
            f"track {self._definition.name} would be empty: of the {len(self._columns):,} songs read, none is"
            f" by an artist with at least {self._definition.min_songs} different songs"
        )


def _codes(column: pa.ChunkedArray) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """Return the distinct strings of a column in ascending order, and the place of each row's string."""
    import pyarrow.compute as pc

    encoded = pa.chunked_array([column.combine_chunks()]).combine_chunks().dictionary_encode()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return encoded.dictionary.take(pa.array(order)), rank[encoded.indices.to_numpy()]


def _combined(
    first: npt.NDArray[np.int64], second: npt.NDArray[np.int64], seconds: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the distinct pairs as first * seconds + second, ascending, and the place of each row's pair."""
    pairs, codes = np.unique(first * max(seconds, 1) + second, return_inverse=True)
    return pairs, codes.astype(np.int64)
