"""Yuan-dynasty qu (chinese-poetry): songs to named tunes, `元曲/yuanqu.json`, of plays and of suites.

An entry has an author, a title and lines (`paragraphs`). The title is one of

    mode・tune and subject       the first song of a suite, or a song of its own      双调・蟾宫曲
    tune・first words            a further song of a suite; its first words are lyrics
    play・tune                   a song of a play; the author may have the play's name in 《》
    tune                         a song of the play or suite that the songs before it belong to

Songs of one play or suite are one work. Stage directions in brackets are left out, and with them what is
spoken: from `(... says)` to `(... sings)`. Songs of nobody, with gaps, or with misread characters are
rejected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fsdl_bench.errors import Rejected
from fsdl_bench.metadata import Metadata
from fsdl_bench.songs import Kind, Song
from fsdl_bench.sources.common.base import Item, Rejection, json_files, read_song
from fsdl_bench.sources.common.tree import Tree

LICENCE = "MIT"
_FILE = re.compile(r"(?:.*/)?元曲/yuanqu\.json")
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
_NOBODY = re.compile(r"无名氏.*|.*氏")
_MODES = frozenset(
    {
        *("仙吕", "南吕", "中吕", "黄钟", "正宫", "道宫", "宫调", "商调", "角调", "越调", "双调"),
        *("大石调", "小石调", "般涉调", "商角调", "高平调", "歇指调"),
    }
)
_AGAIN = re.compile(r"前腔.*|同前.*|换头|幺篇|幺|又|[一二三四五六七八九十]+")
"""The tune of the song before."""
_BRACKETS = re.compile(r"[(（]([^()（）]*)[)）]")
_SPOKEN = re.compile(r"[云白道曰念问]$")
_GAP = re.compile(r"□|…|[［\[]")
_MISREAD = re.compile(rf"[^{_HAN}。，、；：？！《》“”‘’\n]")
_PUNCTUATION = re.compile("[，。；：？！、]")
_SHORTEST = 10


def open(tree: Tree) -> QuSource:  # noqa: A001
    """Return the qu of the repository."""
    return QuSource(tree)


@dataclass
class QuSource:
    """Qu as `Item`s with their text."""

    tree: Tree
    kind: Kind = "lyrics"
    rejected: list[Rejection] = field(default_factory=list)

    def items(self) -> Iterator[Item]:
        """Yield the songs in order; what a title means depends on the songs before it."""
        self.rejected = []
        for path, entries in json_files(self.tree, _FILE):
            place = _Place(_tunes(entries))
            for number, entry in enumerate(entries):
                origin = f"{path}#{number}"
                found = place.read(entry, number)
                try:
                    text = _text(found.opening, entry["paragraphs"])
                    _refuse(found.author, text)
                except Rejected as error:
                    self.rejected.append((origin, error.reason, error.detail))
                    continue
                metadata = Metadata(form=found.tune or None, collection=found.play or None)
                title = " ".join(filter(None, (found.play, found.title)))
                yield Item(origin, found.author, title, found.work, LICENCE, text=text, metadata=metadata)
        self.rejected += self.tree.problems

    def read(self, item: Item) -> Song:
        """Return the song; its text is at hand."""
        return read_song(item, self.tree, self.kind)


@dataclass
class _Found:
    """The parts of a title.

    Attributes:
        author, play, tune, title: "" if there is none.
        work: the play or suite.
        opening: first words of the lyrics.
    """

    author: str
    play: str
    tune: str
    title: str
    work: str
    opening: str = ""


class _Place:
    """The place of a title in the collection: author, play or suite, and tune of the song before."""

    def __init__(self, tunes: frozenset[str]) -> None:
        self._tunes = tunes
        self._last = _Found("", "", "", "", "")

    def read(self, entry: dict[str, Any], number: int) -> _Found:
        """Return what the title of the next entry means."""
        author, _, rest = entry["author"].partition("《")
        play, title = rest.rstrip("》"), entry["title"].strip("・ ")
        last = self._last
        head, _, tail = title.partition("・")
        suite = last.work if last.author == author and not last.play else f"suite {number}"
        if play:
            found = _Found(author, play, title, title, play)
        elif tail and head in _MODES:
            found = _Found(author, "", self._tune_of(tail), tail, f"suite {number}")
        elif tail and (_PUNCTUATION.search(tail) or len(tail) > 12):
            found = _Found(author, "", head, head, suite, tail)
        elif tail:
            found = _Found(author, head, tail.rpartition("/")[2], tail, head)
        elif _PUNCTUATION.search(title):  # the tune of the song is lost
            found = _Found(author, "", "", "", suite, title)
        else:
            work = last.work if last.author == author else f"suite {number}"
            tune = title.rpartition("/")[2]
            found = _Found(author, last.play if last.author == author else "", tune, title, work)
        if _AGAIN.fullmatch(found.tune) and last.author == author:
            found.tune = last.tune
        self._last = found
        return found

    def _tune_of(self, text: str) -> str:
        """Return the longest tune that a title begins with; the subject follows it without a mark."""
        return next((text[:n] for n in range(len(text), 1, -1) if text[:n] in self._tunes), "")


def _tunes(entries: list[dict[str, Any]]) -> frozenset[str]:
    """Return the tunes of the songs of plays, and of the further songs of suites, sung by themselves."""
    found = set()
    for entry in entries:
        head, _, tail = entry["title"].strip("・ ").partition("・")
        long = bool(_PUNCTUATION.search(tail)) or len(tail) > 12
        name = head if long or not tail else tail.rpartition("/")[2] if head not in _MODES else ""
        if 2 <= len(name) <= 7 and not _PUNCTUATION.search(name) and not _AGAIN.fullmatch(name):
            found.add(name)
    return frozenset(found)


def _text(opening: str, paragraphs: list[str]) -> str:
    """Return what is sung, one sentence a line."""
    whole = opening + "\n".join(paragraphs)
    pieces, start, spoken = [], 0, False
    for found in _BRACKETS.finditer(whole):
        pieces.append("" if spoken else whole[start : found.start()])
        start = found.end()
        spoken = bool(_SPOKEN.search(found[1])) or (spoken and "唱" not in found[1])
    pieces.append("" if spoken else whole[start:])
    lines = re.split(r"(?<=[。？！])|\n", "".join(pieces))
    lines = [re.sub(r"[\s‘’“”\"]", "", line) for line in lines]
    return "\n".join(line for line in lines if re.search(f"[{_HAN}□\ufffd]", line))


def _refuse(author: str, text: str) -> None:
    """Reject what is no whole song of an author.

    Raises:
        Rejected: with the reason.
    """
    if _NOBODY.fullmatch(author):
        raise Rejected("no author", author)
    if not text:
        raise Rejected("no text")
    if "\ufffd" in text:
        raise Rejected("lost bytes (U+FFFD)", f"{text.count(chr(0xFFFD))} in the text")
    if found := _GAP.search(text):
        raise Rejected("gaps in the text", found.group())
    if found := _MISREAD.search(text):
        raise Rejected("misread character", f"U+{ord(found.group()):04X}")
    if (length := len(re.findall(f"[{_HAN}]", text))) < _SHORTEST:
        raise Rejected("fragment", f"{length} characters")
