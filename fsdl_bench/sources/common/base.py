"""Source: where songs come from. A source lists items (cheap) and reads one item into a `Song` (costly).

A source is one module of `fsdl_bench.sources` with one function, `open(tree, **options) -> Source`; the
module's name is the source's name in a track definition. Nothing has to be registered: every module there is
a source, and what sources share is in the packages beside them.

Listing runs once, in the main process; reading runs in workers, so a source and its items can be pickled.
Files that are not songs are never dropped in silence: listing appends `(origin, reason, detail)` to
`rejected`, reading raises `Rejected`.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Protocol, get_type_hints

from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.metadata import NOTHING, Metadata
from fsdl_bench.music.notes import Notes
from fsdl_bench.options import WrongType, typed
from fsdl_bench.songs import Kind, Song
from fsdl_bench.sources.cleaning import Cleaner
from fsdl_bench.sources.common.text import decode_text
from fsdl_bench.sources.common.tree import Tree

Rejection = tuple[str, str, str]
"""(origin, reason, detail): one row of `rejected.parquet`, less the source's name."""


@dataclass(frozen=True, slots=True)
class Item:
    """A song that has not been read yet: what the listing knows of it.

    Attributes:
        origin: the path inside the source as people read it (see `printable`), and what tells items apart.
        artist: as in `Song`; empty when only reading tells.
        title: as in `Song`; empty when only reading tells.
        work: as in `Song`; empty for a song that is a work of its own.
        licence: as in `Song`; empty when only reading tells.
        path: the file to read, relative to the tree, as the operating system spells it.
        text: the words, or the tune in ABC, where listing has met them already.
        span: first byte and length of the song's part of that file; None for the whole file.
        metadata: what else the listing knows.
    """

    origin: str
    artist: str = ""
    title: str = ""
    work: str = ""
    licence: str = ""
    path: str | None = None
    text: str | None = None
    span: tuple[int, int] | None = None
    metadata: Metadata = NOTHING


class Source(Protocol):
    """Songs of one kind from one folder."""

    kind: Kind
    rejected: list[Rejection]

    def items(self) -> Iterator[Item]:
        """The songs, not yet read, always in the same order; fills `rejected` as it goes."""
        ...

    def read(self, item: Item) -> Song:
        """Read one song.

        Raises:
            Rejected: the song cannot be used; the reason says why.
            BadInput: a file is not the one that the track pins.
        """
        ...


def open_source(name: str, tree: Tree | None, /, kind: Kind | None = None, **options: Any) -> Source:
    """The source called `name` over the files of `tree`.

    Args:
        name: a module of `fsdl_bench.sources`; see `source_names`.
        tree: the files; None for a source that generates its songs.
        kind: what the songs must be; handed on to sources that can yield either kind.
        options: the source's own options; see its `open`. A text is read in the type of the annotation.

    Raises:
        BadInput: there is no such source, it does not take these options or values, or it has songs of the
            other kind.
    """
    if name not in source_names():
        raise BadInput(f"there is no source {name!r}; there are: {', '.join(source_names())}")
    opener = importlib.import_module(f"fsdl_bench.sources.{name}").open
    known = list(inspect.signature(opener).parameters)[1:]
    if unknown := sorted(set(options) - set(known)):
        raise BadInput(f"source {name!r} has no option {', '.join(unknown)}; it takes: {', '.join(known)}")
    hints = get_type_hints(opener)
    for key, value in options.items():
        try:
            options[key] = typed(value, hints.get(key, Any))
        except WrongType as error:
            raise BadInput(f"option {key}: {error}") from None
    if kind is not None and "kind" in known:
        options["kind"] = kind
    source: Source = opener(tree, **options)
    if kind is not None and source.kind != kind:
        raise BadInput(f"source {name!r} has {source.kind}, not {kind}")
    return source


def source_names() -> list[str]:
    """The names that `open_source` takes."""
    import fsdl_bench.sources as package

    return sorted(module.name for module in pkgutil.iter_modules(package.__path__) if not module.ispkg)


def json_files(tree: Tree, pattern: re.Pattern[str]) -> Iterator[tuple[str, Any]]:
    """Yield path and content of the JSON files whose whole path matches.

    Raises:
        BadInput: one of them is not valid JSON.
    """
    for path in tree.files(".json"):
        if pattern.fullmatch(path):
            try:
                yield path, json.loads(tree.read(path))
            except (UnicodeDecodeError, json.JSONDecodeError) as error:
                raise BadInput(f"{tree.root / path} is not valid JSON: {error}") from None


def stanzas(text: str) -> tuple[int, ...]:
    """Return the number of lines of each stanza: of each run of lines that are not empty."""
    runs = groupby(text.splitlines(), key=lambda line: bool(line.strip()))
    return tuple(len(list(lines)) for filled, lines in runs if filled)


def read_song(
    item: Item, tree: Tree, kind: Kind, encoding: str | None = None, cleaner: Cleaner | None = None
) -> Song:
    """Read an item that is one file, or whose words are at hand, into a song.

    Args:
        item: what the listing said; artist and title must be known.
        tree: the tree of the file.
        kind: `lyrics` reads text, `midi` reads notes (see `fsdl_bench.music.formats`).
        encoding: of text files; None finds it (see `decode_text`).
        cleaner: removes from a text what is not lyrics; None keeps it as it is.
    """
    content: str | Notes
    metadata = item.metadata
    if item.text is not None and kind == "lyrics":
        content = item.text
    elif item.text is not None:
        from fsdl_bench.music.formats import read_music

        content, facts = read_music(item.text.encode(), str(item.path))
        metadata = metadata.merged(facts)
    else:
        if item.path is None:
            raise ValueError(f"item {item.origin!r} has neither path nor text")
        data = tree.read(item.path)
        if not data:
            raise Rejected("empty file")
        if kind == "midi":
            from fsdl_bench.music.formats import read_music

            content, facts = read_music(data, item.path)
            metadata = metadata.merged(facts)
        else:
            content = decode_text(data, encoding)
    cleaned: tuple[str, ...] = ()
    if isinstance(content, str):
        if cleaner is not None:
            content, cleaned = cleaner.clean(content, item.title, item.artist)
        if not content.strip():
            raise Rejected("no text")
        metadata = metadata.merged(Metadata(stanzas=stanzas(content)))
    work = item.work or item.origin
    return Song(item.artist, item.title, work, item.licence, item.origin, content, metadata, cleaned)
