"""Damaged arrays are made again from the shards, and never change what is read."""

import random
import subprocess
import sys

import pytest

from fsdl_bench.checked import is_intact, sum_file
from fsdl_bench.errors import BadInput
from fsdl_bench.tracks.track import load_track

SONGS = {
    "train": {"a": ["mi lo", "na su", "ve"], "b": ["ra do\nki"]},
    "validation": {"c": ["sol"]},
    "test": {"d": ["ten", "lai"]},
}
FLIPS = 150


@pytest.fixture
def folder(write_track):
    return write_track(SONGS)


def rows(folder) -> list[tuple]:
    return [
        (song.id, song.artist, song.text, song.units, song.tokens.tolist())
        for song in load_track(folder, "train")
    ]


def flipped(data: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(data)
    damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def test_flipped_bits_never_change_a_row(folder, capsys):
    expected = rows(folder)
    path = folder / ".arrays" / "train.arrow"
    whole = path.read_bytes()
    rng = random.Random(13)
    for flip in range(FLIPS):
        path.write_bytes(flipped(whole, rng))
        assert rows(folder) == expected
        assert path.read_bytes() == whole, "made again"
        assert is_intact(path)
        assert capsys.readouterr().err.count(f"{path} is damaged") == 1, flip


def test_a_damaged_or_missing_checksum_makes_the_arrays_again(folder, capsys):
    expected = rows(folder)
    path = folder / ".arrays" / "train.arrow"
    for damage in ("0" * 32, "", None):
        sum_file(path).unlink() if damage is None else sum_file(path).write_text(damage)
        assert rows(folder) == expected
        assert "has no checksum; it is made again" in capsys.readouterr().err
        assert is_intact(path)
    assert rows(folder) == expected
    assert capsys.readouterr().err == ""


def test_damaged_arrays_in_the_home_are_made_again_too(folder, own_home, capsys):
    (folder / ".arrays").write_text("in the way of a folder of this name")
    expected = rows(folder)
    (path,) = own_home.glob("arrays/*/train.arrow")
    path.write_bytes(flipped(path.read_bytes(), random.Random(1)))
    assert rows(folder) == expected
    assert f"{path} is damaged" in capsys.readouterr().err


def test_flipped_bits_in_the_manifest_are_noticed_or_harmless(folder):
    expected, digest = rows(folder), load_track(folder).digest
    path = folder / "manifest.json"
    whole = path.read_bytes()
    rng = random.Random(5)
    noticed = 0
    for _ in range(FLIPS):
        path.write_bytes(flipped(whole, rng))
        try:
            found = rows(folder), load_track(folder).digest
        except BadInput:
            noticed += 1
        else:
            assert found == (expected, digest)
    assert noticed > 0.9 * FLIPS, "only white space may change unnoticed"


def test_a_manifest_of_the_first_version_has_no_checksum_and_is_read(folder):
    from fsdl_bench.tracks.manifest import read_manifest

    manifest = read_manifest(folder)
    (folder / "manifest.json").write_text(manifest.model_dump_json())
    assert read_manifest(folder) == manifest


def test_what_is_read_is_what_was_compared(write_track, own_home):
    """A rebuild that replaces the folder after the comparison does not change what the reader gets."""
    from fsdl_bench.tracks.manifest import read_manifest
    from fsdl_bench.tracks.sidecar import shards, verified

    one, two = (
        write_track({"train": {"a": [text]}, "test": {"b": ["ki"]}}, name=text) for text in ("mi", "lo")
    )
    manifest = read_manifest(one)
    name = shards(manifest, "train")[-1]
    before = (one / name).read_bytes()
    with verified(one, manifest, name) as stream:
        one.rename(own_home / "old")
        two.rename(one)
        assert stream.read() == before
    with pytest.raises(BadInput, match="changed or damaged"), verified(one, manifest, name):
        pass


SWAPS = """
import shutil, sys
from pathlib import Path
from fsdl_bench.paths import atomic_directory
builds, target = [Path(name) for name in sys.argv[1:3]], Path(sys.argv[3])
for number in range(int(sys.argv[4])):
    with atomic_directory(target) as folder:
        shutil.copytree(builds[number % 2], folder, dirs_exist_ok=True)
"""


@pytest.mark.parametrize("with_arrays", [True, False])
def test_loading_while_another_process_swaps_hundreds_of_times(write_track, own_home, with_arrays):
    """Without arrays, the reader writes into the folder while it is being replaced."""
    builds = [
        write_track({"train": {"a": texts}, "test": {"b": ["ki"]}}, name=name)
        for name, texts in (("one", ["mi lo", "na su"]), ("two", ["ra", "do", "ki", "sol"]))
    ]
    found = {}
    for build in builds:
        track = load_track(build)
        found[track.digest] = sorted(song.text for song in track.train)
    for build in builds if not with_arrays else []:
        for path in (build / ".arrays").iterdir():
            path.unlink()
        (build / ".arrays").rmdir()
    target = own_home / "tracks" / "toy"
    swaps = 400
    command = [sys.executable, "-c", SWAPS, *map(str, [*builds, target, swaps])]
    loads, seen = 0, set()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as writer:
        while writer.poll() is None:
            if not seen and not target.exists():
                continue  # the first swap is still to come
            split = load_track("toy", "train")
            assert sorted(song.text for song in split) == found[split.digest]
            seen.add(split.digest)
            loads += 1
        assert (writer.returncode, writer.stderr.read()) == (0, "")
    assert seen == set(found)
    assert loads > 50
    assert sorted(path.name for path in target.parent.iterdir()) == ["toy"]
