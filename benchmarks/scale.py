"""Build 200,000 generated MIDI files on two workers: memory of each process, and speed from first to last.

    python benchmarks/scale.py [--small] [--songs N] [--workers N] [--home DIR] [--keep]

Prints one line per figure. Targets: the main process stays below 1 GiB resident, every worker below 2 GiB,
and the last tenth of the songs is read as fast as the first (by the clock on a quiet machine, by the
processor time of the workers on any machine). The files are melodies. Some are near-copies of others and some
are broken, so that every stage has work to do. With --keep, the files and the built track stay in DIR for
other benchmarks.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import psutil

from fsdl_bench.builder.listing import list_items, open_sources
from fsdl_bench.builder.measuring import ChunkTask, Reader
from fsdl_bench.tracks.definition import user_definition

SONGS_AN_ARTIST = 40
NOTES = 600
BATCH = 1000

BUILD = """
import sys
from pathlib import Path
from fsdl_bench.tracks.definition import user_definition
from fsdl_bench.builder.pipeline import build_track
if __name__ == "__main__":
    definition = user_definition("scale", "midi")
    report = build_track(definition, source_dir=Path(sys.argv[1]), workers=int(sys.argv[2]))
    print(report.kept, report.seconds, report.digest, dict(report.rejected), sep="|")
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true", help="4,000 songs, for a quick check")
    parser.add_argument("--songs", type=int, default=200_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--home", type=Path, help="where files and track go; a temporary folder by default")
    parser.add_argument("--keep", action="store_true", help="leave the built track there")
    options = parser.parse_args()
    songs = 4_000 if options.small else options.songs
    home = options.home or Path(tempfile.mkdtemp(prefix="fsdl-scale-"))
    files = home / "files"
    try:
        began = time.perf_counter()
        if not files.exists():
            generate(files, songs)
        print(f"files                     {songs:,} in {time.perf_counter() - began:.0f} s")
        run(files, home, songs, options.workers)
        by_turns(files)
    finally:
        if not options.keep:
            shutil.rmtree(home, ignore_errors=True)


def generate(folder: Path, songs: int) -> None:
    """Write files of 600 notes, one folder per artist; 3% are transposed near-copies, 0.5% are broken."""
    rng = np.random.default_rng(1)
    for first in range(0, songs, BATCH):
        events = np.zeros((BATCH, NOTES, 2, 4), np.uint8)
        steps = np.rint(rng.normal(0, 3.5, (BATCH, NOTES))).astype(int)
        # A random walk that is reflected into 40-87.
        pitch = 40 + np.abs((np.cumsum(steps, axis=1) + rng.integers(0, 47, (BATCH, 1))) % 94 - 46)
        events[..., 0] = rng.choice([24, 48, 60, 96, 120], (BATCH, NOTES, 2))  # ticks since the last event
        events[..., 1] = 0x90
        events[..., 2] = pitch[..., None]
        events[..., 0, 3] = 80  # velocity; 0 ends the note
        for song in range(BATCH):
            number = first + song
            if number % 33 == 1:
                events[song] = events[song - 1]
                events[song, ..., 2] += 3
                events[song, :60, :, 2] = 50
            data = midi_file(events[song].tobytes())
            if number % 200 == 7:
                data = data[: len(data) // 3]
            path = folder / f"artist {number // SONGS_AN_ARTIST:05d}" / f"{number:06d}.mid"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def midi_file(events: bytes) -> bytes:
    track = b"\x00\xc0\x00" + events + b"\x00\xff\x2f\x00"
    return b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk" + len(track).to_bytes(4, "big") + track


def run(files: Path, home: Path, songs: int, workers: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", BUILD, files, str(workers)],
        env=os.environ | {"FSDL_BENCH_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    resident: dict[int, int] = defaultdict(int)
    spent: dict[int, float] = defaultdict(float)
    read: list[tuple[float, float, int]] = []  # clock, processor time of all workers, chunks
    began = time.perf_counter()
    chunks = home / "tracks" / ".scale.work" / "chunks"
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        for each in [watched, *children(watched)]:
            try:
                resident[each.pid] = max(resident[each.pid], each.memory_info().rss)
                times = each.cpu_times()
                spent[each.pid] = times.user + times.system
            except psutil.Error:
                continue
        done = len(list(chunks.glob("[!.]*.arrow"))) if chunks.exists() else 0
        in_workers = round(sum(spent.values()) - spent[process.pid], 2)
        read.append((time.perf_counter() - began, in_workers, done))
        time.sleep(0.5)
    assert process.stdout is not None
    kept, seconds, digest, rejected = process.stdout.read().strip().split("|")
    most = max(done for *_, done in read)
    read = read[: [done for *_, done in read].index(most) + 1]
    print(f"kept                      {int(kept):,}, left out {rejected}")
    print(f"digest                    {digest}")
    print(f"whole build               {float(seconds):.0f} s, {songs / float(seconds):,.0f} songs/s")
    print(f"until all is read         {read[-1][0]:.0f} s")
    for column, what in ((0, "by the clock"), (1, "by processor time")):
        first = rate(read, column, most // 100, most // 10)
        last = rate(read, column, most - most // 10, most)
        print(f"reading, {what}")
        print(f"  first 10%               {first * songs / most:,.0f} songs/s")
        print(f"  last 10%                {last * songs / most:,.0f} songs/s")
        print(f"  last / first            {last / first:.2f}   (target: 1)")
    main_process = resident.pop(process.pid)
    others = sorted((peak for peak in resident.values() if peak > 50 << 20), reverse=True)
    print(f"main process, MiB         {main_process / 2**20:,.0f}")
    print(f"workers, MiB              {', '.join(f'{peak / 2**20:,.0f}' for peak in others)}")
    print(f"main process / 1 GiB      {main_process / 2**30:.2f}   (target: below 1)")
    print(f"largest worker / 2 GiB    {others[0] / 2**31:.2f}   (target: below 1)")


def by_turns(files: Path) -> None:
    """Read chunks of the first and the last tenth in turn in one process, so that other load affects both."""
    definition = user_definition("scale", "midi")
    listing = open_sources(definition, files, None, progress=False)
    list_items(definition, listing, progress=False)
    reader = Reader(definition, listing.sources)
    items = listing.items[0]
    tenth = len(items) // 10
    parts = {"first": items[:tenth], "last": items[-tenth:]}
    best = dict.fromkeys(parts, float("inf"))
    with tempfile.TemporaryDirectory() as place:
        for turn in range(12):
            for name, part in parts.items():
                some = tuple(part[turn * 8 % tenth :][:256])
                began = time.process_time()
                reader.read(ChunkTask(Path(place) / "chunk.arrow", 0, some))
                best[name] = min(best[name], (time.process_time() - began) / len(some))
    print(f"reading by turns          {best['first'] / best['last']:.2f} last / first   (target: 1)")


def children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def rate(read: list[tuple[float, float, int]], column: int, low: int, high: int) -> float:
    """Return chunks per second between these counts, by the clock (0) or by processor time (1)."""
    begin = max(sample for sample in read if sample[2] <= low)
    end = min(sample for sample in read if sample[2] >= high)
    took = end[column] - begin[column]
    return (end[2] - begin[2]) / took if took else float("nan")


if __name__ == "__main__":
    main()
