"""Opening a built track, and the arrays beside its shards."""

import os
import subprocess
import sys

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fsdl_bench.errors import BadInput
from fsdl_bench.paths import tracks_dir
from fsdl_bench.tracks.arrays import Arrays
from fsdl_bench.tracks.manifest import read_manifest
from fsdl_bench.tracks.sidecar import open_arrays, shards, write_arrays
from fsdl_bench.tracks.track import built_tracks, load_track

SONGS = {
    "train": {"a": ["mi lo", "na su", "ve"], "b": ["ra do\nki"]},
    "validation": {"c": ["sol"]},
    "test": {"d": ["ten", "lai"]},
}


@pytest.fixture
def folder(write_track):
    return write_track(SONGS)


@pytest.fixture
def home_folder(folder):
    """The same track in the place where `load_track` looks for it by name."""
    tracks_dir().mkdir(parents=True)
    return folder.rename(tracks_dir() / "toy")


def arrow(folder, split="train"):
    return folder / ".arrays" / f"{split}.arrow"


def test_it_holds_what_the_shards_hold(folder):
    for split in SONGS:
        rows = [row for name in sorted(folder.glob(f"{split}-*")) for row in pq.read_table(name).to_pylist()]
        frame = load_track(folder, split).to_pandas()
        assert [row | {"tokens": row["tokens"].tolist()} for row in frame.to_dict("records")] == [
            {name: row[name] for name in frame.columns} for row in rows
        ]


def test_pandas_and_polars_read_the_same_from_the_folder_as_it_stands(folder):
    for split in SONGS:
        songs = list(load_track(folder, split))
        frame = pl.read_parquet(folder / f"{split}-*.parquet")
        assert frame["song_id"].to_list() == [song.id for song in songs]
        assert frame["tokens"].to_list() == [song.tokens.tolist() for song in songs]
        shards = [pd.read_parquet(path) for path in sorted(folder.glob(f"{split}-*.parquet"))]
        assert pd.concat(shards)["text"].tolist() == [song.text for song in songs]


def test_a_track_says_what_it_is(folder):
    track = load_track(folder)
    assert (track.name, track.kind, track.splits) == ("toy", "lyrics", ("train", "validation", "test"))
    assert track.codec.name == "words-v1"
    assert track.definition.min_songs == 9
    assert track.digest == track.train.digest == track.manifest.digest
    assert [len(split) for split in (track.train, track.validation, track.test)] == [4, 1, 2]
    assert track["train"] is track.train
    assert repr(track) == (
        "<Track toy (lyrics): train 2 artists 4 songs, validation 1 artists 1 songs, test 1 artists 2 songs>"
    )


def test_in_a_notebook_a_track_is_a_table(folder):
    html = load_track(folder)._repr_html_()
    count = load_track(folder).manifest.counts["train"]
    assert f"<tr><td>train</td><td>2</td><td>4</td><td>{count.tokens}</td><td>{count.units}</td></tr>" in html
    assert html.count("<tr>") == 4


def test_by_name_and_by_path(home_folder, monkeypatch):
    assert load_track("toy").path == home_folder
    assert built_tracks() == ["toy"]
    other = home_folder.rename(home_folder.parents[1] / "elsewhere")
    assert load_track(other).name == load_track(str(other)).name == "toy"
    monkeypatch.chdir(other.parent)
    assert load_track("elsewhere").name == load_track("./elsewhere").name == "toy"
    assert built_tracks() == []


def test_an_unknown_name_brings_the_closest(home_folder):
    with pytest.raises(BadInput, match=r"no track 'tay'\. Did you mean toy\? .* Built tracks: toy"):
        load_track("tay")


def test_a_track_that_is_not_built_brings_the_command(home_folder):
    with pytest.raises(BadInput, match=r"`fsdl-bench build midi-synthetic`\. Built tracks: toy"):
        load_track("midi-synthetic")
    with pytest.raises(BadInput, match="`fsdl-bench build midi-lakh --from DIR`"):
        load_track("midi-lakh")


def test_an_unknown_split_brings_the_splits(folder):
    with pytest.raises(BadInput, match="no split 'tset'; it has train, validation, test"):
        load_track(folder, "tset")


def test_a_split_without_songs_is_empty(write_track):
    track = load_track(write_track({"train": SONGS["train"]}))
    assert track.splits == ("train",)
    assert (len(track.validation), list(track.validation.artists)) == (0, [])
    assert track.validation.codec.name == track.codec.name


