"""Files beside the results: samples, removal log, submission files, and the instructions."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from fsdl_bench.cli import main
from fsdl_bench.errors import BadInput
from fsdl_bench.site.removals import read_removals
from fsdl_bench.site.repository import file_of
from fsdl_bench.site.samples import copy_samples

ROOT = Path(__file__).parents[2]


@pytest.fixture
def samples(leaderboard_folder, tmp_path):
    shutil.copytree(leaderboard_folder / "samples" / "midi-scores" / "memory", tmp_path / "samples")
    return tmp_path / "samples"


def test_samples_are_copied(samples, tmp_path):
    (episode,) = copy_samples(samples, tmp_path / "site", "here", "midi-scores")
    assert episode.support[0].nats_per_unit is None
    (sample,) = episode.samples
    assert (sample.title, sample.nats_per_unit) == ("Sample 1", 3.25)
    for name in sample.files.values():
        assert (tmp_path / "site" / name).read_bytes() == (samples / Path(name).name).read_bytes()


def test_no_samples_are_no_samples(tmp_path):
    assert copy_samples(tmp_path, tmp_path / "site", "here", "midi-scores") == ()


@pytest.mark.parametrize("name", ["../secret.txt", "missing.wav", r"\u0000"])
def test_samples_may_not_name_other_files(samples, tmp_path, name):
    (tmp_path / "secret.txt").write_text("secret")
    index = samples / "samples.json"
    index.write_text(index.read_text().replace("one.wav", name))
    with pytest.raises(BadInput, match="no readable file of that folder"):
        copy_samples(samples, tmp_path / "site", "here", "midi-scores")


def test_samples_of_another_form_are_refused(samples, tmp_path):
    index = samples / "samples.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"surprise": 1}))
    with pytest.raises(BadInput, match="surprise"):
        copy_samples(samples, tmp_path / "site", "here", "midi-scores")


def test_samples_of_another_track_are_refused(samples, tmp_path):
    with pytest.raises(BadInput, match="track lyrics-verse, found midi-scores"):
        copy_samples(samples, tmp_path / "site", "here", "lyrics-verse")


def test_removals_are_newest_first(tmp_path):
    log = tmp_path / "removed.toml"
    entry = '[[removed]]\ndate = "2026-0{}-01"\ntrack = "t"\nmodel = "m{}"\nreason = "r"\n'
    log.write_text("".join(entry.format(month, month) for month in (2, 5, 3)))
    assert [removal.model for removal in read_removals(log)] == ["m5", "m3", "m2"]
    log.write_text('[[removed]]\ndate = "2026-01-01"\n')
    with pytest.raises(BadInput, match="reason"):
        read_removals(log)


def test_the_log_of_the_repository_reads():
    assert isinstance(read_removals(ROOT / "leaderboard" / "removed.toml"), tuple)


@pytest.mark.parametrize(
    ("source", "file"),
    [
        ("baselines/a.py", "baselines/a.py"),
        ("baselines/a.py:Model", "baselines/a.py"),
        ("package.module:Model", None),
        ("/abs/a.py", None),
        ("x/../../a.py", None),
        ("\0.py", None),
        ("", None),
    ],
)
def test_which_file_a_source_names(source, file):
    assert file_of(source) == file


def test_commands_of_the_instructions_exist():
    text = (ROOT / "leaderboard" / "README.md").read_text("utf-8")
    lines = re.findall(r"^\s*(fsdl-bench .*)$", text, re.M)
    assert len(lines) >= 4
    for line in lines:
        _, name, *words = shlex.split(line)
        command = main.commands[name]
        if hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        command.make_context(name, words)
