"""Songs a second of the whole build, in one process, on the .mid files of POP909.

    python benchmarks/ingest.py [--small] [--mirror DIR] [--rounds N]

Compared in one run, on the same files, each the best of its rounds, in processor seconds of the process (the
machine may be shared) and by the clock:

    build      build_track on a folder of the files: read, encode, hash, shingles, near-duplicates, split,
               Parquet, card, manifest, arrays
    plain      the same notes and tokens written plainly with pretty_midi, and Parquet; no more
    symusic    parsing alone, nothing kept

To reach: 110 times plain, and 30% of the speed of symusic's parser. The plain version's tokens are compared
with the codec's on the same notes before anything is timed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pretty_midi
from symusic import Score

from fsdl_bench.builder.pipeline import build_track
from fsdl_bench.codecs.midi import MidiCodec
from fsdl_bench.music.reading import read_midi
from fsdl_bench.sources.common.archives import Archive, fetch
from fsdl_bench.tracks.definition import load_definition, user_definition

ARTISTS = 90
MIRROR = Path(__file__).parents[2] / "shared" / "data"
DURATIONS = [*range(1, 101), *range(105, 201, 5), *range(210, 501, 10), *range(525, 1001, 25)]
Note = tuple[float, float, int, int]  # start, end, class, pitch


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true", help="180 files and one round, for a quick check")
    mirror = os.environ.get("FSDL_BENCH_MIRROR", MIRROR)
    parser.add_argument("--mirror", type=Path, default=mirror, help="the folder of POP909's archive")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fsdl-ingest-") as place:
        os.environ["FSDL_BENCH_HOME"] = place
        files = folder_of_files(Path(place), options.mirror, 180 if options.small else 909)
        paths = sorted(files.rglob("*.mid"))
        compare_tokens(paths[:20])
        definition = user_definition("ingest", "midi")

        def build() -> None:
            build_track(definition, source_dir=files, workers=0, progress=False)

        build()  # imports, and the page cache
        few = paths[:: len(paths) // 20]
        rounds = 1 if options.small else options.rounds
        rates = {"build": (best(build, rounds), len(paths))}
        rates["symusic"] = (best(lambda: parse(paths), rounds), len(paths))
        rates["plain"] = (best(lambda: plain(few, Path(place)), min(rounds, 2)), len(few))
        report(rates)


def report(rates: dict[str, tuple[tuple[float, float], int]]) -> None:
    print(f"{'':10}{'processor':>14}{'clock':>18}")
    for name, ((processor, clock), songs) in rates.items():
        print(
            f"{name:10}{1e3 * processor / songs:8.3f} ms/song{1e3 * clock / songs:10.3f} ms/song"
            f"{songs / processor:10,.0f} songs/s"
        )
    cost = {name: processor / songs for name, ((processor, _), songs) in rates.items()}
    print(f"build / plain    {cost['plain'] / cost['build']:.0f} times as fast   (to reach: 110)")
    print(f"build / symusic  {cost['symusic'] / cost['build']:.0%} of the speed   (to reach: 30%)")


def best(work: Callable[[], None], rounds: int) -> tuple[float, float]:
    """Least processor time and least time by the clock, in seconds."""
    times = []
    for _ in range(rounds):
        processor, clock = time.process_time(), time.perf_counter()
        work()
        times.append((time.process_time() - processor, time.perf_counter() - clock))
    return min(p for p, _ in times), min(c for _, c in times)


def folder_of_files(place: Path, mirror: Path, most: int) -> Path:
    """The files as `<artist>/<number>.mid`, ten or eleven to an artist."""
    source = load_definition("midi-pop909").sources[0]
    tree = fetch(Archive(source.repo, source.commit), mirror, progress=False)
    found = sorted(tree.glob("POP909/*/???.mid"))[:most]
    for number, path in enumerate(found):
        target = place / "files" / f"artist {number % (len(found) // 10):02d}" / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return place / "files"


def parse(paths: Iterable[Path]) -> None:
    for path in paths:
        Score.from_midi(path.read_bytes(), sanitize_data=True)


def plain(paths: Iterable[Path], place: Path) -> None:
    """Read the files as one would without this package."""
    rows = []
    for path in paths:
        parts = pretty_midi.PrettyMIDI(str(path)).instruments
        notes = [
            (note.start, note.end, 16 if part.is_drum else part.program // 8, note.pitch)
            for part in parts
            for note in part.notes
        ]
        rows.append({"artist": path.parent.name, "title": path.stem, "tokens": plain_tokens(notes)})
    pd.DataFrame(rows).to_parquet(place / "plain.parquet", compression="zstd")


def plain_tokens(notes: list[Note]) -> list[int]:
    """note10ms-v1 by its words."""
    grid = [
        (int(100 * start + 0.5), int(100 * end + 0.5), family, pitch) for start, end, family, pitch in notes
    ]
    first = min(start for start, *_ in grid)
    longest: dict[tuple[int, int, int], int] = {}
    for start, end, family, pitch in grid:
        place = (family, pitch, start - first)
        longest[place] = max(longest.get(place, 0), min(max(end - start, 1), 1000))
    in_line = sorted(longest)
    for place, following in pairwise(in_line):
        if place[:2] == following[:2]:
            longest[place] = min(longest[place], following[2] - place[2])
    tokens: list[int] = []
    now = 0
    for onset, family, pitch in sorted((onset, family, pitch) for family, pitch, onset in longest):
        gap = onset - now
        while gap > 100:
            tokens.append(107)
            gap -= 100
        if gap:
            tokens.append(7 + gap)
        tokens.append(108 + 128 * family + pitch)
        if family != 16:
            length = longest[family, pitch, onset]
            tokens.append(2284 + max(i for i, duration in enumerate(DURATIONS) if duration <= length))
        now = onset
    return [*tokens, 2]


def compare_tokens(paths: Iterable[Path]) -> None:
    """The plain version must do the codec's job."""
    for path in paths:
        notes = read_midi(path.read_bytes())
        rows = zip(
            notes.start.tolist(), notes.end.tolist(), notes.family.tolist(), notes.pitch.tolist(), strict=True
        )
        if plain_tokens(list(rows)) != MidiCodec().encode(notes).tolist():
            raise SystemExit(f"{path}: the plain version differs from the codec")


if __name__ == "__main__":
    main()
