"""Builds that are interrupted by `kill -9` at any moment, by Ctrl-C, or by a full disk."""

import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fsdl_bench.builder import chunks, pipeline, reading, spill, track_folder
from fsdl_bench.codecs.words import WordsCodec
from fsdl_bench.errors import BadInput
from fsdl_bench.paths import recover_directory, tracks_dir
from fsdl_bench.tracks.manifest import read_manifest
from fsdl_bench.tracks.rows import track_digest

SCRIPT = """
import sys
from pathlib import Path
from fsdl_bench.builder import reading
from fsdl_bench.tracks.definition import user_definition
from fsdl_bench.builder.pipeline import build_track
if __name__ == "__main__":
    reading.CHUNK_SONGS = 20
    definition = user_definition("toy", "lyrics")
    report = build_track(definition, source_dir=Path(sys.argv[1]), workers=1)
    print(report.digest, report.resumed)
"""


def start(folder_: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, folder_],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(folder_: Path) -> tuple[str, int]:
    process = start(folder_)
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    digest, resumed = out.split()
    return digest, int(resumed)


def sound_digest(track: Path) -> str:
    """Return the digest of a track after checking it against the rows."""
    recover_directory(track)
    manifest = read_manifest(track)
    assert track_digest(track, manifest.kind, manifest.codec) == manifest.digest
    return manifest.digest


def test_a_kill_at_any_moment_leaves_the_old_or_the_new(song_folder) -> None:
    songs = song_folder("lyrics", artists=20, songs=10)
    track = tracks_dir() / "toy"
    begun = time.monotonic()
    old, _ = finish(songs)
    took = time.monotonic() - begun
    (songs / "Artist 00" / "new.txt").write_text("one more song by the first of all artists here")
    rng = random.Random(7)
    found = set()
    for attempt in range(4):
        process = start(songs)
        time.sleep(took * (0.5 + 0.12 * attempt + 0.1 * rng.random()))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        found.add(sound_digest(track))
    new, _ = finish(songs)
    assert new != old
    assert found <= {old, new}
    assert sound_digest(track) == new
    assert [path.name for path in track.parent.iterdir() if path.suffix in (".part", ".work", ".old")] == []


class CutShort(Exception):
    pass


