"""First and last lines that most texts of a collection share: headers and footers.

`learn` finds the marks (`fsdl_bench.sources.cleaning.marks`) that more than half of the texts have in the
block of their outermost lines. A mark is not learnt if it is about as common inside the texts, or if a label
occurs several times in one text: then it is a part of lyrics, as a singer's name before each line of a duet.

`strip` removes the outermost shared lines of one text up to the innermost one that cannot be lyrics, because
it speaks of rights, sources, pages or names. A number, a name or a title alone may be between such lines.
Songs that all end with "Amen" keep their ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fsdl_bench.sources.cleaning import marks as m

FEWEST = 20
"""Texts that can tell what most share."""

_MOST = 0.5
_INSIDE = 0.5  # how often a mark may occur inside the texts, for each text that has it outside
_REPEATED = 0.1
_DEEPEST = 40  # lines of a header or footer
_LOOKED_AT = 120  # lines of a text, from its outside, that a survey looks at


@dataclass(frozen=True)
class Sample:
    """A text of a collection and the names that it may repeat."""

    text: str
    artist: str = ""
    title: str = ""


class _Side(NamedTuple):
    """First or last lines. The prefix keeps their marks apart."""

    prefix: str
    order: Callable[[Sequence[str]], list[str]]


FIRST = _Side("first ", list)
LAST = _Side("", lambda lines: list(reversed(lines)))


def learn(samples: Sequence[Sample], side: _Side) -> frozenset[str]:
    """Return the marks that most texts share on one side; none if there are too few texts."""
    if len(samples) < FEWEST:
        return frozenset()
    texts = [_Text(sample, side) for sample in samples]
    lines = [[text.marks(number) for number in range(min(len(text.lines), _LOOKED_AT))] for text in texts]
    enough = _MOST * len(texts)
    anywhere = Counter(mark for found in lines for mark in frozenset[str]().union(*found[:_DEEPEST]))
    shared = frozenset(mark for mark, count in anywhere.items() if count > enough)
    while shared:
        outside: Counter[str] = Counter()
        inside: Counter[str] = Counter()
        repeated: Counter[str] = Counter()
        for text, found in zip(texts, lines, strict=True):
            reach = text.reach(shared)
            here = Counter(mark for line in found[:reach] for mark in line & shared)
            outside.update(here.keys())
            there = Counter(mark for line in found[reach:] for mark in line & shared)
            inside.update(there)
            repeated.update(mark for mark, count in (here + there).items() if count > 1)
        kept = frozenset(
            mark
            for mark in shared
            if outside[mark] > enough
            and inside[mark] <= _INSIDE * outside[mark]
            and not (mark.startswith("label ") and repeated[mark] > _REPEATED * outside[mark])
        )
        if kept == shared:
            break
        shared = kept
    if not any(map(m.is_evidence, shared)):
        return frozenset()
    return frozenset(side.prefix + mark for mark in shared)


def strip(sample: Sample, shared: frozenset[str], side: _Side) -> str:
    """Return the text without the outermost lines on one side that most texts share."""
    own = frozenset(
        mark.removeprefix(side.prefix) for mark in shared if mark.startswith("first ") == bool(side.prefix)
    )
    if not own:
        return sample.text
    text = _Text(sample, side)
    cut = text.cut(own)
    if not cut:
        return sample.text
    # Lines are counted here as `_Text` counts them: the lines with something on them.
    lines = sample.text.splitlines(keepends=True)
    filled = [number for number, line in enumerate(lines) if line.strip()]
    if side is FIRST:
        return "".join(lines[filled[cut] :])
    return "".join(lines[: filled[-cut - 1] + 1]).rstrip() + "\n"


class _Text:
    """The lines of a text that are not empty, the outermost first, and their marks."""

    def __init__(self, sample: Sample, side: _Side) -> None:
        ordered = side.order(sample.text.splitlines())
        self.lines: list[str] = []
        self.breaks: list[bool] = []  # whether an empty line separates a line from the one outside it
        empty = False
        for line in ordered:
            if line.strip():
                self.lines.append(line)
                self.breaks.append(empty)
            empty = not line.strip()
        self._names = (sample.artist, sample.title)

    def marks(self, number: int) -> frozenset[str]:
        """Return the marks of a line. Some kinds of lines need an empty line between them and the words."""
        found = m.marks(self.lines[number], *self._names)
        if not found.isdisjoint(m.APART) and not (number + 1 < len(self.lines) and self.breaks[number + 1]):
            found -= m.APART
        return found

    def reach(self, shared: frozenset[str]) -> int:
        """Return how many outermost lines are shared, or between shared lines."""
        reach = 0
        for number, _ in self._walk(shared):
            reach = number + 1
        return reach

    def cut(self, shared: frozenset[str]) -> int:
        """Return how many outermost lines are no lyrics.

        They are at most half of all lines, unless most are shared whole and cannot be lyrics themselves.
        """
        cut, firm, evidence = 0, 0, False
        for number, found in self._walk(shared):
            evidence &= not self.breaks[number]
            if any(map(m.is_evidence, found)):
                evidence = True
            elif not (evidence and any(map(m.is_sentence, found))):
                continue
            cut, firm = number + 1, firm + 1
        if cut == len(self.lines):
            return 0
        whole = sum(any(map(m.is_whole, self.marks(number) & shared)) for number in range(cut))
        return cut if 2 * cut <= len(self.lines) or 2 * min(whole, firm) >= cut else 0

    def _walk(self, shared: frozenset[str]) -> Iterable[tuple[int, frozenset[str]]]:
        """Yield number and shared marks of the outermost lines, up to the first that is not shared."""
        names, bare = 1, 3
        for number, line in enumerate(self.lines[:_DEEPEST]):
            found = self.marks(number) & shared
            if found:
                yield number, found
            elif bare and m.is_bare(line, *self._names):
                bare -= 1
            elif names and m.is_name(line.strip()):
                names -= 1
            else:
                return
