"""Remove from users' lyrics what websites and exports put around them.

    line breaks     a literal backslash and n, <br>, or a list of lines in brackets become line breaks
    placeholders    "Instrumental", "lyrics not available", "nan": no song, which is rejected
    boilerplate     headers, advertisements and ends of pages of lyrics sites
    shared lines    last lines that most texts of the collection share, such as a table of rights

The last kind needs a look at the collection first (`Cleaner.survey`). A line counts as shared if the line
itself, what precedes its colon or wide gap, or its first two words occur among the last lines of more than
half of the texts, with digits set aside. From the end of each text, all shared lines are removed, up to the
first that is not shared. The first words alone are weak evidence: the removed lines begin with a line that is
shared as a whole or by its label. So is a single line, such as an "Amen": it is removed only if it speaks of
rights, sources or pages.
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fsdl_bench.errors import Rejected

SAMPLE = 400
"""Texts that a survey looks at."""

_FEWEST = 20  # texts that can tell what most share
_TAIL = 15  # last lines of a text
_MOST = 0.5

_PLACEHOLDERS = frozenset(
    " ".join(words.split())
    for words in """
    instrumental|instrumental track|instrumental only|this song is instrumental|this is an instrumental|
    the song is instrumental|lyrics not available|no lyrics available|lyrics unavailable|not available|
    unavailable|no lyrics|no lyrics found|lyrics not found|not found|lyrics missing|missing lyrics|missing|
    we do not have the lyrics for this song|we do not have the lyrics for this song yet|
    lyrics for this song have yet to be released|lyrics for this song have yet to be released please check
    back once the song has been released|lyrics will be available soon|lyrics coming soon|coming soon|
    lyrics to be added|unreleased|unknown|untitled|tba|tbd|na|n a|nan|none|null|nil|empty|error|test|lyrics|
    deleted|removed|lyrics removed|no text|no content|undefined
    """.split("|")  # noqa: SIM905
)
_WORDS = re.compile(r"[a-z]+")

_BREAK = re.compile(r"<br\s*/?>[ \t]*\n?", re.IGNORECASE)
_ESCAPES = re.compile(r"\\+r\\+n|\\+[nr]")

_SITES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "header of a lyrics page",
        re.compile(r"\A\s*\d+\s*Contributors?[^\n]*?Lyrics(?:[^\n]{0,2000}?Read More[ \t\u00a0]*)?"),
    ),
    (
        "advertisement",
        re.compile(r"See [^\n]{1,100}? ?Live ?Get tickets as low as \$\d+ ?(?:You might also like)?"),
    ),
    (
        "advertisement",
        re.compile(r"^[ \t]*You might also like[ \t]*$\n?|You might also like(?=[\[\S])", re.M),
    ),
    (
        "end of a lyrics page",
        re.compile(r"(?<=[^\s\d.])\d*(?:\.\d+)?K?Embed\s*\Z|^\d*(?:\.\d+)?K?Embed\s*\Z", re.M),
    ),
    (
        "notice of a lyrics page",
        re.compile(
            r"(?:\.\.\.)?\s*\*{3,} ?This Lyrics is NOT for Commercial use ?\*{3,}\s*(?:\(\d+\))?\s*\Z", re.I
        ),
    ),
    ("notice of a lyrics page", re.compile(r"^[ \t]*Submit Corrections[ \t]*\n?", re.M | re.I)),
    (
        "notice of a lyrics page",
        re.compile(
            r"^[ \t]*Thanks to .{1,200}? for (?:adding|correcting) these lyrics\.?[ \t]*\n?", re.M | re.I
        ),
    ),
)

_FOOTER = re.compile(
    r"lyrics|copyright|\u00a9|\(c\)|rights|www\.|https?:|\.(?:com|org|net)\b|public domain|transcri|submit"
    r"|publish|print|source|download|provided|translat|edited|contribut|_{4,}|-{4,}|\*{3,}",
    re.IGNORECASE,
)

LINE_BREAKS = "line breaks written in another way"
SHARED = "last lines that most songs share"


@dataclass(frozen=True)
class Cleaner:
    """Cleans the texts of one collection.

    Attributes:
        shared: what most texts share among their last lines, see `_marks`.
    """

    shared: frozenset[str] = frozenset()

    @classmethod
    def survey(cls, texts: Iterable[str]) -> Cleaner:
        """Return a cleaner that knows what most of some texts share at their ends."""
        plain = cls()
        counts: Counter[str] = Counter()
        seen = 0
        for text in texts:
            try:
                cleaned, _ = plain.clean(text)
            except Rejected:
                continue
            seen += 1
            counts.update({mark for line in _last_lines(cleaned) for mark in _marks(line)})
        if seen < _FEWEST:
            return plain
        return cls(frozenset(mark for mark, count in counts.items() if count > _MOST * seen))

    def clean(self, text: str, title: str = "") -> tuple[str, tuple[str, ...]]:
        """Return the text without what is not lyrics, and what was removed, each kind once.

        Args:
            text: as the file has it.
            title: of the song; some pages begin with it.

        Raises:
            Rejected: the text stands for a song without words, or nothing is left.
        """
        removed: list[str] = []
        broken = _line_breaks(text)
        if broken != text:
            removed.append(LINE_BREAKS)
        text = broken
        if title and text.lstrip().startswith(f"{title} Lyrics"):
            text = text.lstrip()[len(title) + len(" Lyrics") :]
            removed.append("header of a lyrics page")
        for name, pattern in _SITES:
            text, count = pattern.subn("", text)
            if count:
                removed.append(name)
        if self.shared and (kept := _without_shared(text, self.shared)) != text:
            text = kept
            removed.append(SHARED)
        if is_placeholder(text):
            raise Rejected("placeholder, no lyrics", " ".join(text.split())[:80])
        return text, tuple(dict.fromkeys(removed))


def is_placeholder(text: str) -> bool:
    """Whether a text stands for missing words or for a song without words."""
    if len(text) > 120:
        return False
    words = " ".join(_WORDS.findall(text.casefold().replace("'", "")))
    return words in _PLACEHOLDERS


def _line_breaks(text: str) -> str:
    """Return the text with real line breaks, if it has others."""
    stripped = text.strip()
    if stripped.startswith("[") and stripped.endswith("]") and (lines := _as_list(stripped)) is not None:
        return "\n".join(line.strip("\r\n") for line in lines)
    if "<" in text:
        text = _BREAK.sub("\n", text)
    if "\n" not in stripped and _ESCAPES.search(stripped):
        text = _ESCAPES.sub("\n", text)
        text = re.sub(r"\\+t", " ", text)
        text = re.sub(r"\\+([\"'])", r"\1", text)
    return text


def _as_list(text: str) -> list[str] | None:
    """Return the lines of a list of strings, as Python or JSON write it; None if it is no such list."""
    for parse in (json.loads, ast.literal_eval):
        try:
            found = parse(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(found, list) and found and all(isinstance(line, str) for line in found):
            return found
    return None


def _last_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()][-_TAIL:]


def _marks(line: str) -> Iterator[str]:
    """Yield what a line can share with lines of other texts."""
    plain = re.sub(r"\d", "0", " ".join(line.split())).casefold()
    yield f"line {plain}"
    label = re.match(r"\s*(\S[^:\t]{0,40}?)(?::|\t|  )", line)
    if label and len(label[1].split()) <= 4:
        yield "label " + re.sub(r"\d", "0", " ".join(label[1].split())).casefold()
    words = plain.split()
    if len(words) > 2:
        yield f"words {words[0]} {words[1]}"


def _without_shared(text: str, shared: frozenset[str]) -> str:
    lines = text.splitlines(keepends=True)
    end = len(lines)
    cut = end
    while end and (not lines[end - 1].strip() or not shared.isdisjoint(_marks(lines[end - 1]))):
        end -= 1
        if any(mark in shared for mark in _marks(lines[end]) if not mark.startswith("words ")):
            cut = end
    footer = [line for line in lines[cut:] if line.strip()]
    if not footer or (len(footer) == 1 and not _FOOTER.search(footer[0])):
        return text
    return "".join(lines[:cut]).rstrip() + "\n" if cut else ""
