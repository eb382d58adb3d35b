"""Folders that a build or an export may replace: those that it has written, damaged or not."""

import json
import shutil

import pytest

from fsdl_bench.errors import BadInput
from fsdl_bench.tracks.ownership import refuse_other_track_folder

SONGS = {"train": {"a": ["mi lo", "na su"]}, "test": {"b": ["ten lai", "ra do"]}}


@pytest.mark.parametrize("damage", ["", "{", '{"format": '])
def test_an_older_build_is_accepted_even_if_damaged(write_track, damage):
    folder = write_track(SONGS)
    if damage:
        (folder / "manifest.json").write_text(damage)
    refuse_other_track_folder(folder, "toy")


def test_a_file_of_a_user_in_a_track_is_not_ours(write_track):
    folder = write_track(SONGS)
    (folder / "notes.txt").write_text("x")
    with pytest.raises(BadInput, match=r"an earlier build of toy, found notes\.txt in it"):
        refuse_other_track_folder(folder, "toy")


@pytest.mark.parametrize("manifest", ['{"manifest_version": 3}', "[]", "{", "{}"])
def test_a_manifest_of_something_else_is_no_track(tmp_path, manifest):
    (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(BadInput, match=r"found manifest\.json in it"):
        refuse_other_track_folder(tmp_path, "toy")


def test_another_track_is_not_replaced(write_track):
    with pytest.raises(BadInput, match="found the track toy"):
        refuse_other_track_folder(write_track(SONGS), "other")


def test_shards_without_a_manifest_are_no_track(write_track):
    folder = write_track(SONGS)
    assert json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").unlink()
    with pytest.raises(BadInput, match="parquet"):
        refuse_other_track_folder(folder, "toy")
    shutil.rmtree(folder)
    refuse_other_track_folder(folder, "toy")
