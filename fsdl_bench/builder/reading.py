"""The reading stage: read the listed items into chunk files, in workers, continuing an earlier run.

A chunk's name is a hash of the definition, the items with size, time and pin of their files, what the source
has learnt from all files, the code that reads them, and the libraries that the code uses.
"""

from __future__ import annotations

import platform
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from fsdl_bench import engine, fingerprint
from fsdl_bench.builder import measuring
from fsdl_bench.builder.chunks import write_chunk
from fsdl_bench.builder.listing import Listing
from fsdl_bench.builder.measuring import ChunkTask
from fsdl_bench.checked import is_intact, remove_checked
from fsdl_bench.engine import Failure
from fsdl_bench.progress import bar, note
from fsdl_bench.sources.common.base import Item
from fsdl_bench.tracks.definition import TrackDefinition
from fsdl_bench.versions import package_versions

CHUNK_SONGS = 256
SONG_SECONDS = 60.0
"""A song that takes longer to read is left out."""

_LIBRARIES = ("anyascii", "lilypond", "numpy", "openpyxl", "py3langid", "pyarrow", "symusic", "verovio")


class ReadResult(NamedTuple):
    """The chunk files, and how many songs an earlier run had read."""

    paths: list[Path]
    resumed: int


def read_all(
    definition: TrackDefinition, listing: Listing, folder: Path, workers: int, progress: bool
) -> ReadResult:
    """Read every listed item into a chunk in `folder`, unless an intact chunk is there.

    If a worker dies or hangs, the items of its chunk are read again one by one, and only the song that caused
    it is rejected.
    """
    tasks = list(_tasks(definition, listing, folder))
    left = _unread(tasks)
    total, unread = _songs(tasks), _songs(left)
    if unread < total:
        note(f"continuing an earlier run: {total - unread:,} of {total:,} songs are read", progress)
    paths = {task.path for task in tasks}
    lost: list[ChunkTask] = []
    with bar("reading", "song", progress, total=total, done=total - unread) as shown:
        for task, outcome in _run(definition, listing, left, workers, _chunk_seconds(CHUNK_SONGS)):
            if isinstance(outcome, Failure):
                lost.append(task)
                paths.remove(task.path)
            else:
                shown.update(len(task.items))
        alone = [
            _task(definition, listing, folder, task.source, (item,)) for task in lost for item in task.items
        ]
        paths.update(task.path for task in alone)
        alone = _unread(alone)
        for task, outcome in _run(definition, listing, alone, workers, SONG_SECONDS):
            if isinstance(outcome, Failure):
                name = definition.sources[task.source].source
                row = (name, task.items[0].origin, f"reader {outcome.reason}", outcome.detail)
                write_chunk(task.path, definition.kind, [], [row])
            shown.update(1)
    return ReadResult(sorted(paths), total - unread)


def _unread(tasks: Iterable[ChunkTask]) -> list[ChunkTask]:
    """Return the tasks without an intact chunk. Remove damaged chunks."""
    left: list[ChunkTask] = []
    for task in tasks:
        if not is_intact(task.path):
            if task.path.exists():
                note(f"{task.path} is damaged; its {len(task.items):,} songs are read again")
                remove_checked(task.path)
            left.append(task)
    return left


def _chunk_seconds(songs: int) -> float:
    """Return the time limit of a chunk: one slow song, and two seconds for each of the others."""
    return SONG_SECONDS + 2 * songs


def _songs(tasks: Sequence[ChunkTask]) -> int:
    return sum(len(task.items) for task in tasks)


def _run(
    definition: TrackDefinition, listing: Listing, tasks: Sequence[ChunkTask], workers: int, limit: float
) -> Iterator[tuple[ChunkTask, Failure | None]]:
    if not tasks:
        return
    outcomes = engine.run(
        measuring.read,
        tasks,
        workers=min(workers, len(tasks)),
        initializer=measuring.start,
        initargs=(definition, listing.sources),
        timeout=limit,
    )
    yield from zip(tasks, outcomes, strict=True)


def _tasks(definition: TrackDefinition, listing: Listing, folder: Path) -> Iterator[ChunkTask]:
    for source, items in enumerate(listing.items):
        for start in range(0, len(items), CHUNK_SONGS):
            yield _task(definition, listing, folder, source, tuple(items[start : start + CHUNK_SONGS]))


def _task(
    definition: TrackDefinition, listing: Listing, folder: Path, source: int, items: tuple[Item, ...]
) -> ChunkTask:
    """Return the task whose chunk is named by the hash of everything that it depends on."""
    stamps = [repr((source, item, _stamp(listing, source, item))) for item in items]
    surveyed: list[str] = getattr(listing.sources[source], "surveyed", list)()
    key = fingerprint.key(_code(definition.sources[source].source), definition.to_toml(), stamps, surveyed)
    return ChunkTask(folder / f"{key}.arrow", source, items)


def _stamp(listing: Listing, source: int, item: Item) -> tuple[int, int, str] | None:
    """Return size, time and pinned hash of an item's file; None if it has no file that can be read."""
    tree = listing.trees[source]
    if tree is None or item.path is None:
        return None
    try:
        status = (tree.root / item.path).stat()
    except OSError:
        return None
    pin = tree.pins.get(item.path, b"") if tree.pins is not None else b""
    return status.st_size, status.st_mtime_ns, pin.hex()


@cache
def _code(source: str) -> list[object]:
    """Return what the reading of a source runs on: our own code, and the versions of libraries."""
    package = "fsdl_bench.sources"
    spec = find_spec(f"{package}.{source}")
    file = Path((spec and spec.origin) or "")
    sources, own = [source], ""
    if not file.is_relative_to(fingerprint.PACKAGE):  # from outside; it may import any source of ours
        sources = sorted(path.stem for path in (fingerprint.PACKAGE / "sources").glob("[!_]*.py"))
        own = fingerprint.content(file)
    code = fingerprint.modules("fsdl_bench.builder.measuring", *(f"{package}.{name}" for name in sources))
    return [code, own, platform.python_version(), unicodedata.unidata_version, package_versions(_LIBRARIES)]
