"""Near-duplicates across tracks: the pairs of songs of two built tracks that rule 2 joins.

    python benchmarks/across_tracks.py midi-scores midi-mutopia midi-pop909

The excerpts are compared, as they are scored. A pair across splits is one whose songs are in the train split
of one track and in another split of the other; `--show` prints some of them, to be judged by eye.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from itertools import combinations
from pathlib import Path

from fsdl_bench import load_track
from fsdl_bench.builder.duplicates import LYRICS_2, MUSIC, near_pairs
from fsdl_bench.builder.shingles import lyrics_shingles, music_shingles, outline_shingles


def main() -> None:
    """Print one line for each pair of tracks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tracks", nargs="+")
    parser.add_argument("--show", type=int, default=0)
    options = parser.parse_args()
    songs, kinds = [], set()
    for name in options.tracks:
        track = load_track(name)
        kinds.add(track.kind)
        songs += [(name, split, song) for split in track.splits for song in track[split].songs]
    if len(kinds) != 1:
        parser.error("the tracks must be of one kind")
    found = pairs([song for _, _, song in songs], *kinds)
    by_tracks = defaultdict(list)
    for first, second in sorted(found):
        by_tracks[songs[first][0], songs[second][0]].append((songs[first], songs[second]))
    print("| tracks | the same song | near-duplicates | across splits |\n|---|---|---|---|")
    for tracks in combinations(options.tracks, 2):
        joined = by_tracks[tracks]
        same = sum(a.id == b.id for (_, _, a), (_, _, b) in joined)
        crossing = [(a, b) for a, b in joined if a[1] != b[1] and "train" in (a[1], b[1])]
        print(f"| {tracks[0]}, {tracks[1]} | {same} | {len(joined) - same} | {len(crossing)} |")
        for a, b in crossing[: options.show]:
            print("   ", " | ".join(f"{split}: {song.artist}, {song.title}" for _, split, song in (a, b)))


def pairs(songs: list, kind: str) -> set[tuple[int, int]]:
    """Return the pairs of indices that rule 2 joins, the lower first."""
    if kind == "lyrics":
        return joined(lyrics_shingles([song.text for song in songs]), LYRICS_2)
    notes = [song.notes for song in songs]
    return joined(music_shingles(notes), MUSIC) | joined(outline_shingles(notes), MUSIC)


def joined(sets: list, rule) -> set[tuple[int, int]]:
    with tempfile.TemporaryDirectory() as folder:
        found = near_pairs(sets, rule, Path(folder))
    return {tuple(sorted(pair)) for pair in zip(found.first.tolist(), found.second.tolist(), strict=True)}


if __name__ == "__main__":
    main()
