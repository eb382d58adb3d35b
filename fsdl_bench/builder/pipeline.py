"""The build: definition -> track on disk.

    list -> read (workers, resumable) -> select -> codec -> write -> swap into place

What is read lies in a hidden folder beside the track until the build has ended, so that a rerun goes on from
there. The track itself is written to a temporary folder and put in place in one step: a kill, or a full disk,
at any moment leaves the old track or the new one.
"""

from __future__ import annotations

import errno
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fsdl_bench.builder.chunks import Chunks
from fsdl_bench.builder.listing import list_items, open_sources, prepare
from fsdl_bench.builder.reading import read_all
from fsdl_bench.builder.selection import Selector
from fsdl_bench.builder.track_folder import write_folder
from fsdl_bench.engine import default_workers
from fsdl_bench.errors import BadInput
from fsdl_bench.paths import atomic_directory, tracks_dir
from fsdl_bench.tracks.artists import read_splits
from fsdl_bench.tracks.definition import TrackDefinition
from fsdl_bench.tracks.manifest import SplitCounts

_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class BuildReport:
    """What a build did.

    Attributes:
        name: of the track.
        path: its folder.
        digest: its logical digest.
        counts: split -> size.
        rejected: reason -> number of files left out, most frequent first.
        songs: files that were found, kept or not.
        resumed: songs that an earlier, unfinished run had read.
        seconds: how long it took.
    """

    name: str
    path: Path
    digest: str
    counts: dict[str, SplitCounts]
    rejected: dict[str, int]
    songs: int
    resumed: int
    seconds: float

    @property
    def kept(self) -> int:
        """Songs in the track."""
        return sum(count.songs for count in self.counts.values())


def build_track(
    definition: TrackDefinition,
    *,
    source_dir: Path | None = None,
    mirror: str | Path | None = None,
    workers: int | None = None,
    out: Path | None = None,
    progress: bool = True,
) -> BuildReport:
    """Build a track and put it in place of an older one.

    Neither the number of workers nor the order in which files are met changes the result.

    Args:
        definition: see `load_definition` and `user_definition`.
        source_dir: the user's folder, in place of the definition's archive.
        mirror: folder or URL that holds the archives, in place of the public hosts.
        workers: worker processes; None takes one a core, 0 reads in this process.
        out: the track's folder; None stands for `FSDL_BENCH_HOME/tracks/<name>`.
        progress: show bars on stderr.

    Raises:
        BadInput: a source cannot be had or is not the pinned one, no artist has enough songs, the digest is
            not the frozen one, another build of the track is running, or the disk is full.
    """
    target = (out or tracks_dir() / definition.name).absolute()
    work = target.parent / f".{target.name}.work"
    try:
        with _locked(target):
            _remove_leftovers(target)
            report = _build(definition, source_dir, mirror, workers, target, work, progress)
            shutil.rmtree(work, ignore_errors=True)
            return report
    except OSError as error:
        if error.errno in _FULL:
            raise BadInput(
                f"the disk that holds {target.parent} is full: free some space and run the build again. It "
                f"goes on from what is read, which lies in {work}; an older {definition.name} is as it was"
            ) from None
        raise


def _build(
    definition: TrackDefinition,
    source_dir: Path | None,
    mirror: str | Path | None,
    workers: int | None,
    target: Path,
    work: Path,
    progress: bool,
) -> BuildReport:
    begun = time.monotonic()
    workers = default_workers() if workers is None else workers
    frozen = read_splits(definition.frozen_splits) if definition.frozen_splits.is_file() else {}
    listing = open_sources(definition, source_dir, mirror, progress)
    list_items(definition, listing, progress)
    prepare(listing, workers, progress)
    paths, resumed = read_all(definition, listing, work / "chunks", workers, progress)
    chunks = Chunks(paths, definition.kind)
    with _scratch(work / "scratch") as scratch:
        selected = Selector(chunks, definition, frozen).run(scratch, progress)
    rejected = sorted([*listing.rejected, *chunks.rejected, *selected.rejected])
    with atomic_directory(target) as folder:
        manifest = write_folder(folder, definition, chunks, selected, rejected, begun, progress)
    return BuildReport(
        name=definition.name,
        path=target,
        digest=manifest.digest,
        counts=dict(manifest.counts),
        rejected=dict(Counter(reason for _, _, reason, _ in rejected).most_common()),
        songs=len(rejected) + sum(count.songs for count in manifest.counts.values()),
        resumed=resumed,
        seconds=time.monotonic() - begun,
    )


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    """Keep a second build of the same track out; the system frees the lock of a killed one."""
    from filelock import FileLock, Timeout

    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target.parent / f".{target.name}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise BadInput(f"another build of {target} is running; wait for it to end") from None
    try:
        yield
    finally:
        lock.release()


def _remove_leftovers(target: Path) -> None:
    """Temporary folders of builds that were killed; only one build at a time has the lock."""
    for path in target.parent.glob(f".{target.name}-????????.part"):
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
