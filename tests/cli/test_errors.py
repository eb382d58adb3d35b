"""Errors are one message with an exit code, and commands behave as processes should."""

import errno
import os
import signal
import subprocess
import sys
import time

import pytest

from fsdl_bench.errors import BadInput
from fsdl_bench.paths import tracks_dir
from fsdl_bench.tracks.track import load_track


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (BadInput("do this instead"), 2, "Error: do this instead"),
        (KeyboardInterrupt(), 130, "Interrupted."),
        (MemoryError(), 1, "out of memory"),
        (
            OSError(errno.ENOSPC, "No space left on device", "/data/x"),
            1,
            "the disk is full while writing /data/x",
        ),
        *[
            (OSError(number, os.strerror(number), "/data/x"), 2, f"/data/x: {os.strerror(number)}; {advice}")
            for number, advice in {
                errno.EACCES: "choose a place that you may read and write (FSDL_BENCH_HOME or --out)",
                errno.EROFS: "choose a place that you may read and write (FSDL_BENCH_HOME or --out)",
                errno.ENOTDIR: "a file is where a folder is expected",
                errno.EEXIST: "a file is where a folder is expected",
                errno.EISDIR: "a folder is where a file is expected",
                errno.ENAMETOOLONG: "use a shorter name",
                errno.ENOENT: "check the path",
            }.items()
        ],
        (OSError(errno.ESTALE, "Stale file handle", "/data/x"), 2, "/data/x: Stale file handle"),
        (OSError("Arrow says\nthis of /data/x"), 2, "Arrow says this of /data/x"),
    ],
)
def test_what_goes_wrong_is_one_line(cli, toy, monkeypatch, error, code, message):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr("fsdl_bench.tracks.check.check_track", fail)
    result = cli("check", "toy")
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr.startswith(message) or f"Error: {message}" in result.stderr
    assert result.stderr.count("\n") == 1


LONG = "n" * 300


@pytest.mark.parametrize(
    "arguments",
    [
        ["build", LONG],
        ["build", f"/tmp/{LONG}.toml"],
        ["build", "--from", LONG, "--kind", "lyrics", "--name", "mine"],
        ["build", "--from", "POEMS", "--kind", "lyrics", "--name", LONG],
        ["build", "--from", "POEMS", "--kind", "lyrics", "--name", "mine", "--workers", "0", "--out", LONG],
        ["show", LONG],
        ["show", f"./{LONG}"],
        ["check", LONG],
        ["check", f"./{LONG}/{LONG}"],
        ["check", "poems/Poet 0/0.txt"],
        ["show", "./poems/Poet 0/0.txt"],
    ],
)
def test_names_that_no_file_system_takes_are_one_message(cli, poems, arguments, monkeypatch):
    monkeypatch.chdir(poems.parent)
    result = cli(*[str(poems) if argument == "POEMS" else argument for argument in arguments])
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("Error: ")
    assert isinstance(result.exception, SystemExit)


def test_artists_and_titles_of_any_length_are_built_and_shown(cli, tmp_path):
    lines = ["artist,song,text"]
    for artist in range(10):
        lines += [
            f"{LONG}{artist},{LONG}{n},{' '.join(f'w{artist}x{n}y{w}' for w in range(30))}" for n in range(9)
        ]
    (tmp_path / "songs.csv").write_text("\n".join(lines))
    arguments = ["--from", tmp_path / "songs.csv", "--kind", "lyrics", "--name", "mine", "--workers", 0]
    result = cli("build", *arguments)
    assert result.exit_code == 0, result.output
    assert "90 kept" in result.stdout
    assert f"{LONG}0" in cli("show", "mine").stdout


BUILD = ["build", "lyrics-synthetic", "--workers", "0"]


def test_a_home_that_is_a_file(cli, tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.write_text("mine")
    monkeypatch.setenv("FSDL_BENCH_HOME", str(home))
    for arguments in (BUILD, ["show", "toy"], ["check", "toy"]):
        result = cli(*arguments)
        assert result.exit_code == 2, result.output
        assert str(home) in result.stderr
        assert isinstance(result.exception, SystemExit)
    assert f"FSDL_BENCH_HOME is {home}, which is a file" in cli(*BUILD).stderr
    assert cli("list").exit_code == 0
    assert home.read_text() == "mine"


def read_only(*_, **__):
    raise OSError(errno.EROFS, os.strerror(errno.EROFS), "/the/home")


def test_a_read_only_home_can_be_read(cli, toy, monkeypatch):
    """Arrays cannot be written either, so they are there before."""
    assert len(load_track("toy").train) == len(load_track("toy").test) * 12
    monkeypatch.setattr("os.mkdir", read_only)
    monkeypatch.setattr("os.open", read_only)
    for arguments in (["list"], ["show", "toy"], ["check", "toy"]):
        assert cli(*arguments).exit_code == 0, arguments
    result = cli(*BUILD)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: /the/home: Read-only file system; choose a place")


def test_a_defect_of_the_program_is_not_hidden(cli, toy, monkeypatch):
    monkeypatch.setattr("fsdl_bench.tracks.check.check_track", lambda *args, **kwargs: 1 / 0)
    assert isinstance(cli("check", "toy").exception, ZeroDivisionError)


def start(*arguments, **environment) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "fsdl_bench", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | environment,
    )


def test_as_a_process(toy):
    process = start("show", "toi")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert err.startswith("Error: there is no track 'toi'. Did you mean toy?")
    assert err.count("\n") == 1


def test_a_terminal_without_unicode(write_track):
    process = start("show", write_track({"train": {"邓丽君": ["mi lo"]}}), PYTHONIOENCODING="latin-1")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "(\\u9093\\u4e3d\\u541b)" in out


def test_a_closed_pipe_is_no_traceback(toy):
    with start("show", "toy") as process:
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()


def test_ctrl_c_ends_a_build_with_one_line_and_the_rerun_goes_on(many_poems):
    arguments = ["build", "--from", many_poems, "--kind", "lyrics", "--name", "mine", "--workers", "1"]
    process = start(*arguments)
    work = tracks_dir() / ".mine.work"
    deadline = time.monotonic() + 60
    while not work.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    assert err.strip().splitlines()[-1].startswith("Interrupted.")
    assert "Traceback" not in err
    assert not (tracks_dir() / "mine").exists()
    process = start(*arguments)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "2,400 kept" in out
