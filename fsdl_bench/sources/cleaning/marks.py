"""Marks: what a line can share with lines of other texts once its varying parts are set aside.

    line     the whole line; a second time with the song's artist and title set aside
    label    what precedes a colon, a tabulator or a wide gap: "Artist: Ada"
    words    the first two words: "Copyright 1950 Ada Stone"
    kind     the line is a notice, whatever it says: rights, credits, sources, pages, dates, views

Numbers, dates, addresses and identifiers are replaced by a sign each, the spellings of "copyright" by one
word, and punctuation at both ends of a line is ignored. Section tags such as "[Outro]" have no marks.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

NOTICE = "kind notice"
END = "kind end"
HEADING = "kind heading"
APART = frozenset((END, HEADING))
"""Kinds that need an empty line between them and the words: "The end" may be a song's last words."""


_URL = re.compile(r"(?:https?://|www\.)\S+|\b(?:[\w-]+\.)+(?:com|org|net|info|co\.uk|edu)\b(?:/\S*)?")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_RIGHTS = re.compile(r"(?:(?:\(c\)|©|℗|&copy;|\bcopyright(?:ed)?\b)[\s:]*)+")
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATE = re.compile(
    r"\b(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH},? \d{{4}}"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}|{_MONTH} \d{{4}})"
    r"(?:[ t,]+\d{1,2}:\d{2}(?::\d{2})?(?:\.\d+)?z?(?: ?[ap]m)?)?"
)
_ID = re.compile(r"\b(?=[a-z-]*\d)(?=[\d-]*[a-z])[0-9a-z]{4,}(?:-[0-9a-z]{4,})*\b")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_ENDS = re.compile(r"^[^\w<]+|[^\w>]+$")

_MADE = (
    r"(?:written|composed|translated|transcribed|typed|submitted|contributed|added|posted|uploaded|edited"
    r"|arranged|published|printed|collected|provided|powered|licensed|corrected|produced|created|updated)"
)
_WORK = r"(?:words|texts?|lyrics?|music|melody|song|tune|poem|translation|arrangement|transcription)"
_NOTICES = re.compile(
    r"copyright\b.*|(?:all )?rights reserved.*|public domain"
    rf"|(?:(?:all|original|the) )?{_WORK}(?:(?:,| and| &)+ {_WORK})* (?:by|from|at|courtesy of|copyright)\b.*"
    rf"|(?:(?:{_WORK}|this) )?(?:(?:is|was|were|are) )?{_MADE}(?: (?:and|&) {_MADE})?"
    r" (?:by|from|at|on|in)\b.*"
    r"|(?:(?:song|text)?writer|composer|lyricist|author|translator|publisher|producer|source|credit|isbn)"
    r"(?:s|\(s\))? ?[:=].*"
    r"|(?:retrieved|downloaded|accessed|found|taken|copied|reprinted) (?:on|from|at|in)\b.*"
    r"|page 0(?: ?(?:of|/) ?0)?|.*\bpp?\. ?0(?:[-–]0)?"
    rf"|(?:(?:last )?(?:{_MADE}|modified|date)(?: on)?[: ]*)?<date>"
    r"|0[km]? (?:views|reads|plays|downloads|likes|comments|hits|shares|listens)|views:? 0[km]?"
    r"|(?:\S+ ){0,8}(?:<url>|<mail>)"
)
_END = re.compile(r"(?:the )?end|fin|finis|ende")
_SEPARATOR = re.compile(r"([-_=*~#])\1{2,}")
_BYLINE = re.compile(r"(?:[-–—~]{1,2} ?|(?:[-–—~] ?)?[Bb]y:? )(?P<name>[^,:;!?]+)(?:, ?(?:c\. ?)?\d{4})?\.?")
_SMALL = re.compile(r"(?:a|and|&|del?|der|di|du|el|feat\.?|ft\.|la|le|of|the|van|von|y|zu)")

_EVIDENCE = re.compile(
    r"lyrics|copyright|\brights\b|<url>|<mail>|<date>|public domain|transcri|submit|publish|\bprint(?:ed)?\b"
    r"|source|download|retrieved|provided|powered|translat|\bedited|contribut|licen[cs]e|permission|reproduc"
    r"|distribut|(?:written|composed|typed|added|posted|arranged|collected) (?:by|on|from)|songwriter|isbn"
)
_LABELS = re.compile(
    r"(?:.* )?(?:added|album|albums|artist|artists|author|authors|band|bpm|by|capo|category|categories"
    r"|collection|comment|comments|composer|composers|copyright|date|duration|editor|filed|from|genre|genres|id|isbn"
    r"|key|keywords|label|language|length|link|lyricist|lyrics|music|name|note|notes|performer|poet|posted"
    r"|producer|producers|publisher|rating|released|section|singer|song|songwriter|songwriters|source"
    r"|submitted|tag|tags|tempo|text|title|track|translator|tuning|updated|url|version|views|words|writer"
    r"|writers|writer\(s\)|year)"
)


