"""Time and memory that a new process needs to open a track of 200,000 songs and draw one episode's songs.

    python benchmarks/load.py [TRACK]
    python benchmarks/load.py --verification lyrics-verse midi-scores

TRACK is the folder of a built track, such as the one that `scale.py` makes. Without it, the benchmark writes
one: 8,000 artists with 25 songs each, of 100-512 notes. Every figure is the median of five child processes,
imports included. Before the runs called cold, the track's files are dropped from the page cache. The baseline
is what one would write without the loader: `pandas.read_parquet` of the split's shards, grouped by artist.

With --verification, the benchmark measures what checking the checksums adds to opening all splits of built
tracks, given by name or folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from hashlib import blake2b
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fsdl_bench import load_track
from fsdl_bench.paths import atomic_directory, home
from fsdl_bench.tracks.artists import split_of
from fsdl_bench.tracks.definition import parse_definition
from fsdl_bench.tracks.manifest import (
    FORMAT_VERSION,
    Manifest,
    SplitCounts,
    file_entry,
    read_manifest,
    write_manifest,
)
from fsdl_bench.tracks.rows import row_schema
from fsdl_bench.tracks.sidecar import write_arrays

ARTISTS, SONGS = 8_000, 25
SECONDS, MEBIBYTES = 1.0, 300
RUNS = 5
SHIFT, NOTE, DUR, EOS = 8, 108, 2284, 2

LOADER = """
from fsdl_bench import load_track
track = load_track(PATH)
test = track.test
opened = time.perf_counter()
artist = test.artists[0]
songs = sorted(artist.songs, key=lambda song: hashlib.blake2b(song.id.encode()).digest())
drawn = [song.tokens.sum() for song in songs[:9]]
"""

OPEN = """
from fsdl_bench import load_track
import pyarrow, xxhash, fsdl_bench.tracks.sidecar
imported = time.perf_counter()
track = load_track(PATH)
splits = [track[name] for name in track.splits]
opened = begun + time.perf_counter() - imported
"""

TRUSTING = """
import fsdl_bench.tracks.arrays
fsdl_bench.tracks.arrays.intact_checksum = lambda path, expected=None: "unchecked"
"""

EPISODES = """
from fsdl_bench import load_track
from fsdl_bench.episodes import evaluation_episodes
track = load_track(PATH)
opened = time.perf_counter()
episodes = evaluation_episodes(track.test, track.definition)
drawn = [song.tokens.sum() for song in (*episodes[0].query, *episodes[0].support)]
"""

PANDAS = """
import pandas as pd
frame = pd.concat(pd.read_parquet(path) for path in sorted(pathlib.Path(PATH).glob("test-*.parquet")))
opened = time.perf_counter()
_, rows = next(iter(frame.groupby("artist_key")))
rows = rows.sort_values("song_id", key=lambda ids: ids.map(lambda i: hashlib.blake2b(i.encode()).digest()))
drawn = [tokens.sum() for tokens in rows["tokens"][:9]]
"""

CHILD = """
import time; begun = time.perf_counter()
import hashlib, json, os, pathlib, re, sys
PATH = sys.argv[1]
{body}
done = time.perf_counter()
print(json.dumps({{"open": opened - begun, "draw": done - opened, "cpu": sum(os.times()[:2]),
    "mebibytes": int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024,
    "heavy": [name for name in ("torch", "pandas", "pyarrow.dataset") if name in sys.modules]}}))
