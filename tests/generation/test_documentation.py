"""Every command of docs/generation.md runs, on small tracks in place of the real ones."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from fsdl_bench.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "generation.md").read_text("utf-8")
COMMANDS = [
    line for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.M | re.S) for line in block.splitlines()
]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_runs(command, tracks, model, own_songs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("one.mid", "two.mid"):
        (own_songs / "First Tune.MID").with_name(name).write_bytes(
            (own_songs / "Album" / "second.mid").read_bytes()
        )
    instead = {
        r"baselines/\w+\.py": model(),
        "midi-scores": "tunes",
        "lyrics-verse": "verses",
        "~/(my-songs|poems)": str(own_songs),
        r"(one|two)\.mid": lambda found: str(own_songs / found[0]),
        "(?i)amy beach": "dora dur",
    }
    words = shlex.split(command)
    assert words[:2] == ["fsdl-bench", "generate"]
    for pattern, replacement in instead.items():
        words = [re.sub(pattern, replacement, word) for word in words]
    result = CliRunner().invoke(main, words[1:])
    assert result.exit_code == 0, result.output
    assert Path(words[words.index("--out") + 1], "index.html").is_file()
