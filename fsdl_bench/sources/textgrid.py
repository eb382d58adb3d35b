"""German verse (TextGrid's Digital Library): one `json/<author>.json` for each author, a list of poems.

A poem has author ("Logau, Friedrich von"), title, publicationDate (of the edition) and text, a list of
stanzas that are lists of lines. Most poems are there twice; the build removes the copies. Some have every
stanza twice, which is mended. Left out, each with its reason: authors who are nobody or whom somebody
translated, translations by their titles, plays and dialogues, epics, prose.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from statistics import median

from fsdl_bench.errors import Rejected
from fsdl_bench.metadata import Metadata, year_in
from fsdl_bench.songs import Kind, Song
from fsdl_bench.sources.common.base import Item, Rejection, json_files, read_song
from fsdl_bench.sources.common.tree import Tree

LICENCE = "CC-BY-3.0"
_FILE = re.compile(r"(?:.*/)?json/[^/]+\.json")
_NOBODY = re.compile(r"Anonym\b|.*\((?:Hg|Hrsg)\.\)")
_TRANSLATED = frozenset(
    {
        "Anakreon", "Iuvenalis, Decimus Iunius", "Ḥāfeẓ, Šams o'd-din Moḥammad", "Keats, John",
        "Petöfi, Sándor", "Poe, Edgar Allan", "Rumi, Ǧalāl o’d-din", "Verlaine, Paul-Marie",
    }
)  # fmt: skip
"""Authors who wrote in other languages; the German is a translator's."""
_OTHER_TONGUE = (
    "Engl|Schott|Franz|Griech|Latein|Ital|Span|Portug|Pers|Arab|"
    "Türk|Russ|Poln|Ungar|Dän|Schwed|Hebr|Ind|Chines"
)
_TRANSLATION = re.compile(
    rf"(?i:übersetz)|(?:[Aa]us dem|[Nn]ach dem)\s+(?:{_OTHER_TONGUE})|Ode (?:Anakreons|des Horaz)"
)
_LONGEST = 12_000
"""Characters above which a text is an epic or a play."""
_PROSE_LINE = 90
"""Median line length, in characters, above which a text is prose."""


def open(tree: Tree) -> TextgridSource:  # noqa: A001
    """Return the poems of the repository."""
    return TextgridSource(tree)


@dataclass
class TextgridSource:
    """Poems as `Item`s with their text."""

    tree: Tree
    kind: Kind = "lyrics"
    rejected: list[Rejection] = field(default_factory=list)

    def items(self) -> Iterator[Item]:
        """Yield the poems, file by file."""
        self.rejected = []
        for path, poems in json_files(self.tree, _FILE):
            for number, poem in enumerate(poems):
                origin = f"{path}#{number}"
                try:
                    text = _text(poem["text"])
                    _refuse(poem["author"], poem["title"], text)
                except Rejected as error:
                    self.rejected.append((origin, error.reason, error.detail))
                    continue
                year = year_in(str(poem["publicationDate"]))
                metadata = Metadata(
                    language="de",
                    extra=(("edition", str(year)),) if year else (),
                )
                artist = _given_first(poem["author"])
                yield Item(origin, artist, poem["title"], "", LICENCE, text=text, metadata=metadata)
        self.rejected += self.tree.problems

    def read(self, item: Item) -> Song:
        """Return the poem; its text is at hand."""
        return read_song(item, self.tree, self.kind)


def _text(stanzas: Sequence[Sequence[str]]) -> str:
    """Return the text, with one stanza of each pair where most stanzas are there twice."""
    found = ["\n".join(line.strip() for line in stanza) for stanza in stanzas]
    found = [stanza for stanza in found if stanza.strip()]
    runs = [stanza for stanza, _ in groupby(found)]
    doubled = len(found) - len(runs)
    return "\n\n".join(runs if 10 * doubled >= 3 * len(found) and len(found) > 1 else found)


def _refuse(author: str, title: str, text: str) -> None:
    """Reject what is no poem of its author.

    Raises:
        Rejected: with the reason.
    """
    if _NOBODY.fullmatch(author):
        raise Rejected("no author", author)
    if author in _TRANSLATED:
        raise Rejected("translation", f"{author} did not write in German")
    if found := _TRANSLATION.search(title):
        raise Rejected("translation", found[0])
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        raise Rejected("no text")
    if "\ufffd" in text:
        raise Rejected("lost bytes (U+FFFD)", f"{text.count(chr(0xFFFD))} in the text")
    if len(text) > _LONGEST:
        raise Rejected("an epic or a play", f"{len(text)} characters")
    if median(map(len, lines)) > _PROSE_LINE:
        raise Rejected("prose", f"median line of {median(map(len, lines)):.0f} characters")
    names = Counter(line for line in lines if len(line) < 25 and line.endswith(".") and len(line.split()) < 4)
    if len(speakers := [name for name, count in names.items() if count >= 3]) >= 2:
        raise Rejected("a play", f"speakers {', '.join(speakers[:3])}")


def _given_first(name: str) -> str:
    """Return "Friedrich von Logau" for "Logau, Friedrich von", without what is in brackets."""
    family, _, given = re.sub(r"\s*\([^)]*\)", "", name).partition(",")
    return f"{given.strip()} {family.strip()}".strip()
