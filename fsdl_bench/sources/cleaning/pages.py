"""Remove what pages of lyrics sites add to a text: headers, advertisements, ends and notices.

A page of Genius, as scrapers save it, has one grammar. Its pieces may be glued together, or separated by line
breaks:

    header          [COUNT Contributors] [Translations LANGUAGES] TITLE Lyrics [DESCRIPTION… Read More]
    advertisement   [See ARTIST Live] Get tickets as low as PRICE [You might also like]
    end             [You might also like] [COUNT] Embed [Share URL Copy Embed Copy]

COUNT before Embed is a number below 1,000 or such as 1.2K. It belongs to the page if it is glued to a letter
or punctuation or has its own line. In "in 1999Embed" the number belongs to the words.
"""

from __future__ import annotations

import re
from functools import lru_cache

HEADER = "header of a lyrics page"
ADVERTISEMENT = "advertisement"
END = "end of a lyrics page"
NOTICE = "notice of a lyrics page"

_COUNT = re.compile(r"\s*\d[\d.,]*[KM]?[ \t\u00a0]*\n?[ \t]*Contributors?(?![a-z])")
_TRANSLATIONS = re.compile(r"\s*\[?Translations?\]?(?=\s*\n|[^\W\d_a-z])")
_LYRICS = re.compile(r"[^\n]{0,200}?Lyrics")
_TITLE_LINE = re.compile(r"[^\[]{0,100}[ \t\u00a0]Lyrics(?:(?=\[)|[ \t]*\]?[ \t]*\Z)")
_LINES, _WIDTH = 40, 80  # of a list of languages
_MORE = re.compile(
    r"\s*(?!\[)(?:[^\[\n]{1,2000}?Read More(?=[\s\u00a0]*(?:\[|\n|\Z))"
    r"|(?:(?!\n\[)[\s\S]){1,2000}?(?:…|\.\.\.)\s*Read More(?![a-z]))[ \t\u00a0]*"
)

_GAP = re.compile(r"\A(?:(?:[ \t\u00a0\u200b]*\n)+|[ \t\u00a0\u200b]+)")

_SIGN = r"(?:[A-Z]{0,3}[$€£¥₹₩]|(?:[A-Z]{2,3}|[Kk]r\.?) ?)"
_PRICE = rf"{_SIGN}?[ \u00a0]?\d+(?:[.,]\d+)*(?:[ \u00a0]?(?:[€£¥₹₩$]|kr\b|z[łl]\b))?"
_LIKE = r"You might also like"
_ADVERTISEMENT = re.compile(
    rf"(?:(?:See (?:(?!See )[^\n]){{1,100}}?Live\s*)?Get tickets as low as {_PRICE}"
    rf"(?:\s*{_LIKE}(?![ \t]*[a-z]))?"
    rf"|(?<![ \t]){_LIKE}(?=[ \t\u00a0]*(?:[\[\n]|\Z)|[^\sa-z,.;:!?'’]))"
    r"[ \t\u00a0]*\n?"
)

_NUMBER = r"\d{1,3}(?:(?:\.\d+)?K)?"
_COPY = r"(?:\s*Share\s*URL\s*Copy\s*Embed\s*Copy)?\s*"
_END = re.compile(
    rf"(?:{_LIKE}\s*(?:{_NUMBER})?\s*"
    rf"|(?:(?<=\n)|\A)[ \t]*(?:{_NUMBER}|\d{{1,3}}(?:,\d{{3}})+)\s*"
    # Glued to a letter or punctuation: not "x2", "'99", "$5", "3.5" or "24/7".
    rf"|(?<=[^\W\d_])(?<!\b[xX]){_NUMBER}|(?<=[!?;)\]}}\"”»…*♪~]){_NUMBER}|(?<=\D[.,]){_NUMBER}"
    rf")?[ \t]*Embed{_COPY}\Z"
)

_NOTICES = re.compile(
    r"(?:\.\.\.)?\s*\*{3,} ?This Lyrics is NOT for Commercial use ?\*{3,}\s*(?:\(\d+\))?\s*\Z"
    r"|^[ \t]*Submit Corrections[ \t]*\n?"
    r"|^[ \t]*[\[(]?Thanks to [^\n]{1,200}? for (?:(?:adding|correcting|sending|submitting|providing|posting)"
    r" (?:these|this|the|me)? ?lyrics?|these lyrics)[.! \t\])]*(?:\n|\Z)"
    r"|^[ \t]*\[Thanks to [^\n]{1,200}? for (?:the )?lyrics[.!]?\][ \t]*(?:\n|\Z)"
    r"|^(?:[ \t]*Writer\(s\):[^\n]*\s+)?[ \t]*Lyrics (?:powered|provided|licensed)(?: (?:and|&) \w+)? by"
    r" (?:www\.)?(?:musixmatch|lyricfind|azlyrics|genius|metrolyrics|songlyrics)[^\n]{0,30}\s*\Z",
    re.IGNORECASE | re.MULTILINE,
)

