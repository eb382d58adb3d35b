"""Near-duplicates: precision and recall of all rules on POP909, with 200 copies made from its songs.

    python benchmarks/near_duplicates.py [--mirror DIR] [--show N]

Known pairs are those of the 909 arrangements of which one title begins with the other in `index.xlsx`. A copy
is one of 200 songs that were changed in one way; the copy and its song are a true pair. Every pair of
originals that a rule finds and that is not known counts as false; `--show` prints some of them, to be judged
by ear. Recall is over the copies and precision is over all pairs found.

Then 100 songs and what is made of them are a collection, of which each rule chooses the songs that stay.
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
from fsdl_bench.builder.choosing import choose
from fsdl_bench.builder.clusters import clusters, containers
from fsdl_bench.builder.duplicates import RULES, Rule, near_pairs
from fsdl_bench.builder.evidence import missed_versions, without_quotations
from fsdl_bench.builder.listing import open_sources
from fsdl_bench.builder.shingles import music_shingles, outline_shingles
from fsdl_bench.music.notes import Notes

COPIES = 200
SONGS = 100
SCRATCH = Path("unused")
Change = Callable[[Notes, np.random.Generator], Notes]
Make = Callable[[list[Notes], np.random.Generator], list[Notes]]


def main() -> None:
    """Print one line for each rule, each kind of copy and each collection."""
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
    for number in (1, 2, 3):
        found = pairs(sets_of([*songs, *copies], number), RULES["midi", number])
        originals = {pair for pair in found if pair[1] < len(songs)}
        false = sorted(originals - known)
        right = len(true & found) + len(originals & known)
        print(
            f"rule {number}: recall of copies {len(true & found)} of {len(true)}; known pairs found "
            f"{len(originals & known)} of {len(known)}; other pairs {len(false)}; precision at least "
            f"{right / (right + len(false)):.3f}"
        )
        for kind in CHANGES:
            mine = {(int(song), len(songs) + n) for n, song in enumerate(chosen) if kinds[n] == kind}
            print(f"    {kind:28} {len(mine & found):3} of {len(mine)}")
        for i, j in false[: options.show]:
            print(f"    {titles[i]} | {titles[j]}")
    print(f"{'songs that stay':44} right  rule 2  rule 3")
    for name, (right, make) in COLLECTIONS.items():
        made = make([songs[song] for song in chosen[:SONGS]], random)
        print(f"    {name:40} {right:5} {staying(made, 2):7} {staying(made, 3):7}")


def pop909(mirror: Path | None) -> tuple[list[str], list[Notes]]:
    """Return the titles without brackets, and the notes."""
    listing = open_sources(load_definition("midi-pop909"), None, mirror, progress=False)
    source = listing.sources[0]
    items = list(source.items())
    titles = [re.sub(r"[(（].*", "", item.title).strip().casefold() for item in items]
    return titles, [source.read(item).content for item in items]


def sets_of(songs: list[Notes], number: int) -> list[list]:
    return [music_shingles(songs), outline_shingles(songs)] if number > 1 else [music_shingles(songs)]


def pairs(sets: list[list], rule: Rule) -> set[tuple[int, int]]:
    """Return the pairs that the rule finds by any of the sets, the lower index first."""
    joined = set()
    for each in sets:
        found = near_pairs(each, rule, SCRATCH)
        low, high = np.minimum(found.first, found.second), np.maximum(found.first, found.second)
        joined |= set(zip(low.tolist(), high.tolist(), strict=True))
    return joined


def staying(songs: list[Notes], number: int) -> int:
    """Return how many songs stay by this rule."""
    sets, rule = sets_of(songs, number), RULES["midi", number]
    found = [near_pairs(each, rule, SCRATCH) for each in sets]
    if number == 2:
        whole = list(containers(found))
        return len(set(np.delete(clusters(found, whole), whole).tolist()))
    found = [without_quotations(each, rule) for each in found]
    versions = [
        missed_versions(each, lambda numbers, of=of: [of[n] for n in numbers])
        for each, of in zip(found, sets, strict=True)
    ]
    preferred = np.argsort(np.argsort([-len(notes) for notes in songs], kind="stable"))
    return int(
        (choose(found, np.concatenate(versions, axis=1), preferred).stays == np.arange(len(songs))).sum()
    )


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


def between(notes: Notes, first: float, last: float) -> Notes:
    """The song from one time to another, in seconds, from 0."""
    kept = (notes.start >= first) & (notes.start < last)
    part = Notes(*(getattr(notes, name)[kept] for name in Notes.__slots__))
    return replace(part, start=part.start - first, end=part.end - first)


def chain(parts: list[Notes]) -> Notes:
    """One after the other."""
    starts = np.cumsum([0.0, *(notes.start.max(initial=0) + 1 for notes in parts)])
    parts = [replace(p, start=p.start + t, end=p.end + t) for p, t in zip(parts, starts, strict=False)]
    return Notes(*(np.concatenate([getattr(p, name) for p in parts]) for name in Notes.__slots__))


def medleys(songs: list[Notes], share: float) -> list[Notes]:
    """Ten medleys of four songs each, each song in another key."""
    parts = [between(moved(notes, k % 4), 0, share * notes.start.max()) for k, notes in enumerate(songs)]
    return [*songs, *(chain(parts[k : k + 4]) for k in range(0, 40, 4))]


def melody(notes: Notes, length: int) -> Notes:
    """The first notes of the first part."""
    kept = np.flatnonzero(notes.track == notes.track.min())
    kept = kept[np.argsort(notes.start[kept], kind="stable")][:length]
    return Notes(*(getattr(notes, name)[kept] for name in Notes.__slots__))


def quoted(songs: list[Notes], shortest: float) -> list[Notes]:
    """A melody of 40 notes, which twelve songs begin with; they are cut to this many seconds."""
    jingle = melody(songs[-1], 40)
    cuts = [between(notes, 0, shortest) for notes in songs[:-1]]
    return [*(chain([jingle, notes]) for notes in cuts[:12]), *cuts[12:], jingle]


def short(songs: list[Notes], length: int) -> list[Notes]:
    """Melodies, and copies of all a tone higher and 7 % slower."""
    melodies = [melody(notes, length) for notes in songs]
    return [*melodies, *(moved(at_speed(notes, 1.07), 2) for notes in melodies)]


COLLECTIONS: dict[str, tuple[int, Make]] = {
    "10 medleys of 4 whole songs": (SONGS, lambda songs, _: medleys(songs, 1)),
    "10 medleys of 4 halves": (SONGS, lambda songs, _: medleys(songs, 0.5)),
    "10 medleys of 4 quarters": (SONGS, lambda songs, _: medleys(songs, 0.25)),
    "a melody that 12 whole songs begin with": (SONGS - 1, lambda songs, _: quoted(songs, 1e6)),
    "a melody that 12 songs of 30 s begin with": (SONGS - 1, lambda songs, _: quoted(songs, 30)),
    "melodies of 16 notes, and their copies": (SONGS, lambda songs, _: short(songs, 16)),
    "melodies of 24 notes, and their copies": (SONGS, lambda songs, _: short(songs, 24)),
    "4 copies of each with 40 ms of jitter": (
        SONGS,
        lambda songs, random: [*songs, *(merged(jittered(n, random, 0.04)) for n in songs for _ in range(4))],
    ),
}


if __name__ == "__main__":
    main()
