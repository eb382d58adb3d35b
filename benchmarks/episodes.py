"""Training episodes per second: 5 support and 4 query songs, as padded tensors, in one process.

    python benchmarks/episodes.py [TRACK ...]

TRACK is a built track's name or folder. Without any, two tracks are made in memory: one of the size of
`lyrics-verse` and one of 200,000 songs. The baseline is what one would write without the sampler: the songs
as Python lists by artist, `random.choice`, `random.sample`, and lists padded into tensors. The same rate on a
small and a large track shows that the cost of an episode does not depend on the number of songs. Copying
longer songs takes longer, so the rates are compared for whole songs and for songs cut to the same length.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from fsdl_bench import Split, load_track
from fsdl_bench.codecs.words import WordsCodec
from fsdl_bench.sampling import TrainingEpisodes

SHOTS, QUERIES, BATCH = 5, 4, 16
CUT = 128
SECONDS, ROUNDS = 1.0, 5


def toy(artists: int, songs: int) -> Split:
    rng = np.random.default_rng(0)
    rows = (
        {
            "artist": f"artist {artist:05}",
            "tokens": rng.integers(4, 99, int(rng.integers(100, 512))).astype(np.uint16),
            "text": "",
            "units": 1,
        }
        for artist in range(artists)
        for _ in range(songs)
    )
    return Split.from_rows("train", WordsCodec(), rows, track_name=f"in memory, {artists * songs:,} songs")


def plain(split: Split, cut: int | None) -> Callable[[], tuple[torch.Tensor, torch.Tensor]]:
    """Return a function that makes a batch of episodes in plain Python."""
    songs = {artist.key: [song.tokens[:cut].tolist() for song in artist.songs] for artist in split.artists}
    songs = {key: found for key, found in songs.items() if len(found) >= SHOTS + QUERIES}
    keys = list(songs)
    rng = random.Random(0)

    def pad(episodes: list[list[list[int]]]) -> torch.Tensor:
        longest = max(len(song) for episode in episodes for song in episode)
        return torch.tensor(
            [[song + [0] * (longest - len(song)) for song in episode] for episode in episodes]
        )

    def batch() -> tuple[torch.Tensor, torch.Tensor]:
        drawn = [rng.sample(songs[rng.choice(keys)], SHOTS + QUERIES) for _ in range(BATCH)]
        return pad([d[QUERIES:] for d in drawn]), pad([d[:QUERIES] for d in drawn])

    return batch


def rate(step: Callable[[], object]) -> float:
    """Return episodes per second of processor time, which other load affects little."""
    count, start = 0, time.process_time()
    while (spent := time.process_time() - start) < SECONDS:
        step()
        count += BATCH
    return count / spent


def main() -> None:
    torch.set_num_threads(1)
    splits = [load_track(name, "train") for name in sys.argv[1:]] or [toy(300, 60), toy(4000, 50)]
    for split in splits:
        start = time.perf_counter()
        TrainingEpisodes(split, shots=SHOTS, queries=QUERIES, batch_size=BATCH)
        ready = time.perf_counter() - start
        lengths = [len(split.songs[i].tokens) for i in range(0, len(split), max(1, len(split) // 2000))]
        size = f"{len(split):,} songs of {np.mean(lengths):.0f} tokens in train"
        print(f"{split.track_name}: {size}; ready in {ready:.2f} s")
    for cut in (None, CUT):
        compare(splits, cut)


def compare(splits: list[Split], cut: int | None) -> None:
    sizes = {"shots": SHOTS, "queries": QUERIES, "batch_size": BATCH, "max_length": cut}
    steps = [(partial(next, iter(TrainingEpisodes(split, **sizes))), plain(split, cut)) for split in splits]
    # The tracks take turns, so that other load affects them equally. The best round is the least disturbed.
    best = np.max([[[rate(step) for step in pair] for pair in steps] for _ in range(ROUNDS)], axis=0)
    for split, (ours, theirs) in zip(splits, best, strict=True):
        what = f"songs cut to {cut} tokens" if cut else "whole songs"
        times = f"plain Python loop {theirs:,.0f}; ratio {ours / theirs:.1f}"
        print(f"{split.track_name}, {what}: {ours:,.0f} episodes/s, {times}", flush=True)
    print(f"slowest / fastest track: {best[:, 0].min() / best[:, 0].max():.2f} (target: 0.80)")


if __name__ == "__main__":
    main()