def test_a_folder_that_is_no_track(tmp_path):
    with pytest.raises(BadInput, match="not a built track"):
        load_track(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(BadInput, match=r"manifest\.json is damaged"):
        load_track(tmp_path)


def test_a_kill_between_the_two_renames_of_a_rebuild_is_undone(home_folder):
    home_folder.rename(home_folder.parent / ".toy.old")
    assert load_track("toy").name == "toy"


def test_the_arrays_are_made_once(folder):
    load_track(folder, "train")
    assert arrow(folder).is_file()
    assert not arrow(folder, "test").exists(), "only the split that was asked for"
    before = arrow(folder).stat()
    load_track(folder, "train")
    assert arrow(folder).stat() == before


def test_the_build_makes_all_arrays(folder):
    write_arrays(folder, read_manifest(folder))
    arrows = {f"{split}.arrow" for split in SONGS}
    assert {path.name for path in (folder / ".arrays").iterdir()} == arrows | {f"{a}.xxh3" for a in arrows}


def test_arrays_of_another_build_are_replaced(folder, write_track):
    load_track(folder, "train")
    old = arrow(folder).read_bytes()
    write_track(SONGS | {"train": {"a": ["hadri"]}})  # the same folder, another content
    assert arrow(folder).read_bytes() == old
    assert [song.text for song in load_track(folder, "train")] == ["hadri"]


@pytest.mark.parametrize("damage", [b"", b"ARROW1\0\0 and nothing", None])
def test_arrays_that_cannot_be_read_are_replaced(folder, damage):
    load_track(folder, "train")
    whole = arrow(folder).read_bytes()
    arrow(folder).write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    assert len(load_track(folder, "train")) == 4
    assert arrow(folder).read_bytes() == whole


def test_arrays_go_to_the_home_where_the_folder_cannot_be_written(folder, own_home):
    (folder / ".arrays").write_text("in the way of a folder of this name")
    split = load_track(folder, "train")
    assert len(split) == 4
    (cached,) = own_home.glob("arrays/*/train.arrow")
    before = cached.stat()
    load_track(folder, "train")
    assert cached.stat() == before, "found again, not made again"


# Root ignores file permissions. The next program obeys them once PR_CAPBSET_DROP (24) has taken
# CAP_DAC_OVERRIDE (1) away.
OBEYING_PERMISSIONS = """
import ctypes, os, sys
if os.geteuid() == 0 and ctypes.CDLL(None).prctl(24, 1) != 0:
    sys.exit("cannot drop CAP_DAC_OVERRIDE")
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX permissions")
def test_arrays_of_a_read_only_folder(folder, own_home):
    load = """
import sys
from pathlib import Path
from fsdl_bench.tracks.track import load_track
folder = Path(sys.argv[1])
try:
    (folder / "probe").touch()
except PermissionError:
    print(len(load_track(folder, "train")))
"""
    command = [sys.executable, "-c", OBEYING_PERMISSIONS, "-c", load, str(folder)]
    folder.chmod(0o555)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        folder.chmod(0o755)
    assert (done.returncode, done.stdout) == (0, "4\n"), done.stderr
    assert list(own_home.glob("arrays/*/train.arrow"))
    assert not arrow(folder).exists()


def test_arrays_are_not_made_from_a_changed_shard(folder):
    shard = folder / "train-00001-of-00002.parquet"
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    with pytest.raises(BadInput, match=r"train-00001-of-00002\.parquet was changed or damaged"):
        load_track(folder, "train")
    assert not arrow(folder).exists()
    shard.unlink()
    with pytest.raises(BadInput, match=r"train-00001-of-00002\.parquet is missing"):
        load_track(folder, "train")


def test_many_rows_are_written_in_bounded_batches(folder, monkeypatch):
    monkeypatch.setattr("fsdl_bench.tracks.sidecar._BATCH_ROWS", 2)
    write_arrays(folder, read_manifest(folder))
    with pa.memory_map(str(arrow(folder))) as source:
        batches = pa.ipc.open_file(source).num_record_batches
    assert batches == 2
    assert [song.text for song in load_track(folder, "train").artist("a").songs] != []
    assert Arrays.open(arrow(folder)).artist_starts().tolist() == [0, 3, 4]


def test_shards_are_read_in_order(folder):
    manifest = read_manifest(folder)
    assert shards(manifest, "test") == ["test-00000-of-00002.parquet", "test-00001-of-00002.parquet"]
    arrays = open_arrays(folder, manifest, "train")
    ids = [arrays.value("song_id", row) for row in range(len(arrays))]
    assert ids == [
        row["song_id"]
        for name in shards(manifest, "train")
        for row in pq.read_table(folder / name).to_pylist()
    ]
