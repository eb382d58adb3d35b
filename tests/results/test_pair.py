"""A result's two files under kills: the reader always gets the old result or the new one."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fsdl_bench import paths
from fsdl_bench.errors import BadInput
from fsdl_bench.results import pair, read_result, write_result

KILLS = 120

PROGRAM = """
import os, random, signal, sys, time
from pathlib import Path
from fsdl_bench.results import read_result
from fsdl_bench.results.pair import write_pair

folder, kills = Path(sys.argv[1]), int(sys.argv[2])
path = folder / "r.json"
contents = [((folder / f"{n}.json").read_text(), (folder / f"{n}.rows.parquet").read_bytes()) for n in "ab"]
contents = [(text.replace(f'"{n}.rows', '"r.rows'), rows) for n, (text, rows) in zip("ab", contents)]
write_pair(path, *contents[0])
random.seed(int(sys.argv[3]))
found = {"mixed": 0}
for kill in range(kills):
    child = os.fork()
    if not child:
        while True:
            for content in contents[::-1]:
                write_pair(path, *content)
    time.sleep(0.005 + 0.03 * random.random())
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    name = Path(read_result(path).result.submission.name)
    found[str(name)] = found.get(str(name), 0) + 1
    beside = (folder / "r.rows.parquet").read_bytes()
    assert beside == dict(zip("ab", (rows for _, rows in contents)))[str(name)], "the move was not finished"
print(found)
"""


@pytest.fixture
def two(some_rows, a_run, tmp_path):
    """The folder of results `a` and `b`, each of a model of that name."""
    for artists, name in ((2, "a"), (3, "b")):
        submission = a_run().submission.model_copy(update={"name": name})
        write_result(tmp_path / f"{name}.json", a_run(submission=submission), some_rows(artists, (0, 5)))
    return tmp_path


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_random_kills_leave_the_old_result_or_the_new(two):
    command = [sys.executable, "-c", PROGRAM, str(two), str(KILLS), "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert "'a'" in done.stdout
    assert "'b'" in done.stdout


class Killed(BaseException):
    """Stands for SIGKILL: nothing that catches Exception survives it."""


@pytest.mark.parametrize("step", range(4))
def test_a_kill_after_each_step(two, monkeypatch, step):
    """Step 0: nothing was replaced; 1: rows staged; 2: JSON replaced; 3: staged rows in place."""
    path = two / "a.json"
    old, new = read_result(path), read_result(two / "b.json")
    text = (two / "b.json").read_text().replace('"b.rows', '"a.rows')
    steps = iter(range(4))

    real_replace = Path.replace

    def replace(self, target):
        if next(steps) == step:
            raise Killed
        return real_replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        if step == 3:
            patch.setattr(Path, "glob", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            pair.write_pair(path, text, (two / "b.rows.parquet").read_bytes())
    expected = old if step < 2 else new
    for _ in range(2):
        found = read_result(path)
        assert found.result.submission.name == expected.result.submission.name
        assert found.rows.equals(expected.rows)
        beside = path.with_name("a.rows.parquet").read_bytes()
        assert hashlib.sha256(beside).hexdigest() == found.result.rows.sha256, "the reader finished the move"
    pair.write_pair(path, text, (two / "b.rows.parquet").read_bytes())
    assert not list(two.glob(".*")), "the next write cleans up"


def test_a_folder_that_cannot_be_written_is_read_all_the_same(two, monkeypatch):
    path = two / "a.json"
    staged = pair._staged(path, json.loads(path.read_text())["rows"]["sha256"])
    path.with_name("a.rows.parquet").rename(staged)

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(Path, "replace", refuse)
    assert read_result(path).result.submission.name == "a"
    assert staged.exists()


def test_staged_rows_that_are_damaged_are_not_used(two):
    path = two / "a.json"
    staged = pair._staged(path, json.loads(path.read_text())["rows"]["sha256"])
    beside = path.with_name("a.rows.parquet")
    data = bytearray(beside.read_bytes())
    beside.unlink()
    data[100] ^= 1
    staged.write_bytes(data)
    with pytest.raises(BadInput, match=r"a\.rows\.parquet: the song rows of a\.json cannot be read"):
        read_result(path)


def test_a_result_that_is_replaced_while_it_is_read(two, monkeypatch):
    """The reader takes the old JSON; both files are replaced before it looks for the rows."""
    path = two / "a.json"
    text, rows = (two / "b.json").read_text(), (two / "b.rows.parquet").read_bytes()
    looks = pair.rows_of
    calls = []

    def replaced_first(*args):
        if not calls:
            pair.write_pair(path, text.replace('"b.rows', '"a.rows'), rows)
        calls.append(args)
        return looks(*args)

    monkeypatch.setattr("fsdl_bench.results.files.rows_of", replaced_first)
    assert read_result(path).result.submission.name == "b"
    assert len(calls) == 2


def test_a_home_that_cannot_be_written_stops_no_writer(two, monkeypatch):
    monkeypatch.setattr(pair, "home", lambda: two / "a.json" / "home")
    pair.write_pair(two / "c.json", "{}", b"")
    assert (two / "c.json").read_text() == "{}"
    assert paths.home() != pair.home()


def test_two_writers_take_turns(two):
    from filelock import FileLock

    path = two / "a.json"
    staged = pair._staged(path, json.loads(path.read_text())["rows"]["sha256"])
    path.with_name("a.rows.parquet").rename(staged)
    with FileLock(pair.home() / "results.lock"):
        assert read_result(path).result.submission.name == "a"
        assert staged.exists(), "a reader does not move rows while another process writes"
    read_result(path)
    assert not staged.exists()