def after(calls: int, error: BaseException):
    """Return a function that raises after this number of calls."""
    left = calls

    def check(*_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise error

    return check


def test_a_rerun_goes_on_from_the_chunks_that_are_read(
    song_folder, define, build_quietly, monkeypatch, capsys
) -> None:
    songs = song_folder("lyrics")
    whole = build_quietly(define(), songs, out=tracks_dir() / "other").digest
    monkeypatch.setattr(reading, "CHUNK_SONGS", 20)
    stop = after(3, CutShort())
    write = chunks.write_chunk
    monkeypatch.setattr("fsdl_bench.builder.measuring.write_chunk", lambda *a: (stop(), write(*a)))
    with pytest.raises(CutShort):
        build_quietly(define(), songs)
    monkeypatch.setattr("fsdl_bench.builder.measuring.write_chunk", write)
    report = pipeline.build_track(define(), source_dir=songs, workers=0)
    assert (report.resumed, report.digest) == (60, whole)
    assert "continuing an earlier run: 60 of 120 songs are read" in capsys.readouterr().err
    assert build_quietly(define(), songs).resumed == 0


def test_what_changed_meanwhile_is_read_anew(song_folder, define, build_quietly, monkeypatch) -> None:
    songs = song_folder("lyrics")
    monkeypatch.setattr(reading, "CHUNK_SONGS", 20)
    monkeypatch.setattr(pipeline, "write_folder", after(0, CutShort()))
    with pytest.raises(CutShort):
        build_quietly(define(), songs)
    monkeypatch.setattr(pipeline, "write_folder", track_folder.write_folder)
    changed = songs / "Artist 00" / "00.txt"
    changed.write_text("quite another text than the one that stood here before")
    report = build_quietly(define(), songs)
    assert report.resumed == 100
    assert report.digest == build_quietly(define(), songs, out=tracks_dir() / "afresh").digest
    # Another definition shares nothing with it.
    monkeypatch.setattr(pipeline, "write_folder", after(0, CutShort()))
    with pytest.raises(CutShort):
        build_quietly(define(), songs)
    monkeypatch.setattr(pipeline, "write_folder", track_folder.write_folder)
    assert build_quietly(define(filters={"min_units": 5}), songs).resumed == 0


def test_ctrl_c_leaves_the_old_track_and_what_was_read(
    song_folder, define, build_quietly, monkeypatch
) -> None:
    songs = song_folder("lyrics")
    old = build_quietly(define(), songs).digest
    (songs / "Artist 00" / "new.txt").write_text("one more song by the first of all artists here")
    monkeypatch.setattr(track_folder, "write_splits", after(0, KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        build_quietly(define(), songs)
    track = tracks_dir() / "toy"
    assert sound_digest(track) == old
    assert list(track.parent.glob(".toy*part")) == []
    monkeypatch.undo()


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    "place",
    [
        "fsdl_bench.builder.measuring.write_chunk",
        "fsdl_bench.builder.track_folder.write_splits",
        "fsdl_bench.builder.track_folder.write_arrays",
        "fsdl_bench.builder.selection.near_pairs",
    ],
)
def test_a_full_disk_is_one_line_and_harms_nothing(
    place, song_folder, define, build_quietly, monkeypatch
) -> None:
    songs = song_folder("lyrics")
    old = build_quietly(define(), songs).digest
    track = tracks_dir() / "toy"
    (songs / "Artist 00" / "new.txt").write_text("one more song by the first of all artists here")
    with monkeypatch.context() as patch:
        patch.setattr(place, after(0, FULL))
        with pytest.raises(BadInput, match=r"^the disk of .* is full: free some space.*$") as caught:
            build_quietly(define(), songs)
    assert "\n" not in str(caught.value)
    assert sound_digest(track) == old
    assert list(track.parent.glob(".toy*part")) == []
    assert build_quietly(define(), songs).digest != old


def test_a_disk_that_fills_in_a_worker(song_folder, define, build_quietly, monkeypatch) -> None:
    songs = song_folder("lyrics")
    monkeypatch.setattr("fsdl_bench.sources.folder.Folder", FullDisk)
    with pytest.raises(BadInput, match="is full"):
        build_quietly(define(), songs, workers=1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_disk_that_is_full_in_earnest(song_folder, define, build_quietly, tmp_path, monkeypatch) -> None:
    """Arrow and NumPy report a full disk differently; both must be understood."""
    monkeypatch.setattr(spill, "BUFFER_BYTES", 1)
    place = tmp_path / "scratch"
    place.mkdir()
    (place / "x-00-0.bin").symlink_to("/dev/full")
    full = spill.Spill(place, "x", (np.uint64,), lambda keys: (keys % 2).astype(np.uint8))
    with pytest.raises(OSError, match="No space left") as caught:
        full.add(np.arange(10**6, dtype=np.uint64))
    assert caught.value.errno == errno.ENOSPC

    def fill(path: Path, *_: object) -> None:
        for split in ("train", "validation", "test"):
            (path / f"{split}-00000.part").symlink_to("/dev/full")
        track_folder.write_splits(path, *_)

    songs = song_folder("lyrics")
    with monkeypatch.context() as patch:
        patch.setattr(
            pipeline, "write_folder", lambda path, d, c, s, *_: fill(path, c, s.rows, {}, WordsCodec())
        )
        patch.setattr("fsdl_bench.builder.shards._encoded", lambda table, codec: table)
        with pytest.raises(BadInput, match="is full"):
            build_quietly(define(), songs)
    assert build_quietly(define(), songs).kept == 120


class FullDisk:
    """A source that finds the disk full when it reads."""

    kind = "lyrics"
    rejected: tuple = ()

    def __init__(self, *_: object) -> None:
        pass

    def items(self):
        from fsdl_bench.sources.common.base import Item

        yield from (Item(f"{n}", artist="A", path=f"{n}") for n in range(10))

    def read(self, item):
        raise FULL
