"""Near-duplicates: precision and recall of both rules on POP909, with 200 copies made from its songs.

    python benchmarks/near_duplicates.py [--mirror DIR] [--show N]

Known pairs are those of the 909 arrangements of which one title begins with the other in `index.xlsx`. A copy
is one of 200 songs that were changed in one way; the copy and its song are a true pair. Every pair of
originals that a rule finds and that is not known counts as false; `--show` prints some of them, to be judged
by ear. Recall is over the copies and precision is over all pairs found.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from fsdl_bench import load_definition
from fsdl_bench.builder.duplicates import MUSIC, near_pairs
from fsdl_bench.builder.listing import open_sources
from fsdl_bench.builder.shingles import music_shingles, outline_shingles
from fsdl_bench.music.notes import Notes

COPIES = 200
Change = Callable[[Notes, np.random.Generator], Notes]


def main() -> None:
    """Print one line for each rule, and one for each kind of copy."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mirror", type=Path, default=os.environ.get("FSDL_BENCH_MIRROR"))
    parser.add_argument("--show", type=int, default=0)
    options = parser.parse_args()
    titles, songs = pop909(options.mirror)
    random = np.random.default_rng(0)
    chosen = random.permutation(len(songs))[:COPIES]
    kinds = [list(CHANGES)[n % len(CHANGES)] for n in range(len(chosen))]
    copies = [CHANGES[kind](songs[song], random) for kind, song in zip(kinds, chosen, strict=True)]
    true = {(int(song), len(songs) + n) for n, song in enumerate(chosen)}
    known = {
        (i, j)
        for j, title in enumerate(titles)
        for i in range(j)
        if titles[i].startswith(title) or title.startswith(titles[i])
    }
    parts = pairs(music_shingles([*songs, *copies]))
    both = parts | pairs(outline_shingles([*songs, *copies]))
    for name, found in (("rule 1", parts), ("rule 2", both)):
        originals = {pair for pair in found if pair[1] < len(songs)}
        false = sorted(originals - known)
        right = len(true & found) + len(originals & known)
        print(
            f"{name}: recall of copies {len(true & found)} of {len(true)}; known pairs found "
            f"{len(originals & known)} of {len(known)}; other pairs {len(false)}; precision at least "
            f"{right / (right + len(false)):.3f}"
        )
        for kind in CHANGES:
            mine = {(int(song), len(songs) + n) for n, song in enumerate(chosen) if kinds[n] == kind}
            print(f"    {kind:28} {len(mine & found):3} of {len(mine)}")
        for i, j in false[: options.show]:
            print(f"    {titles[i]} | {titles[j]}")


def pop909(mirror: Path | None) -> tuple[list[str], list[Notes]]:
    """Return the titles without brackets, and the notes."""
    listing = open_sources(load_definition("midi-pop909"), None, mirror, progress=False)
    source = listing.sources[0]
    items = list(source.items())
    titles = [re.sub(r"[(（].*", "", item.title).strip().casefold() for item in items]
    return titles, [source.read(item).content for item in items]


def pairs(sets: list) -> set[tuple[int, int]]:
    """Return the pairs that the rule finds, the lower index first."""
    found = near_pairs(sets, MUSIC, Path("unused"))
    low, high = np.minimum(found.first, found.second), np.maximum(found.first, found.second)
    return set(zip(low.tolist(), high.tolist(), strict=True))


def at_speed(notes: Notes, factor: float) -> Notes:
    return replace(notes, start=notes.start * factor, end=notes.end * factor)


def jittered(notes: Notes, random: np.random.Generator, seconds: float) -> Notes:
    start = np.maximum(notes.start + random.uniform(-seconds, seconds, len(notes)), 0)
    return replace(notes, start=start, end=np.maximum(notes.end, start))


def merged(notes: Notes) -> Notes:
    return replace(notes, track=np.zeros_like(notes.track))


def hands(notes: Notes) -> Notes:
    return replace(notes, track=(notes.pitch >= 60).astype(np.uint16))


def moved(notes: Notes, steps: int) -> Notes:
    return replace(notes, pitch=np.clip(notes.pitch.astype(int) + steps, 0, 127).astype(np.uint8))


def cut(notes: Notes) -> Notes:
    """The second half of the song."""
    kept = notes.start > np.median(notes.start)
    return Notes(*(getattr(notes, name)[kept] for name in Notes.__slots__))


CHANGES: dict[str, Change] = {
    "7 % slower, a third higher": lambda notes, _: moved(at_speed(notes, 1.07), 4),
    "all parts on one track": lambda notes, _: merged(notes),
    "one track, 3 % slower": lambda notes, _: merged(at_speed(notes, 1.03)),
    "two hands, a tone higher": lambda notes, _: moved(hands(notes), 2),
    "played: 12 ms of jitter": lambda notes, random: jittered(notes, random, 0.012),
    "played: 20 ms of jitter": lambda notes, random: jittered(notes, random, 0.020),
    "one track, 12 ms of jitter": lambda notes, random: merged(jittered(notes, random, 0.012)),
    "second half, one track": lambda notes, _: merged(cut(notes)),
}


if __name__ == "__main__":
    main()
