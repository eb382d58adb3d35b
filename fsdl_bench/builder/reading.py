"""The reading stage: listed items -> chunk files, in workers, going on from what an earlier run has read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import fsdl_bench
from fsdl_bench import engine
from fsdl_bench.builder import measuring
from fsdl_bench.builder.chunks import write_chunk
from fsdl_bench.builder.listing import Listing
from fsdl_bench.builder.measuring import ChunkTask
from fsdl_bench.engine import Failure
from fsdl_bench.progress import bar, note
from fsdl_bench.sources.base import Item
from fsdl_bench.tracks.definition import TrackDefinition

CHUNK_SONGS = 256
SONG_SECONDS = 60.0
"""A song that takes longer to read is left out."""


class ReadResult(NamedTuple):
    """The chunks, and how many songs an earlier run had read."""

    paths: list[Path]
    resumed: int


def read_all(
    definition: TrackDefinition, listing: Listing, folder: Path, workers: int, progress: bool
) -> ReadResult:
    """Read every listed item into a chunk in `folder`.

    A worker that dies or hangs costs the one song that it died of: the items of its chunk are read again,
    each alone, and the culprit becomes a rejected song.
    """
    tasks = list(_tasks(definition, listing, folder))
    left = [task for task in tasks if not task.path.exists()]
    total, unread = _songs(tasks), _songs(left)
    if unread < total:
        note(f"going on from an earlier run: {total - unread:,} of {total:,} songs are read", progress)
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
        alone = [task for task in alone if not task.path.exists()]
        for task, outcome in _run(definition, listing, alone, workers, SONG_SECONDS):
            if isinstance(outcome, Failure):
                name = definition.sources[task.source].source
                row = (name, task.items[0].origin, f"reader {outcome.reason}", outcome.detail)
                write_chunk(task.path, definition.kind, [], [row])
            shown.update(1)
    return ReadResult(sorted(paths), total - unread)


def _chunk_seconds(songs: int) -> float:
    """Time for a chunk: one slow song and the rest at a generous pace."""
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
    """The task, named by the hash of all that its chunk depends on."""
    key = hashlib.blake2b(digest_size=16)
    key.update(_code_hash())
    key.update(definition.to_toml().encode())
    root = listing.roots[source]
    for item in items:
        key.update(repr((source, item, _stamp(root, item))).encode())
    return ChunkTask(folder / f"{key.hexdigest()}.arrow", source, items)


def _stamp(root: Path | None, item: Item) -> tuple[int, int] | None:
    """Size and time of an item's file; None where it has none, or none that can be read."""
    if root is None or item.path is None:
        return None
    try:
        status = (root / item.path).stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


@cache
def _code_hash() -> bytes:
    """Of the package's own code: songs read by another version are not gone on with."""
    package = Path(fsdl_bench.__file__).parent
    key = hashlib.blake2b(digest_size=16)
    for path in sorted(package.rglob("*.py")):
        key.update(path.read_bytes())
    return key.digest()
