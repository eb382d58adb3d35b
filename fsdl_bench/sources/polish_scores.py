"""Polish scores (Chopin Institute): `**kern` files, with the library's catalogue in their headers.

A header line reads `!!!KEY: value`. COM is the composer, family name first; OTL the title; OPR the work of a
movement; GTL the collection of a piece; SMS-siglum and SMS-shelfmark the manuscript; SMS-shelfwork the
position in it, with `M` for a movement, `G` for a piece of a collection, `W` for a work. Licence: CC BY 4.0
if the file says so (YEM); other files are left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from anyascii import anyascii

from fsdl_bench.errors import Rejected
from fsdl_bench.metadata import Metadata, year_in
from fsdl_bench.songs import Kind, Song
from fsdl_bench.sources.common.base import Item, Rejection
from fsdl_bench.sources.common.text import same_title
from fsdl_bench.sources.common.tree import Tree

LICENCE = "CC-BY-4.0"
_HEAD_BYTES = 4096
"""The catalogue's lines are at the head; only the licence is at the end of some files."""
_RECORD = re.compile(
    r"^!!!(COM|OTL|OPR|GTL|SMS-siglum|SMS-shelfmark|SMS-shelfwork|cenid|CDT|CNT|PDT|AGN|AIN|URL-scan):"
    r"[ \t]*(.*?)[ \t\r]*$",
    re.M,
)
_LICENSED = re.compile(rb"^!!!YEM:.*\bCC[ -]BY[ -]4\.0\b", re.M)
_TOLERATED = 0.02
"""By what share of its length a conversion may be off."""
_NOBODY = re.compile(r"Anonim\w*|Anonymus|N\.? ?N\.?|(?:[A-Z]\. ?)+", re.I)
"""Unknown, or initials only."""
_REVISION = re.compile(r"\s*\[(?:ante|post) correcturam\]", re.I)


def open(tree: Tree) -> PolishSource:  # noqa: A001
    """The scores of the repository, `<library>/kern/*.krn`."""
    return PolishSource(tree)


@dataclass
class PolishSource:
    """One `Item` a file; movements, and copies of one piece in several manuscripts, share a work."""

    tree: Tree
    kind: Kind = "midi"
    rejected: list[Rejection] = field(default_factory=list)

    def items(self) -> Iterator[Item]:
        """The scores with a licence and a composer."""
        self.rejected = []
        copies: Counter[tuple[str, str]] = Counter()
        for path in self.tree.files(".krn"):
            try:
                head = self.tree.head(path, _HEAD_BYTES)
                if not _LICENSED.search(head) and not _LICENSED.search(self.tree.read(path)):
                    raise Rejected("no CC BY 4.0 licence", "no YEM line that gives it")
                header = _header(head)
                artist = _composer(header.get("COM", ""), path)
            except Rejected as error:
                self.rejected.append((path, error.reason, error.detail))
            else:
                work = _work(header, copies)
                yield Item(path, artist, _title(header), work, LICENCE, path, metadata=_metadata(header))
        self.rejected += self.tree.problems

    def prepare(self, items: Sequence[Item], workers: int, progress: bool) -> None:
        """Convert the scores that are not converted yet."""
        from fsdl_bench.music.scores import convert_scores

        paths = [item.path for item in items if item.path]
        convert_scores(paths, self.tree.read, workers=workers, progress=progress)

    def read(self, item: Item) -> Song:
        """The notes of the conversion.

        Raises:
            Rejected: also if the conversion is not as long as the score.
        """
        from fsdl_bench.music.formats import from_midi
        from fsdl_bench.music.kern import mismatch
        from fsdl_bench.music.scores import score_to_midi

        data = self.tree.read(str(item.path))
        midi = score_to_midi(data)
        off = mismatch(data.decode("utf-8", "replace"), midi)
        if off > _TOLERATED:
            raise Rejected("conversion of another length", f"{off:.0%} longer or shorter than the score")
        notes, facts = from_midi(midi)
        metadata = item.metadata.merged(facts)
        return Song(item.artist, item.title, item.work, item.licence, item.origin, notes, metadata)


def _header(head: bytes) -> dict[str, str]:
    """The first value of each record that has one."""
    header: dict[str, str] = {}
    for key, value in _RECORD.findall(head.decode("utf-8", "replace")):
        if value:
            header.setdefault(key, value)
    return header


def _composer(name: str, path: str) -> str:
    """The composer, given name first.

    Raises:
        Rejected: nobody, or the file's name, which the catalogue gave it, says another family name.
    """
    if not name or _NOBODY.fullmatch(name):
        raise Rejected("no artist", name)
    family, _, given = name.partition(",")
    file_name = path.rpartition("/")[2].partition("_")[2].partition("--")[0]
    if file_name and not set(_slug(family)) & set(_slug(file_name)):
        raise Rejected("composer in doubt", f"{name} in the header, {file_name} in the file's name")
    return f"{given.strip()} {family.strip()}".strip()


def _slug(name: str) -> list[str]:
    return re.findall(r"[a-z]+", anyascii(name).casefold())


def _title(header: dict[str, str]) -> str:
    title = header.get("OTL", "")
    parent = header.get("OPR") or ""
    return f"{parent}: {title}" if parent and title else parent or title


def _metadata(header: dict[str, str]) -> Metadata:
    """Return what the catalogue tells: dates, collection, manuscript, genre, scoring and scan."""
    born, _, died = header.get("CDT", "").partition("-")
    shelf = f"{header.get('SMS-siglum', '')} {header.get('SMS-shelfmark', '')}".strip()
    named = {"manuscript": shelf, "scoring": header.get("AIN"), "nationality": header.get("CNT")}
    url = re.match(r"https?://\S+", header.get("URL-scan", ""))
    return Metadata(
        year=year_in(header.get("PDT")),
        born=year_in(born),
        died=year_in(died),
        collection=header.get("GTL"),
        catalogue=header.get("cenid"),
        genre=header.get("AGN"),
        url=url[0] if url else None,
        extra=tuple((name, value) for name, value in named.items() if value),
    )


def _work(header: dict[str, str], copies: Counter[tuple[str, str]]) -> str:
    """Return the work that the piece is a movement or a copy of, unique within the composer.

    A movement is identified by the title of its work, so copies of a work in several manuscripts or under
    several numbers are one work. An independent piece is identified by its title if that has at least two
    words; pieces with the same title in one manuscript are numbered. Mistaking two works for one costs
    little: they are never split between support and query. Mistaking one work for two could put its copies on
    both sides.
    """
    place = f"{header.get('SMS-siglum', '')} {header.get('SMS-shelfmark', '')}".strip()
    number, _, letter = header.get("SMS-shelfwork", "").rpartition(" ")
    if letter == "M" and (parent := same_title(header.get("OPR", ""))):
        return parent
    title = same_title(_REVISION.sub("", f"{header.get('GTL', '')} {header.get('OTL', '')}"))
    if len(title.split()) < 2:
        return f"{title} {place} {number}".strip()
    key = (place, title)
    if not _REVISION.search(header.get("OTL", "")):
        copies[key] += 1
    return title if copies[key] <= 1 else f"{title} ({copies[key]})"
