r"""Clean a poem from a web page.

The pages took the poems from books, so a third of them contain more: a tune, a motto, a dedication, a date or
an introduction before the poem; place and date, a signature or an editor's notes after it; numbers of
footnotes and lines inside it. `clean` removes these by fixed, named rules. Everything else is kept as
written: spelling, punctuation, indentation, line and stanza breaks, section numerals.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Cleaned:
    """A poem and the names of the rules that changed it."""

    text: str
    rules: tuple[str, ...]


def clean(body: str, title: str = "") -> Cleaned:
    """Take off what is not the poem. `title` lets a repeated title be known.

    >>> clean("\n\nTune - \"Failte na Miosg.\"\n\n\nMy heart's in the Highlands,[1] my heart\n\n1790.").text
    "My heart's in the Highlands, my heart"
    """
    text = re.sub(r"[ \t]+$", "", body.replace("\r\n", "\n"), flags=re.M)
    fired = []
    for name, rule in _RULES:
        changed = rule(text)
        if changed != text:
            fired.append(name)
            text = changed
    text = text.strip("\n")
    for name, cut in (("front matter", lambda poem: _cut_head(poem, title)), ("end matter", _cut_tail)):
        changed = cut(text)
        if changed != text:
            fired.append(name)
            text = changed
    return Cleaned(_dedent(text), tuple(fired))


# --- within the poem ---------------------------------------------------------------------------------------


def _sub(pattern: str, replacement: str = "", flags: int = 0) -> Callable[[str], str]:
    compiled = re.compile(pattern, flags)
    return lambda text: compiled.sub(replacement, text)


def _line_numbers(text: str) -> str:
    """Numbers that an edition prints in the margin: set far off, or every tenth line."""
    text = re.sub(r"(?<=\S)(?:\t[ \t]*| {2,})\d{1,4}$", "", text, flags=re.M)
    numbers = [int(n) for n in re.findall(r"(?<=[a-z,.;:!?'\"-]) (\d{1,3})$", text, flags=re.M)]
    if len(numbers) >= 2 and sum(n % 5 == 0 for n in numbers) >= len(numbers) / 2:
        text = re.sub(r"(?<=[a-z,.;:!?'\"-]) \d{1,3}$", "", text, flags=re.M)
    leading = re.findall(r"^\d{1,4}(?:\.\d+)? (?=\S)", text, flags=re.M)
    if len(leading) > 0.8 * len([line for line in text.split("\n") if line.strip()]):
        text = re.sub(r"^\d{1,4}(?:\.\d+)? (?=\S)", "", text, flags=re.M)
    return text


_NOTES = re.compile(
    r"^[ \t]*\W{0,3}(?:(?:foot)?notes?\b[ \t]*(?:\w{1,3}[ \t]*)?[:.]|(?:foot)?notes?[ \t]*$"
    r"|cancell?ed (?:passage|fragment|stanza|version)s?\b)",
    re.I | re.M,
)
_LAST_NOTE = re.compile(
    r"\n\s*(?P<mark>\[(?:\d{1,3}|[A-Z]{1,2})\]|\d{1,3}:|\*)[ \t]*(?!\d)[^\s*][^\n]*(?:\n[^\n]+)*\Z"
)


def _notes(text: str) -> str:
    """An editor's notes: in brackets between stanzas, or all that follows a heading for them."""
    text = re.sub(r"\n?[ \t]*\[(?:Foot)?[Nn]ote\b[^\]]{0,2000}\]", "", text)
    for heading in _NOTES.finditer(text):
        if len(text[: heading.start()].strip()) > len(text[heading.start() :]) / 4:
            text = text[: heading.start()]
            break
    while note := _LAST_NOTE.search(text.rstrip()):  # a note has a mark that is in the poem too
        poem, mark = text[: note.start()], note["mark"]
        if mark not in poem and f"[{mark[:-1]}]" not in poem:
            break
        text = poem
    return text


_MARK = (
    r"(?:\[(?:\d{1,3}|[A-Z]{1,2}|\*|Footnote \w+|(?:Pg|PL|Pl|Page|Plate) ?\d+|Illustration[^\]]*)\]"
    r"|\[[a-z]{1,2}\](?=[.,;:!?]?$)|\{(?:\d{1,3}[a-z]?|[a-z])\}|(?<=[A-Za-z,.;:!?])\(\d{1,2}\)|\*\d+)"
)


