"""Atomic writes: what a kill leaves, what is swept, and the modes of files."""

import os
import subprocess
import sys
import time

import pytest

from fsdl_bench import paths
from fsdl_bench.paths import atomic_directory, atomic_file, atomic_write, recover_directory, sweep

KILLED = """
import os, signal, sys
from pathlib import Path
from fsdl_bench import paths
target = Path(sys.argv[2])
with getattr(paths, sys.argv[1])(target) as temporary:
    (temporary / "half" if temporary.is_dir() else temporary).write_text("half")
    print("ready", flush=True)
    if sys.argv[3] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.stdin.read()
"""


def writer(function: str, target, end: str) -> subprocess.Popen:
    """A process that stops in the middle of a write: killed, or waiting for its input to end."""
    return subprocess.Popen(
        [sys.executable, "-c", KILLED, function, str(target), end],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("function", ["atomic_file", "atomic_directory"])
@pytest.mark.parametrize("again", ["atomic_file", "atomic_directory"])
def test_the_next_write_removes_what_a_killed_one_left(tmp_path, function, again):
    with writer(function, tmp_path / "one", "kill") as process:
        process.wait(60)
    assert [name for name in names(tmp_path) if name.startswith(".one-") and name.endswith(".part")]
    with getattr(paths, again)(tmp_path / "two"):
        pass
    assert names(tmp_path) == ["two"]


@pytest.mark.parametrize("function", ["atomic_file", "atomic_directory"])
def test_what_another_process_is_writing_is_left_alone(tmp_path, function):
    with writer(function, tmp_path / "one", "wait") as process:
        assert process.stdout.readline() == "ready\n"
        sweep(tmp_path)
        atomic_write(tmp_path / "one.txt", "mine")
        assert any(name.endswith(".part") for name in names(tmp_path))
        process.stdin.close()
        assert process.wait(60) == 0
    target = tmp_path / "one"
    assert (target if target.is_file() else target / "half").read_text() == "half"


def test_only_names_of_our_own_are_swept(tmp_path):
    dead = 2**22 + 1  # above the largest process id of Linux and macOS
    ours = f".x-01234567.{paths._host()}.{dead}.1.part"
    others = ["x.part", ".x.part", f"{ours}.txt", ours[1:], f".x.{paths._host()}.{dead}.1.part"]
    for name in (ours, *others):
        (tmp_path / name).touch()
    sweep(tmp_path)
    assert names(tmp_path) == sorted(others)


def test_a_process_id_that_is_used_again_is_another_owner(tmp_path):
    running, started = os.getpid(), paths._started(os.getpid())
    old, own = (f".x-01234567.{paths._host()}.{running}.{when}.part" for when in (started - 3600, started))
    for name in (old, own):
        (tmp_path / name).mkdir()
    sweep(tmp_path)
    assert names(tmp_path) == [own]


def test_files_of_another_computer_are_removed_after_a_week(tmp_path):
    path = tmp_path / f".x-01234567.{'0' * 8}.1.1.part"
    path.touch()
    sweep(tmp_path)
    assert path.exists()
    week_ago = time.time() - 8 * 86_400
    os.utime(path, (week_ago, week_ago))
    sweep(tmp_path)
    assert not path.exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
@pytest.mark.parametrize(
    ("umask", "file", "folder"), [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700), (0, 0o666, 0o777)]
)
def test_modes_follow_the_umask(tmp_path, umask, file, folder):
    before = os.umask(umask)
    try:
        atomic_write(tmp_path / "new" / "file", "x")
        with atomic_directory(tmp_path / "folder") as inside:
            (inside / "file").write_text("x")
    finally:
        os.umask(before)
    modes = {
        path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "new" / "file", tmp_path / "folder")
    }
    assert modes == {"file": file, "folder": folder}


def test_a_failed_block_leaves_the_old_content_and_nothing_else(tmp_path):
    atomic_write(tmp_path / "file", "old")
    with atomic_directory(tmp_path / "folder") as inside:
        (inside / "x").write_text("old")
    for function, name in ((atomic_file, "file"), (atomic_directory, "folder")):
        with pytest.raises(ZeroDivisionError), function(tmp_path / name):
            1 / 0  # noqa: B018
    assert (tmp_path / "file").read_text() == (tmp_path / "folder" / "x").read_text() == "old"
    assert names(tmp_path) == ["file", "folder"]


def test_a_kill_between_the_two_renames_is_undone(tmp_path):
    target, aside = tmp_path / "folder", tmp_path / ".folder.old"
    aside.mkdir()
    (aside / "x").write_text("old")
    assert recover_directory(target)
    assert names(target) == ["x"]
    aside.mkdir()  # a kill after the second rename: the new folder is whole
    assert recover_directory(target)
    assert names(tmp_path) == ["folder"]
    assert not recover_directory(tmp_path / "nothing")
    assert names(tmp_path) == ["folder"], "asking leaves nothing behind"


def test_a_reader_waits_for_a_swap_that_is_under_way(tmp_path):
    """The lock is what keeps a reader from putting the old folder back in the middle of a swap."""
    target = tmp_path / "folder"
    with atomic_directory(target) as inside:
        (inside / "x").write_text("old")
    script = "import sys; from pathlib import Path; from fsdl_bench.paths import recover_directory as r; "
    script += "print('ready', flush=True); print(r(Path(sys.argv[1])))"
    command = [sys.executable, "-c", script, str(target)]
    with paths._swap_lock(target):
        target.rename(tmp_path / ".folder.old")
        reader = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert reader.stdout.readline() == "ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            reader.wait(0.5)
        assert not target.exists(), "the reader has put nothing back"
        (tmp_path / ".folder.old").rename(target)
    assert reader.communicate(timeout=60)[0] == "True\n"


def test_long_names(tmp_path):
    name = "n" * 250
    atomic_write(tmp_path / name, "x")
    for number in range(2):
        with atomic_directory(tmp_path / f"f{name}"[:250]) as inside:
            (inside / str(number)).touch()
    assert names(tmp_path / f"f{name}"[:250]) == ["1"]
    assert names(tmp_path) == sorted([name, f"f{name}"[:250]])