"""


def write_track(folder: Path) -> None:
    """Write a track of random canonical MIDI songs: shards, manifest and arrays."""
    rng = np.random.default_rng(0)
    groups: dict[str, list[list[dict[str, object]]]] = {"train": [], "validation": [], "test": []}
    for number in range(ARTISTS):
        key = f"artist {number:05d}"
        rows = [song(rng, key) for _ in range(SONGS)]
        groups[split_of(key)].append(sorted(rows, key=lambda row: str(row["song_id"])))
    for split, artists in groups.items():
        path = folder / f"{split}-00000-of-00001.parquet"
        with pq.ParquetWriter(path, row_schema("midi"), compression="zstd") as writer:
            for rows in artists:
                writer.write_table(pa.Table.from_pylist(rows, schema=row_schema("midi")))
    table = {"name": "load", "kind": "midi", "codec": "note10ms-v1", "sources": [{"source": "folder"}]}
    manifest = Manifest(
        format=FORMAT_VERSION,
        name="load",
        kind="midi",
        codec="note10ms-v1",
        digest="0" * 64,  # not used here
        files={path.name: file_entry(path) for path in folder.iterdir()},
        counts={split: counts(artists) for split, artists in groups.items()},
        rejected={},
        software={},
        seconds=0.0,
        definition=parse_definition(table, "this benchmark"),
    )
    write_manifest(folder, manifest)
    write_arrays(folder, manifest)


def song(rng: np.random.Generator, key: str) -> dict[str, object]:
    """Return a row whose notes of 10 ms follow one another."""
    notes = int(rng.integers(100, 513))
    tokens = np.empty((notes, 3), np.uint16)
    tokens[:, 0] = SHIFT + rng.integers(0, 100, notes)
    tokens[:, 1] = NOTE + rng.integers(0, 128, notes)
    tokens[:, 2] = DUR
    flat = np.append(tokens.ravel()[1:], EOS).astype(np.uint16)
    song_id = blake2b(flat.tobytes(), digest_size=16).hexdigest()
    strings = {"song_id": song_id, "artist": key.title(), "artist_key": key, "title": f"Song {song_id[:6]}"}
    strings |= {"work": song_id, "licence": "CC0-1.0", "source": "folder", "origin": f"{key}/{song_id}.mid"}
    return strings | {"tokens": flat, "units": notes}


def counts(artists: list[list[dict[str, object]]]) -> SplitCounts:
    """Return the size of one split."""
    rows = [row for rows in artists for row in rows]
    tokens = [len(np.asarray(row["tokens"])) for row in rows]
    units = [int(str(row["units"])) for row in rows]
    return SplitCounts(
        artists=len(artists),
        songs=len(rows),
        works=len(rows),
        tokens=sum(tokens),
        units=sum(units),
        median_tokens=float(np.median(tokens)),
        median_units=float(np.median(units)),
    )


def measure(body: str, track: Path, cold: bool) -> SimpleNamespace:
    """Run a child process five times, timed from outside. Return the median run."""
    runs = []
    for _ in range(RUNS):
        if cold:
            forget(track)
        begun = time.perf_counter()
        command = [sys.executable, "-c", CHILD.format(body=body), str(track)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        runs.append(SimpleNamespace(seconds=time.perf_counter() - begun, **json.loads(output)))
    return sorted(runs, key=lambda run: run.seconds)[RUNS // 2]


def forget(track: Path) -> None:
    """Drop the track's files from the page cache."""
    for path in track.rglob("*"):
        if path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
                os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def verification(names: list[str]) -> None:
    """Print how long opening all splits takes with and without checking their checksums."""
    for name in names:
        track = load_track(name)
        size = sum(track[split]._arrays.path.stat().st_size for split in track.splits) / 2**20
        print(f"{track.name}: {len(track.splits)} splits, arrays of {size:,.1f} MiB")
        for when, cold in (("cold", True), ("warm", False)):
            checked = measure(OPEN, track.path, cold)
            trusting = measure(TRUSTING + OPEN, track.path, cold)
            extra = 1000 * (checked.open - trusting.open)
            print(
                f"  {when}: {1000 * checked.open:6.1f} ms checked, {1000 * trusting.open:6.1f} ms unchecked, "
                f"difference {extra:.1f} ms, processes of {checked.seconds:.2f} and {trusting.seconds:.2f} s"
            )


def main() -> None:
    """Measure, print, and fail if a target is missed."""
    if sys.argv[1:2] == ["--verification"]:
        return verification(sys.argv[2:])
    track = Path(sys.argv[1]) if len(sys.argv) > 1 else home() / "benchmarks" / "load"
    if not (track / "manifest.json").exists():
        print(f"writing {ARTISTS * SONGS:,} songs to {track} ...", file=sys.stderr)
        with atomic_directory(track) as folder:
            write_track(folder)
    split = read_manifest(track).counts
    size = sum(path.stat().st_size for path in track.glob(".arrays/*")) / 2**20
    print(f"{track}: {sum(count.songs for count in split.values()):,} songs, arrays of {size:,.0f} MiB")
    print(f"{'':42}{'seconds':>8}{'cpu':>8}{'open':>8}{'draw':>8}{'MiB':>7}  heavy imports")
    measure(LOADER, track, cold=False)  # the files of the imported modules are in the page cache for all
    results = {}
    for label, body, cold in [
        ("load_track, one episode's songs, cold", LOADER, True),
        ("load_track, one episode's songs, warm", LOADER, False),
        ("load_track, all evaluation episodes, cold", EPISODES, True),
        ("pandas.read_parquet and groupby, cold", PANDAS, True),
    ]:
        found = results[label] = measure(body, track, cold)
        print(
            f"{label:42}{found.seconds:8.2f}{found.cpu:8.2f}{found.open:8.2f}{found.draw:8.2f}{found.mebibytes:7.0f}"
            f"  {', '.join(found.heavy) or 'none'}"
        )
    ours, _, _, plain = results.values()
    print(
        f"pandas / load_track: {plain.seconds / ours.seconds:.1f} x the time, "
        f"{plain.mebibytes / ours.mebibytes:.1f} x the memory"
    )
    missed = ours.seconds >= SECONDS or ours.mebibytes >= MEBIBYTES or ours.heavy
    print(f"target (under {SECONDS:.0f} s, under {MEBIBYTES} MiB): {'MISSED' if missed else 'reached'}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
