"""What a tracker records, and what it does not."""

import os
import shutil
from pathlib import Path

import torch

from fsdl_bench.paths import home
from fsdl_bench.submissions.inputs import Input, Tracker, first_change
from fsdl_bench.submissions.watch import recording


def test_a_file_that_changes_while_it_is_in_use_is_not_taken_for_the_new_one(tmp_path):
    file = tmp_path / "w.txt"
    file.write_text("1")
    tracker = Tracker(tmp_path)
    with recording(tracker):
        file.read_text()
    file.write_text("22")
    (one,) = tracker.inputs()
    assert first_change([one]) == f"{file} changed"


def test_libraries_python_and_the_harness_are_not_recorded(tmp_path):
    tracker = Tracker(tmp_path)
    with recording(tracker):
        Path(torch.__file__).read_bytes()
        Path(os.__file__).exists()
        Path("/proc/self/status").read_text() if Path("/proc").exists() else None
        (home() / "tracks").exists()
    assert tracker.inputs() == ()


def test_the_functions_behind_exists_are_put_back(tmp_path):
    before = os.stat, os.lstat, os.access
    with recording(Tracker(tmp_path)):
        assert os.stat is not before[0]
        assert os.stat in os.supports_follow_symlinks
        shutil.copytree(Path(__file__).parent, tmp_path / "copy")
        with recording(Tracker(tmp_path)):
            (tmp_path / "copy").exists()
        assert os.stat is not before[0]
    assert before == (os.stat, os.lstat, os.access)


def test_a_missing_and_a_new_file_are_named(tmp_path):
    gone = Input(path=str(tmp_path / "gone"), kind="file", state="ab")
    (tmp_path / "new").write_text("x")
    new = Input(path=str(tmp_path / "new"), kind="lookup", state="absent")
    assert first_change([gone]) == f"{tmp_path / 'gone'} is missing"
    assert first_change([new]) == f"{tmp_path / 'new'} is new"
    assert first_change([]) == ""
