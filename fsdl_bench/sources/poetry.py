"""Public-domain poetry (facjure): one poem a file, a head with `author:` and `title:`, then the verse.

What is not the poem is taken off (see `sources.verse`). What cannot be mended is rejected: texts with lost
bytes or passages, prose, plays, texts with an editor's variants in them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from fsdl_bench.errors import Rejected
from fsdl_bench.metadata import Metadata, year_in
from fsdl_bench.songs import Kind, Song
from fsdl_bench.sources.cleaning.verse import clean
from fsdl_bench.sources.common.base import Item, Rejection
from fsdl_bench.sources.common.tree import Tree

LICENCE = "public domain"
_HEAD_BYTES = 2048
_HEADER = re.compile(r"---[ \t]*\n(.*?\n)?---[ \t]*(?:\n|\Z)", re.S)
_PROSE_TITLE = re.compile(r"\((?:little poems in )?(?:prose|prose fable|essay)\)", re.I)
_PROSE_LINE = 140
"""Median line length, in characters, above which a text is prose; Whitman's longest verses stay below."""


def open(tree: Tree) -> PoetrySource:  # noqa: A001
    """The poems under `poems/` of the repository."""
    return PoetrySource(tree)


@dataclass
class PoetrySource:
    """Poems as `Item`s: the listing reads the head of each file only."""

    tree: Tree
    kind: Kind = "lyrics"
    rejected: list[Rejection] = field(default_factory=list)

    def items(self) -> Iterator[Item]:
        """One item a file that names an author."""
        self.rejected = []
        for path in self.tree.files():
            folder, _, name = path.rpartition("/")
            if not folder.endswith("poems"):
                continue
            if not name.endswith(".txt"):
                self.rejected.append((path, "not a poem's file", "all poems in one file"))
                continue
            head = self.tree.head(path, _HEAD_BYTES).decode("utf-8", "replace")
            author, title = _header_field(head, "author"), _header_field(head, "title")
            if not author:
                self.rejected.append((path, "no author", head.partition("\n")[0][:60]))
                continue
            title = _plain(title) or name.removesuffix(".txt")
            yield Item(path, author, title, "", LICENCE, path, metadata=_metadata(head))
        self.rejected += self.tree.problems

    def read(self, item: Item) -> Song:
        """The poem, cleaned."""
        text = self.tree.read(str(item.path)).decode("utf-8", "replace")
        body = text[found.end() :] if (found := _HEADER.match(text)) else text
        if "\ufffd" in body:  # in the title alone it does no harm: nobody is asked to predict titles
            raise Rejected("lost bytes (U+FFFD)", f"{body.count(chr(0xFFFD))} in the text")
        poem = clean(body, item.title).text
        _refuse(poem, item.title)
        return Song(item.artist, item.title, item.origin, item.licence, item.origin, poem, item.metadata)


_APPARATUS = re.compile(
    r"\b(?:in the|autograph) MSS?\.|^VARIATIONS?\b|^NOTES?:|\bcj\. ?[A-Z]|\bin editions? 1[78]\d\d", re.M
)


def _refuse(poem: str, title: str) -> None:
    """Reject what is no poem, or no longer whole."""
    lines = [line for line in poem.split("\n") if line.strip()]
    if not lines:
        raise Rejected("no text")
    if found := re.search(r"\[Greek[^\]]*\]|\[Hebrew[^\]]*\]", poem):
        raise Rejected("lost text", found.group()[:80])
    if _PROSE_TITLE.search(title) or median(map(len, lines)) > _PROSE_LINE:
        raise Rejected("prose", f"median line of {median(map(len, lines)):.0f} characters")
    stage = re.findall(r"^\W*(?:Re-?)?(?:Enter|Exit|Exeunt)\b", poem, re.M | re.I)
    if len(stage) >= 3:
        raise Rejected("a play", f"{len(stage)} entrances and exits")
    if found := _APPARATUS.search(poem):
        start = max(0, found.start() - 30)
        raise Rejected("editor's notes in the text", " ".join(poem[start : found.end() + 30].split()))


def _header_field(head: str, name: str) -> str:
    found = re.search(rf"^{name}:[ \t]*(.*)$", head.partition("\n---")[0], re.M)
    return " ".join(found.group(1).split()) if found else ""


def _metadata(head: str) -> Metadata:
    """Return what a head tells besides author and title; most tell nothing."""
    tags = re.search(r"^tags:[ \t]*\n((?:-.*\n)+)", head.partition("\n---")[0] + "\n", re.M)
    named = {name: _header_field(head, name) for name in ("year", "country", "gender")}
    return Metadata(
        year=year_in(named["year"]),
        collection=_header_field(head, "book") or None,
        tags=tuple(line.lstrip("- ").strip() for line in tags[1].splitlines()) if tags else (),
        extra=tuple((name, value) for name, value in named.items() if value),
    )


def _plain(title: str) -> str:
    return re.sub(r"\s*\[\d+\]", "", html.unescape(title)).strip()
