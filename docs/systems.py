"""Put the verified figures of three tracks into the table of `docs/systems.md`.

python docs/systems.py
"""

from __future__ import annotations

import re
from pathlib import Path

from fsdl_bench.reference import models

PAGE = Path(__file__).with_suffix(".md")
TRACKS = ("lyrics-verse", "midi-scores", "lyrics-synthetic")
NONE = "-"


def updated(text: str) -> str:
    """Return the page with the figures of the results as they are now."""
    figures = {model.name: model.nll for model in models()}
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("| system |"))
    names = _cells(lines[first])
    for number in range(first + 2, len(lines)):
        if not lines[number].startswith("|"):
            break
        cells = _cells(lines[number])
        files = re.findall(r"`(\w+)\.py`", cells[names.index("file")])
        for track in TRACKS:
            known = [f"{figures[name][track]:.4f}" if track in figures[name] else NONE for name in files]
            cells[names.index(track)] = ", ".join(known)
        lines[number] = f"| {' | '.join(cells)} |"
    return "\n".join(lines) + "\n"


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text("utf-8")), "utf-8")