@lru_cache(maxsize=1 << 16)
def marks(line: str, artist: str = "", title: str = "") -> frozenset[str]:
    """Return the marks of a line; `artist` and `title` are those of its song."""
    text = line.strip()
    if not text or (text[0] == "[" and text[-1] == "]"):
        return frozenset()
    plain = _plain(text, "", "")
    named = _plain(text, artist, title) if artist or title else plain
    found = {f"line {plain}", f"line {named}"}
    words = plain.split()
    if len(words) > 2:
        found.add(f"words {words[0]} {words[1]}")
    if (label := _label(text)) is not None:
        found.add(f"label {label}")
    if _NOTICES.fullmatch(plain) or _NOTICES.fullmatch(named) or _is_byline(text, artist):
        found.add(NOTICE)
    if _END.fullmatch(plain):
        found.add(END)
    if named == "<title>":
        found.add(HEADING)
    return frozenset(found)


@cache
def is_evidence(mark: str) -> bool:
    """Whether what the lines share says that they are no lyrics."""
    sort, _, text = mark.partition(" ")
    if sort == "kind":
        return True
    if sort == "label" and _LABELS.fullmatch(text):
        return True
    return bool(_EVIDENCE.search(text) or (sort == "line" and _SEPARATOR.fullmatch(text)))


def is_whole(mark: str) -> bool:
    """Whether the lines share all their words."""
    return mark.startswith("line ")


def is_sentence(mark: str) -> bool:
    """Whether the lines share a sentence, which no refrain such as "la la la" or "Amen, amen" is."""
    return is_whole(mark) and len(set(re.findall(r"\w+", mark))) > 5  # one is "line"


def is_bare(line: str, artist: str, title: str) -> bool:
    """Whether a line is a number, a date, an address, an identifier, or the song's artist or title alone."""
    plain = _plain(line.strip(), artist, title)
    return plain.removeprefix("id ").removeprefix("no. ") in {
        "0",
        "<id>",
        "<date>",
        "<url>",
        "<artist>",
        "<title>",
    }


def is_name(text: str) -> bool:
    """Whether a line looks like a name or a title: at most five words, all of them capitalised."""
    words = text.split()
    if not 0 < len(words) <= 5 or text[-1] in ",;:!?":
        return False
    return words[0][0].isupper() and all(word[0].isupper() or _SMALL.fullmatch(word) for word in words)


def _is_byline(text: str, artist: str) -> bool:
    found = _BYLINE.fullmatch(text)
    return bool(found and (is_name(found["name"]) or found["name"].casefold() == artist.casefold() != ""))


def _label(text: str) -> str | None:
    found = re.match(r"(\S[^:\t]{0,40}?)(?::|\t|  )", text)
    if not found or found[1][0] in "[(<" or len(found[1].split()) > 4:
        return None
    plain = _plain(found[1], "", "")
    return plain if re.search(r"[^\W\d_]", plain) and "<" not in plain else None


def _plain(text: str, artist: str, title: str) -> str:
    """Return a line without what differs from text to text."""
    text = " ".join(text.casefold().split())
    text = _RIGHTS.sub("copyright ", text)
    if "." in text:
        text = _URL.sub("<url>", _MAIL.sub("<mail>", text))
    for sign, name in (("<artist>", artist), ("<title>", title)):
        text = _without_name(text, name, sign)
    if any(map(str.isdigit, text)):
        text = _NUMBER.sub("0", _ID.sub("<id>", _DATE.sub("<date>", text)))
    return " ".join(_ENDS.sub("", text).split()) or re.sub(r"(.)\1{2,}", r"\1\1\1", "".join(text.split()))


def _without_name(text: str, name: str, sign: str) -> str:
    """Return the text with a name set aside; a name such as "I" is in too many lines."""
    words = " ".join(name.casefold().split())
    if len(words) < 3 or words not in text:
        return text
    return re.sub(rf"(?<!\w){re.escape(words)}(?!\w)", sign, text)
