"""The commands for data, through click's runner and as processes."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from fsdl_bench.cli import main
from fsdl_bench.errors import BadInput
from fsdl_bench.paths import tracks_dir
from fsdl_bench.tracks.track import load_track

SONGS = {
    "train": {
        name: [f"mi lo {word} {last}" for word in ("na", "su", "ve")]
        for name, last in {"a": "ra", "b": "do", "c": "ki", "d": "sol"}.items()
    },
    "test": {"e": ["\n".join(["ten lai"] * 15)]},
}


@pytest.fixture
def cli():
    def run(*args):
        return CliRunner().invoke(main, [str(arg) for arg in args])

    return run


@pytest.fixture
def toy(write_track):
    """A track under FSDL_BENCH_HOME that is called toy."""
    folder = write_track(SONGS)
    tracks_dir().mkdir(parents=True)
    return folder.rename(tracks_dir() / "toy")


@pytest.fixture
def poems(tmp_path):
    """A folder of lyrics: 12 poets with 10 poems each, and junk."""
    for poet in range(12):
        folder = tmp_path / "poems" / f"Poet {poet}"
        folder.mkdir(parents=True)
        for number in range(10):
            words = " ".join(f"w{poet}x{number}y{word}" for word in range(40))
            (folder / f"{number}.txt").write_text(words)
    (tmp_path / "poems" / "Poet 0" / "empty.txt").write_text("")
    return tmp_path / "poems"


def test_help_names_the_commands(cli):
    result = cli("--help")
    assert result.exit_code == 0
    assert [name for name in ("build", "list", "show", "check") if f"\n  {name}" in result.output] != []


@pytest.mark.parametrize("command", ["build", "list", "show", "check"])
def test_every_command_has_help(cli, command):
    assert cli(command, "--help").exit_code == 0


def test_a_folder_is_built_shown_and_checked(cli, poems):
    result = cli("build", "--from", poems, "--kind", "lyrics", "--name", "mine", "--workers", 0)
    assert result.exit_code == 0, result.output
    assert "Built mine in" in result.stdout
    assert "121 songs found, 120 kept, 1 left out" in result.stdout
    assert str(tracks_dir() / "mine") in result.stdout
    assert "(not frozen)" in result.stdout
    track = load_track("mine")
    assert sum(len(track[split]) for split in track.splits) == 120
    assert all(len(artist) == 10 for split in track.splits for artist in track[split].artists)
    assert cli("check", "mine").exit_code == 0
    shown = cli("show", "mine").stdout
    assert track.digest in shown
    assert len(re.findall(r"\n\d \(Poet \d+\): [\d,]+ bytes scored, from Poet \d+/\d\.txt\n", shown)) == 3


def test_a_midi_folder_is_built_and_drawn(cli, tmp_path):
    import numpy as np
    import pretty_midi

    rng = np.random.default_rng(0)
    for artist in range(10):
        for number in range(9):
            midi = pretty_midi.PrettyMIDI()
            piano = pretty_midi.Instrument(0)
            piano.notes = [
                pretty_midi.Note(80, int(pitch), i / 4, i / 4 + 0.2)
                for i, pitch in enumerate(rng.integers(30, 90, 40))
            ]
            midi.instruments.append(piano)
            path = tmp_path / "midi" / f"Artist {artist}" / f"{number}.mid"
            path.parent.mkdir(parents=True, exist_ok=True)
            midi.write(str(path))
    result = cli("build", "--from", tmp_path / "midi", "--kind", "midi", "--name", "mine", "--workers", 0)
    assert result.exit_code == 0, result.output
    result = cli("show", "mine", "--images", tmp_path / "images")
    assert result.exit_code == 0, result.output
    images = sorted((tmp_path / "images").iterdir())
    assert [path.name for path in images] == ["mine-1.png", "mine-2.png", "mine-3.png"]
    for path in images:
        assert str(path) in result.stdout
        assert path.read_bytes().startswith(b"\x89PNG")
    assert cli("check", "mine").exit_code == 0


def test_options_of_a_layout(cli, tmp_path):
    lines = ["who,what,words"]
    for artist in range(10):
        lines += [
            f"singer {artist},song {n},{' '.join(f'w{artist}x{n}y{w}' for w in range(30))}" for n in range(9)
        ]
    (tmp_path / "songs.csv").write_text("\n".join(lines))
    arguments = ["--from", tmp_path / "songs.csv", "--kind", "lyrics", "--name", "table", "--workers", 0]
    result = cli("build", *arguments)
    assert result.exit_code == 2
    result = cli("build", *arguments, "--set", "artist_column=who", "--set", "text_column=words")
    assert result.exit_code == 0, result.output
    assert "90 kept" in result.stdout
    recipe = ["lyrics-csv", *arguments[:2], "--workers", 0, "--set", "artist_column=who"]
    result = cli("build", *recipe, "--set", "text_column=words")
    assert result.exit_code == 0, result.output
    assert load_track("lyrics-csv").train[0].text == load_track("table").train[0].text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope"], "no track 'nope'"),
        (["--kind", "lyrics"], "need --from"),
        (["--from", "/no/such/folder", "--kind", "midi", "--name", "x"], "/no/such/folder: there is no such"),
        (["--from", "/"], "--from needs --kind lyrics|midi and --name NAME"),
        (["--from", "/", "--kind", "midi", "--name", "Not A Name"], "--name Not A Name"),
        (["--from", "/", "--kind", "midi", "--name", "x", "--set", "colour"], "expected KEY=VALUE"),
        (["--out", "x"], "--out is the folder of one track"),
        (["--workers", "-1"], "--workers"),
    ],
)
def test_a_bad_call_of_build_is_one_message(cli, arguments, message):
    result = cli("build", *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_list(cli, toy):
    output = cli("list").stdout
    assert re.search(r"toy .*user .*CC0-1\.0 .*5 .*13 .*not frozen", output)
    assert re.search(r"midi-synthetic .*default .*not built", output)


def test_list_as_json(cli, toy):
    records = {record["name"]: record for record in json.loads(cli("list", "--json").stdout)}
    track = load_track("toy")
    assert records["toy"] == {
        "name": "toy",
        "kind": "lyrics",
        "status": "user",
        "licence": "CC0-1.0",
        "state": "not frozen",
        "artists": 5,
        "songs": 13,
        "bytes": sum(path.stat().st_size for path in toy.glob("*.parquet")),
        "digest": track.digest,
        "path": str(toy),
    }
    assert records["midi-synthetic"]["state"] == "not built"
    assert records["midi-synthetic"]["songs"] is None


def test_list_goes_on_past_a_damaged_track(cli, toy):
    (toy / "manifest.json").write_text("{")
    (record,) = (r for r in json.loads(cli("list", "--json").stdout) if r["name"] == "toy")
    assert "manifest.json is damaged" in record["state"]
    assert cli("list").exit_code == 0


def test_list_and_check_say_whether_a_track_is_the_frozen_one(cli, toy, tmp_path, monkeypatch):
    monkeypatch.setattr("fsdl_bench.tracks.definition.TRACK_DATA", tmp_path / "tracks")
    (tmp_path / "tracks").mkdir()
    definition = load_track("toy").definition
    for digest, state in ((load_track("toy").digest, "as frozen"), ("0" * 64, "NOT AS FROZEN")):
        frozen = definition.model_copy(update={"digest": digest})
        (tmp_path / "tracks" / "toy.toml").write_text(frozen.to_toml())
        (record,) = json.loads(cli("list", "--json").stdout)
        assert record["state"] == state
        assert f"({state})" in cli("show", "toy").stdout
        assert f"({state})" in cli("check", "toy").stdout


def test_show_prints_statistics_rejections_and_three_songs(cli, toy):
    output = cli("show", "toy").stdout
    assert re.search(r"train .* 4 .* 12 ", output)
    assert re.search(r"no notes .* 12 ", output)
    assert output.index("no notes") < output.index("empty file"), "the most frequent reason first"
    assert len(re.findall(r"\nSong \w{4} \([A-D]\): \d+ bytes scored, from ", output)) == 3
    assert output.count("  mi lo ") == 3


def test_show_cuts_long_texts(cli, write_track):
    folder = write_track({"train": SONGS["test"]})
    output = cli("show", folder).stdout
    assert output.count("  ten lai") == 12
    assert "... 3 more lines" in output


def test_show_table_is_markdown(cli, toy):
    sizes, behind = cli("show", "--table").stdout.strip().split("\n\n")
    header, rule, *rows = sizes.splitlines()
    assert header.count("|") == rule.count("|") == rows[0].count("|")
    train = load_track("toy").manifest.counts["train"]
    assert (
        rows[0]
        == f"| toy | train | 4 | 12 | {train.tokens} | {train.units} | {train.median_units:.0f} | bytes |"
    )
    assert "| toy | CC0-1.0 | 12 no notes; 3 empty file | 2 s |" in behind


def test_show_needs_a_track(cli):
    result = cli("show")
    assert result.exit_code == 2
    assert "Missing argument 'TRACK'" in result.stderr
    assert cli("show", "toi").exit_code == 2


def test_check_names_what_is_wrong_and_fails(cli, toy):
    assert "all is well" in cli("check", "toy").stdout
    shard = toy / "train-00000-of-00002.parquet"
    shard.write_bytes(shard.read_bytes() + b"x")
    result = cli("check", "toy")
    assert result.exit_code == 1
    assert f"{shard} was changed or damaged" in result.stderr
    assert "problem" in result.stdout


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


def test_ctrl_c_ends_a_build_with_one_line_and_the_rerun_goes_on(poems):
    arguments = ["build", "--from", poems, "--kind", "lyrics", "--name", "mine", "--workers", "1"]
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
    assert "120 kept" in out
