"""The words under the notes of a MusicXML score, as lyrics: one line a verse.

A score holds syllables, each with its place, the number of its verse and whether the word goes on. They are
read in the order of the music, joined to words, and laid out as they are sung: a repeated section gives its
verses one after the other. A duet or chorus is followed by its fullest part; the others fill the bars in
which that part is silent. A verse in another language than the first is a translation and is left out.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple
from xml.etree import ElementTree

from fsdl_bench.errors import Rejected

_LARGEST = 256 << 20
_STOP_WORDS = {
    "de": "der die das und ich du nicht ist ein mein dein in es den dem zu mit wie so auf von sie wir",
    "en": "the and of to my thy i you is that in with for me all are his her not but from o",
    "fr": "le la les de et des un une que je tu il est dans mon ton sur qui ne pas en du au se",
    "it": "il di che non una mio tuo per con del della mi ti si ch lo gli nel più",
    "la": "et in est non qui te tu cum per ad ave sancta dominus deus",
    "pt": "que não meu minha teu uma com por os quem mais você eu é já só tão",
    "sv": "och i det att en som på är jag du min din ej för med den af om",
}
_WORDS = {language: frozenset(words.split()) for language, words in _STOP_WORDS.items()}
_UPBEAT_SYLLABLES = 3
_SURE = 0.08
"""Share of a verse's words that must be common words of a language for it to be recognised."""
_LABEL = re.compile(r"(?:^|\s)\[?\d{1,2}\s?[.)]\]?(?=\s+\S)")
_UPBEAT = re.compile(r"\s(?:\[?\d{1,2}\s?[.)]\]?\s+(\S+(?: \S+){0,2})|(?<=[.!?…][ ”“»’\"])(\w+(?: \w+)?))$")
"""The first words of a verse under the last notes of the one before, with the verse's number or without."""
_HYPHENS = "-‐‑–_⸏"
_ENCLITIC = re.compile(
    r"(?:je|tu|t|il|ils|elle|elles|on|nous|vous|moi|toi|le|la|les|lui|y|en|ce|ci|là|même)\b"
)


class _Syllable(NamedTuple):
    measure: int
    onset: float
    verse: int
    text: str
    goes_on: bool


def underlay(data: bytes) -> str:
    """The lyrics of a score, a verse a line; no line break within a verse is known.

    Args:
        data: a MusicXML file, plain or compressed (`.mxl`).

    Raises:
        Rejected: "damaged file", "no lyrics".
    """
    root = _parse(data)
    parts = [list(_syllables(part)) for part in root.iterfind("part")]
    sung = _lead(parts)
    if not sung:
        raise Rejected("no lyrics")
    lines = [_tidy(line) for line in _verses(sung, _section_starts(root))]
    lines = _by_label([line for line in lines if re.search(r"\w", line)])
    if not lines:
        raise Rejected("no lyrics")
    languages = [_language(line) for line in lines]
    first = next(filter(None, languages), "")
    return "\n".join(line for line, language in zip(lines, languages, strict=True) if language in (first, ""))


def _parse(data: bytes) -> ElementTree.Element:
    try:
        if data.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                entry = next(
                    info
                    for info in archive.infolist()
                    if info.filename.endswith((".xml", ".musicxml"))
                    and not info.filename.startswith("META-INF")
                )
                if entry.file_size > _LARGEST:
                    raise Rejected("file too large", f"{entry.file_size} bytes unpacked")
                data = archive.read(entry)
        return ElementTree.fromstring(data)
    except (
        zipfile.BadZipFile,
        StopIteration,
        ElementTree.ParseError,
        EOFError,
        ValueError,
        KeyError,
    ) as error:
        raise Rejected("damaged file", str(error)[:80]) from None


def _syllables(part: ElementTree.Element) -> Iterator[_Syllable]:
    """The syllables of a part and their places, one a note and verse; onsets are in divisions."""
    seen = set()
    for number, measure in enumerate(part.iterfind("measure")):
        now = onset = 0.0
        for entry in measure:
            length = float(entry.findtext("duration") or 0)
            if entry.tag == "backup":
                now -= length
            elif entry.tag == "forward":
                now += length
            elif entry.tag == "note":
                if entry.find("chord") is None:
                    onset, now = now, now + length
                for lyric in entry.iterfind("lyric"):
                    text, goes_on = _text(lyric)
                    verse = int(re.sub(r"\D", "", lyric.get("number", "")) or 1)
                    if text and (number, onset, verse) not in seen:
                        seen.add((number, onset, verse))
                        yield _Syllable(number, onset, verse, text, goes_on)


