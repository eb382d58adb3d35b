"""Puts into the pages what the commands that they show print, behind the block that shows each.

python docs/tables.py

The first model of a comparison in README has to be the one that the leaderboard's pages name the best.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = (README, ROOT / "docs/baselines.md", ROOT / "docs/findings.md")

SHOWN = re.compile(
    r"^```sh\n((?:fsdl-bench compare|python docs/(?:findings|curves)\.py(?! --(?:songs|charts))) .*)\n```\n\n"
    r"((?:\|.*\n)*)\n*",
    re.M,
)
"""A block with one command, and the table behind it."""


COMPARED = re.compile(
    r"^fsdl-bench compare leaderboard/results/([\w-]+)/.*\n```\n\n\|.*\n\|.*\n\| (\S+) \|", re.M
)
"""The track and the first model of a comparison."""


def printed(command: str) -> str:
    """Return the output of a command, run at the root of the repository."""
    program, *words = shlex.split(command)
    given: list[str] = []
    for word in words:
        found = sorted(ROOT.glob(word)) if "*" in word else []
        given += [str(path) for path in found] or [word]
    start = [sys.executable, "-m", "fsdl_bench"] if program == "fsdl-bench" else [sys.executable]
    return subprocess.run([*start, *given], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


def other_best(text: str) -> list[str]:
    """Each comparison of a page whose first model is not the best of the leaderboard's pages, in words."""
    from fsdl_bench.site.assemble import best_model

    wrong = []
    for track, first in COMPARED.findall(text):
        best = best_model(ROOT / "leaderboard/results", track)
        if first != best:
            wrong.append(
                f"{track}: the table names {first} first, the leaderboard {best or 'none'}; verify it?"
            )
    return wrong


def updated(text: str) -> str:
    """A page with its tables as they are now."""
    return SHOWN.sub(lambda found: f"```sh\n{found[1]}\n```\n\n{printed(found[1])}\n", text)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(updated(page.read_text("utf-8")), "utf-8")
    if wrong := other_best(README.read_text("utf-8")):
        sys.exit("\n".join(wrong))
