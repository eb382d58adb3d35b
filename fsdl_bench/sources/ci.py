"""Song-dynasty ci (chinese-poetry): lyrics written to named tunes, in `宋词/ci.song.*.json`.

An entry has an author, a tune (`rhythmic`) and lines (`paragraphs`). The collection goes back to prints and
manuscripts with gaps, and to a digital text that lost its rare characters: about one entry in ten is a
fragment, has gaps or wrong characters, or names no author. These are rejected, each with its reason.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from fsdl_bench.metadata import Metadata
from fsdl_bench.songs import Kind, Song
from fsdl_bench.sources.common.base import Item, Rejection, json_files
from fsdl_bench.sources.common.tree import Tree

LICENCE = "MIT"
_FILE = re.compile(r"(?:.*/)?ci\.song\.[^/]*\.json")
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
_NAME = re.compile(rf"(?!赵[师希与必汝士老]$)[{_HAN}]{{2,}}\d?")
"""A whole name. Those of the imperial clan have three characters, and some lost the last or the middle."""
_NOBODY = re.compile(r"无名氏|佚名|失名|.*氏\d?|巫山神女|乩仙")
"""Anonymous, women known by their family name only, and spirits."""
_LACUNA = re.compile(r"□|…|（[^）]*[缺阙][^）]*）")
_MISREAD = re.compile(rf"[^{_HAN}。，、；：？！《》“”‘’・\n]")
_SHORTEST = 14
"""Characters in the shortest tune, two lines of seven."""
_COMPLETE = 0.45
"""Share of its tune's usual length below which a text is a fragment; tunes sung once or twice have half."""
_NAMESAKES = {"王诜": "王诜 (晋卿)", "张矩": "张矩 (成子)", "王益": "王益 (舜良)"}
"""Poets whose names sound like another's (汪莘, 张榘, 王奕): artist keys are toneless, so these carry the
courtesy name."""


def open(tree: Tree) -> CiSource:  # noqa: A001
    """The ci of the repository; the anthology of three hundred next to them repeats some and is not read."""
    return CiSource(tree)


class _Entry(NamedTuple):
    origin: str
    author: str
    tune: str
    text: str


@dataclass
class CiSource:
    """Ci as `Item`s with their text."""

    tree: Tree
    kind: Kind = "lyrics"
    rejected: list[Rejection] = field(default_factory=list)

    def items(self) -> Iterator[Item]:
        """One item an entry that is whole and has an author."""
        self.rejected = []
        entries = list(self._entries())
        usual = _usual_lengths(entries)
        names = _display_names(entry.author for entry in entries)
        for entry in entries:
            if problem := _problem(entry, usual):
                self.rejected.append((entry.origin, *problem))
            else:
                name = names[entry.author]
                form = Metadata(form=entry.tune)
                yield Item(entry.origin, name, entry.tune, "", LICENCE, text=entry.text, metadata=form)
        self.rejected += self.tree.problems

    def read(self, item: Item) -> Song:
        """The song; its text is at hand."""
        return Song(
            item.artist, item.title, item.origin, item.licence, item.origin, item.text or "", item.metadata
        )

    def _entries(self) -> Iterator[_Entry]:
        for path, table in json_files(self.tree, _FILE):
            for number, entry in enumerate(table):
                lines = [re.sub("[〔〕]", "", line.strip()) for line in entry["paragraphs"]]
                yield _Entry(
                    f"{path}#{number}", entry["author"], entry["rhythmic"], "\n".join(filter(None, lines))
                )


def _length(text: str) -> int:
    return len(re.findall(f"[{_HAN}]", text))


def _usual_lengths(entries: Sequence[_Entry]) -> dict[str, float]:
    """Return the median number of characters of each tune with at least three poems."""
    lengths = defaultdict(list)
    for entry in entries:
        lengths[entry.tune].append(_length(entry.text))
    return {tune: median(found) for tune, found in lengths.items() if len(found) >= 3}


def _display_names(authors: Iterator[str]) -> dict[str, str]:
    """How each author is called: a number marks namesakes, and the one with most songs goes without it."""
    counts = Counter(authors)
    names = {name: _NAMESAKES.get(name, name) for name in counts}
    groups = defaultdict(list)
    for name in counts:
        groups[name.rstrip("0123456789")].append(name)
    for plain, group in groups.items():
        if plain not in counts:
            names[max(group, key=lambda name: (counts[name], name))] = plain
    return names


def _problem(entry: _Entry, usual: dict[str, float]) -> tuple[str, str] | None:
    """Why an entry is left out, or None."""
    if _NOBODY.fullmatch(entry.author):
        return "no author", entry.author
    if not _NAME.fullmatch(entry.author):
        return "author's name is cut", entry.author
    if not entry.text:
        return "no text", ""
    if "\ufffd" in entry.text:
        return "lost bytes (U+FFFD)", f"{entry.text.count(chr(0xFFFD))} in the text"
    if found := _LACUNA.search(entry.text):
        return "gaps in the text", found.group()
    if found := _MISREAD.search(entry.text):
        return "misread character", f"U+{ord(found.group()):04X}"
    length = _length(entry.text)
    if entry.tune == "失调名" or length < max(_SHORTEST, _COMPLETE * usual.get(entry.tune, 0)):
        return "fragment", f"{length} characters; {entry.tune} has {usual.get(entry.tune, 0):.0f}"
    return None