_PIECES = (
    (END, _END, ("Embed",)),
    (ADVERTISEMENT, _ADVERTISEMENT, ("Get tickets", _LIKE)),
    (NOTICE, _NOTICES, ("yrics", "YRICS", "orrections", "ORRECTIONS", "riter(s)", "RITER(S)")),
)


def without_boilerplate(text: str, title: str = "", artist: str = "") -> tuple[str, list[str]]:
    """Return the text without what a page adds to it, and the kinds of what was removed.

    Args:
        text: with line ends as `\\n`.
        title: of the song; a header names it.
        artist: of the song; a header may name it.
    """
    removed = []
    if end := _header(text, title, artist):
        text = _GAP.sub("", text[end:])
        removed.append(HEADER)
    for name, pattern, words in _PIECES:
        if not any(
            map(text.__contains__, words)
        ):  # much faster than the pattern, and mostly all that is needed
            continue
        changed = pattern.sub(_gap, text)
        if changed != text:
            text = changed
            removed.append(name)
    return text, removed


def _gap(found: re.Match[str]) -> str:
    """Return what takes the place of a removed piece: a line end, if it was glued to the line before it."""
    before, after = found.string[: found.start()], found.string[found.end() :]
    return "\n" if after and before and before[-1] != "\n" else ""


def _header(text: str, title: str, artist: str) -> int:
    """Return where the header ends; 0 if there is none."""
    start = 0
    if found := _COUNT.match(text):
        start = found.end()
    if found := _TRANSLATIONS.match(text, start):
        start = found.end()
    if not start and "lyrics" not in text[:400].casefold():
        return 0
    named = _names(title)
    if not start:
        return _bare_title(text, named, artist)
    end = _title_after(text, start, named)
    if not end:
        return start if text[start : start + 1] in ("\n", "") and _COUNT.match(text) else 0
    if found := _MORE.match(text, end):
        end = found.end()
    return end


def _title_after(text: str, start: int, named: str) -> int:
    """Return where the title and "Lyrics" end: after a list of languages, one on each line or all glued."""
    window = text[start : start + 4000]
    if named and (found := re.search(rf"(?i:{named})\s*Lyrics", window)):
        between = window[: found.start()].split("\n")
        if len(between) <= _LINES and all(len(line) <= _WIDTH for line in between[1:]):
            return start + found.end()
    if found := _LYRICS.match(text, start):
        return found.end()
    place = start
    for line in window.split("\n")[:_LINES]:
        if found := _TITLE_LINE.match(line):
            return place + found.end()
        if len(line) > _WIDTH:
            break
        place += len(line) + 1
    return 0


def _bare_title(text: str, named: str, artist: str) -> int:
    """Return where "TITLE Lyrics" ends at the start of a text: on its own line, or glued to the words."""
    if not named:
        return 0
    singer = re.escape(artist) if artist else "(?!)"
    line = re.compile(
        rf"\s*(?P<open>\[)?(?:{singer}\s*[-–—:]\s*)?{named}[ \t]+Lyrics(?:[ \t]+by[ \t]+{singer})?"
        r"(?(open)\])[ \t]*(?=\n|\Z)",
        re.IGNORECASE,
    )
    glued = re.compile(rf"\s*(?i:{named}) Lyrics(?=\[|[^\W\d_a-z])")
    found = line.match(text) or glued.match(text)
    return found.end() if found else 0


@lru_cache(maxsize=1024)
def _names(title: str) -> str:
    """Return a pattern of the title, with and without what it has in brackets; "" for no title."""
    plain = re.sub(r"\s*[(\[][^)\]]*[)\]]\s*$", "", title).strip()
    spellings = dict.fromkeys(name for name in (title.strip(), plain) if name)
    patterns = [r"\s+".join(map(_loose, name.split())) for name in spellings]
    return f"(?:{'|'.join(patterns)})" if patterns else ""


def _loose(word: str) -> str:
    """Return a pattern of a word in which an apostrophe may be any."""
    return re.sub(r"['’‘]", "['’‘]", re.escape(word))