def _footnote_marks(text: str) -> str:
    text = re.sub(rf"[ \t]*{_MARK}(?=\W|$)", "", text, flags=re.M)
    text = re.sub(rf"^([ \t]*){_MARK}", r"\1", text, flags=re.M)
    return re.sub(rf"(?<=\S)[ \t]*{_MARK}", " ", text, flags=re.M)


_RULES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("entities", lambda text: re.sub("&md?ash;", "--", html.unescape(text)) if "&" in text else text),
    ("line numbers", _line_numbers),
    ("notes", _notes),
    ("footnote marks", _footnote_marks),
    ("ligatures", _sub(r"(?<=[A-Za-z])\[([a-z]{1,3})\]|\[=?([a-z])\](?=[a-z])|\{([A-Za-z]{2})\}", r"\1\2\3")),
    ("accents", _sub(r"\]?\\(?=[a-z]{2})|\[=([a-z])\]", r"\1")),
    ("italics", _sub(r"(?<![\w_])_(?=[^\s_])([^_\n]*[^\s_])_(?![\w_])", r"\1")),
    ("italics", _sub(r"(?<![\w~])~(?=[^\s~])([^~\n]*[^\s~])~(?![\w~])", r"\1")),
    ("italics", _sub(r"(?<![\w*])\*(?=[A-Za-z])([^*\n]*[^\s*])\*(?![\w*])", r"\1")),
    (
        "lost spaces",
        _sub(
            r"(?<=[A-Za-z][!?])(?=[A-Z])|(?<=[a-z]{2}[.,;:])(?=[A-Z])|(?<=[a-z]{2}[,;:!?])(?=[a-z]{2})", " "
        ),
    ),
)

# --- before the poem ---------------------------------------------------------------------------------------

_NUMERAL = re.compile(
    r"(?:(?:part|canto|book|chapter|section|stanza|ode|scene|act|the)\W+)*"
    r"(?:[ivxlc]+|\d+|one|first|second|third|fourth|fifth)\W*",
    re.I,
)
_OPENING = re.compile(
    r"\W*(?:tune|air|music|words|time)\b\W*(?:-|:|\.|\")|\W*(?:written|read|sung|spoken|recited|delivered|composed"
    r"|dedicated|inscribed|suggested|addressed|respectfully|affectionately|presented|published|imitated"
    r"|translated|paraphrased|versified|founded|freely|occasioned|supposed|in memoriam|in memory of"
    r"|to the (?:tune|memory|burden|air)|with apologies|being|by the author)\b|\W*from (?:the \w+ of|['\"_])",
    re.I,
)
_CITED = re.compile(
    r".*(?:(?:--|[-.,?!'\"] - |\n\s*-)\s*(?:[A-Z][\w.'&]*[ .,:;]*){1,8}"
    r"|\W\s+(?:[A-Z]{3,}\b[ .,:;]*){1,4})[^a-z]{0,40}",
    re.S,
)
_BRACKETED = re.compile(r"(?:\[[^\]]*\]|\([^)]*\))\W*")
_QUOTED = re.compile(r"(?:\"[^\"]*\"|'[^\n]*')\W*")


def _cut_head(text: str, title: str) -> str:
    """Drop paragraphs before the verse: tunes, dedications, mottoes, dates, introductions."""
    for _ in range(4):
        first, gap, rest = _split_first(text)
        if not rest or not _is_front_matter(first, gap, rest, title):
            break
        text = rest
    return text


def _split_first(text: str) -> tuple[str, int, str]:
    """First paragraph, number of blank lines after it, and the rest."""
    found = re.search(r"\n(\n+)", text)
    return (text[: found.start()], len(found.group(1)), text[found.end() :]) if found else (text, 0, "")


