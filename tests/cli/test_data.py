"""The commands build, list, show and check."""

import json
import re

import pytest

from fsdl_bench.paths import tracks_dir
from fsdl_bench.tracks.track import load_track


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
    result = cli("build", *arguments, "--set", "file=others.csv")
    assert (result.exit_code, "--from names a file already, songs.csv" in result.stderr) == (2, True)
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
        (
            ["--from", "/", "--kind", "midi", "--name", "x", "--set", "level=x"],
            "level: expected a whole number",
        ),
        (["--from", "/", "--kind", "midi", "--name", "x", "--set", "kind=lyrics"], "kind is no option of a"),
        (["--from", "/", "--kind", "midi", "--name", "x", "--set", "label=x"], "has no option label"),
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
    folder = write_track({"train": {"e": ["\n".join(["ten lai"] * 15)]}})
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