def _text(lyric: ElementTree.Element) -> tuple[str, bool]:
    """Return the text under one note, and whether its last word continues under the next."""
    text, goes_on = "", False
    for child in lyric:
        if child.tag == "text":
            text += child.text or ""
        elif child.tag == "elision":
            text += " "
        elif child.tag == "syllabic":
            goes_on = child.text in ("begin", "middle")
    text = re.sub("[\u00ad\u200b]", "", text)
    return " ".join(re.sub("[\u203f\u035c\ue000-\uf8ff\u00a0]", " ", text).split()), goes_on


def _lead(parts: Sequence[list[_Syllable]]) -> list[_Syllable]:
    """The fullest part, and where it is silent what others sing."""
    sung: list[_Syllable] = []
    for part in sorted(parts, key=len, reverse=True):
        taken = {syllable.measure for syllable in sung}
        for run in _runs(syllable for syllable in part if syllable.measure not in taken):
            if not taken or len(run) > _UPBEAT_SYLLABLES:
                sung += run
    return sorted(sung, key=lambda syllable: syllable[:2])


def _runs(part: Iterable[_Syllable]) -> Iterator[list[_Syllable]]:
    """Syllables in neighbouring measures."""
    run: list[_Syllable] = []
    for syllable in part:
        if run and syllable.measure > run[-1].measure + 1:
            yield run
            run = []
        run.append(syllable)
    if run:
        yield run


def _section_starts(root: ElementTree.Element) -> list[int]:
    """Measures at which a repeated section begins, or the music after one."""
    starts = set()
    for part in root.iterfind("part"):
        for number, measure in enumerate(part.iterfind("measure")):
            for repeat in measure.iter("repeat"):
                starts.add(number if repeat.get("direction") == "forward" else number + 1)
    return sorted(starts)


def _verses(sung: Sequence[_Syllable], starts: Sequence[int]) -> list[str]:
    """Section by section, the verses of each in order; the first verse runs on across sections."""
    sections: list[dict[int, list[_Syllable]]] = []
    for _, group in groupby(sung, lambda syllable: sum(start <= syllable.measure for start in starts)):
        if not sections or max(map(len, sections[-1].values())) > _UPBEAT_SYLLABLES:
            sections.append(defaultdict(list))  # a section of a few syllables is the upbeat to the next
        for syllable in group:
            sections[-1][syllable.verse].append(syllable)
    lines: list[str] = []
    last = 0
    for section in sections:
        for verse in sorted(section):
            words = _join(section[verse])
            if verse == last:
                lines[-1] += f" {words}"
            else:
                lines.append(words)
            last = verse
    return lines


def _join(syllables: Iterable[_Syllable]) -> str:
    """Words from syllables. Hyphens that are written out as well are taken off, but for those of French."""
    line, open_word = "", False
    for syllable in syllables:
        text = re.sub(rf"(?<=\w)\s+[{_HYPHENS}]+\s+(?=[^\W\d_A-Z])", "", syllable.text)
        if open_word or re.match(rf"[{_HYPHENS}]+\s*(?=[^\W\d_A-Z])", text):
            text = text.lstrip(_HYPHENS + " ")
            hyphen = "-" if line.endswith("-") and _ENCLITIC.match(text) else ""
            line = line.rstrip(_HYPHENS + " ") + hyphen + text
        else:
            line += f" {text}"
        open_word = syllable.goes_on or bool(re.search(r"\w\s*[-‐‑]+$", text))
    return line


def _tidy(line: str) -> str:
    line = re.sub(r"(?<=\s)[.,;:_]+(?=\s|$)|_", "", line)
    return re.sub(r"\s+([.,;])", r"\1", " ".join(line.split()))


def _by_label(lines: list[str]) -> list[str]:
    """Move upbeats to the verse that they begin, and take off the numbers of verses."""
    for number in range(len(lines) - 1):
        line = lines[number]
        after = _LABEL.sub("", lines[number + 1], count=1).strip()
        if (upbeat := _UPBEAT.search(line)) and (upbeat[1] or after[:1].islower()):
            lines[number] = line[: upbeat.start()]
            lines[number + 1] = f"{upbeat[1] or upbeat[2]} {after}"
    return [verse.strip() for line in lines for verse in _LABEL.split(line) if re.search(r"\w", verse)]


def _language(line: str) -> str:
    """The language whose common words are most frequent in a line; empty if no language's are."""
    words = Counter(re.findall(r"[^\W\d_]+", line.casefold()))
    total = sum(words.values())
    hits = {name: sum(words[word] for word in common) for name, common in _WORDS.items()}
    best = max(hits, key=lambda name: hits[name])
    return best if total >= 6 and hits[best] >= _SURE * total else ""