def _is_front_matter(first: str, gap: int, rest: str, title: str) -> bool:
    lines = first.strip().split("\n")
    block = " ".join(line.strip() for line in lines)
    if _NUMERAL.fullmatch(block) or len(first) > max(600, len(rest) // 2) or len(first) > len(rest):
        return False
    if _words(block) == _words(title) and _words(block):
        return True
    verse = sorted(map(len, filter(None, rest.split("\n"))))
    prose = max(map(len, lines)) > 90 > verse[len(verse) * 9 // 10]
    if prose or not re.search(r"[A-Za-z]", block):
        return not _NUMERAL.fullmatch(block)
    set_off = gap >= 2 and rest.count("\n\n\n") <= rest.count("\n\n") / 4
    if set_off and len(lines) <= 2 and len(first) * 2 * len(lines) < len(rest):
        return True
    if len(lines) <= 8 and (_CITED.fullmatch(first) or (set_off and _QUOTED.fullmatch(block))):
        return True
    if _BRACKETED.fullmatch(block) and (len(lines) <= 2 or set_off or block[0] == "["):
        return True
    if len(lines) > 2 or block[-1] in ",;":
        return False
    if _OPENING.match(block) or re.fullmatch(r"\W*(?:\w+\.? ){0,3}1[4-9]\d\d\W*", block):
        return True
    if len(lines) > 1:
        return False
    capitals = not re.search(r"[a-z]", block) and len(block.split()) > 1
    return (capitals and not re.search(r"^[^a-z\n]*[A-Z]{3}[^a-z\n]*$", rest, re.M)) or _is_heading(block)


def _is_heading(line: str) -> bool:
    """Title Case, not CAPITALS: two words of four or more letters, all with a capital."""
    words = re.findall(r"[^\W\d_]{4,}", line)
    capital = all(word[0].isupper() for word in words)
    return len(words) >= 2 and capital and not line.isupper() and line[-1:] not in ",;:!?"


# --- after the poem ----------------------------------------------------------------------------------------

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec)[a-z]*\.?"
_DATED = re.compile(
    rf"[\W_]*(?:\d{{1,2}}(?:st|nd|d|rd|th)?\W+)?(?:(?:[A-Z][\w.'-]*|{_MONTH}|\d{{1,2}}(?:st|nd|d|rd|th)?|in|the|of|on"
    r"|begun|finished|about|[-/&])[\s,.:;/-]*){0,8}1[4-9]\d\d(?:\W+\d{1,4}){0,2}[\W_]*",
)
_NOTE = re.compile(r"\*\s*[\w\"']|\(\* ?sic\)|P\.?S\.?\W")
_SOURCE = re.compile(
    r"\W*(?:from|for|after|during|dated|tune|author of|first published|written|read)\b", re.I
)


def _cut_tail(text: str) -> str:
    """Drop lines after the verse: place and date, signature, notes, where it was printed."""
    while True:
        text = text.rstrip("\n\t _")
        head, _, last_line = text.rpartition("\n")
        if head and _DATED.fullmatch(last_line.strip()) and len(last_line) < 80:
            text = head
            continue
        start = text.rfind("\n\n")
        if start < 0 or not _is_end_matter(text[start:].strip(), text[:start]):
            return text
        text = text[:start]


def _is_end_matter(last: str, poem: str) -> bool:
    single = "\n" not in last
    if re.fullmatch(r"\[[^\]]*\]\.?", last) or _NOTE.match(last):
        return len(last) < len(poem)
    if single and last.endswith(",") and len(last) < 50 and _is_heading(last[:-1]):
        return True
    if not single or len(last) > 120:
        return False
    if last.startswith("("):
        return bool(re.search(r"\d{4}|\b[A-Z]{3}", last)) or bool(_SOURCE.match(last))
    if re.fullmatch(r"[^a-z]+", last):
        other = re.search(r"^[^a-z\n]*[A-Z]{3}[^a-z\n]*$", poem, re.M)
        return bool(re.search(r"[A-Z]", last)) and (not other or bool(re.search(r"\bEND\b|FINIS", last)))
    if re.fullmatch(r"[-_ ]{2,}[A-Z][^\n]{0,60}|\W*(?:The End|Finis)\W*", last):
        return True
    rest = last.split(None, 1)[-1]
    return bool(_SOURCE.match(last)) and (
        _is_heading(rest) or bool(re.search(r"\.|\b1[5-9]\d\d\b", rest[:-1]))
    )


# --- the whole ----------------------------------------------------------------------------------------------


def _dedent(text: str) -> str:
    """Take off an indentation that all lines share; it is the page's, not the poem's."""
    indents = [len(line) - len(line.lstrip(" ")) for line in text.split("\n") if line.strip()]
    width = min(indents, default=0)
    return "\n".join(line[width:] for line in text.split("\n")) if width else text


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
