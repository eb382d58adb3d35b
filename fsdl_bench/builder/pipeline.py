"""The build: from a definition to a track on disk.

    list -> read (workers, resumable) -> select -> codec -> write -> swap into place

The songs that were read stay in a hidden folder beside the track until the build has ended, so a rerun
continues from there. The track itself is written to a temporary folder and put in place in one step: a kill
or a full disk at any moment leaves the old track or the new one.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fsdl_bench.builder.chunks import Chunks, DamagedChunk, EmptyTrack
from fsdl_bench.builder.empty import why_empty
from fsdl_bench.builder.listing import Listing, examples, list_items, open_sources, prepare
from fsdl_bench.builder.reading import read_all
from fsdl_bench.builder.selection import Selector
from fsdl_bench.builder.track_folder import write_folder, write_rejected
from fsdl_bench.engine import default_workers
from fsdl_bench.errors import BadInput
from fsdl_bench.paths import atomic_directory, tracks_dir
from fsdl_bench.placing import refuse_overlap
from fsdl_bench.progress import note
from fsdl_bench.tracks.artists import read_splits
from fsdl_bench.tracks.definition import TrackDefinition, load_definition
from fsdl_bench.tracks.manifest import Manifest, SplitCounts
from fsdl_bench.tracks.ownership import refuse_other_track_folder

_FULL = (errno.ENOSPC, errno.EDQUOT)
_TRIES = 3  # to read what the disk damaged during a build


@dataclass(frozen=True)
class BuildReport:
    """The result of a build.

    Attributes:
        name: the track's name.
        path: the track's folder.
        digest: the track's logical digest.
        counts: split -> size.
        rejected: reason -> number of files left out, most frequent first.
        songs: number of files found, whether kept or not.
        resumed: number of songs that an earlier, unfinished run had read.
        seconds: duration.
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
        """Number of songs in the track."""
        return sum(count.songs for count in self.counts.values())


def build_track(
    definition: TrackDefinition | str,
    *,
    source_dir: str | os.PathLike[str] | None = None,
    mirror: str | Path | None = None,
    workers: int | None = None,
    out: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> BuildReport:
    """Build a track, and replace an older build of it.

    The result depends neither on the number of workers nor on the order in which files are found.

    Args:
        definition: from `load_definition` or `user_definition`, or the name of a track.
        source_dir: the user's folder, instead of the definition's archive.
        mirror: folder or URL with copies of the archives, instead of the public hosts.
        workers: number of worker processes; None means one per core, 0 means none.
        out: the track's folder; None means `FSDL_BENCH_HOME/tracks/<name>`.
        progress: show progress bars on standard error.

    Raises:
        BadInput: `out` holds something else than an older build of the track, or overlaps with `source_dir`;
            a source is missing or differs from the pinned one, no artist has enough songs, the digest
            differs from the frozen one, another build of the track is running, or the disk is full.
    """
    if isinstance(definition, str):
        definition = load_definition(definition)
    target = Path(out or tracks_dir() / definition.name).absolute()
    own = None if source_dir is None else Path(source_dir)
    _refuse_to_harm(definition, own, target, chosen=out is not None)
    work = target.parent / f".{target.name}.work"
    try:
        with _locked(target):
            report = _build(definition, own, mirror, workers, target, work, progress)
            shutil.rmtree(work, ignore_errors=True)
            return report
    except EmptyTrack as error:
        work.mkdir(parents=True, exist_ok=True)
        write_rejected(work / "rejected.parquet", sorted(error.rejected))
        raise BadInput(
            f"{error}; {why_empty(definition, error.rejected)}\n"
            f"Each file and its reason: {work / 'rejected.parquet'}"
        ) from None
    except OSError as error:
        if error.errno in _FULL:
            raise BadInput(
                f"the disk of {target.parent} is full: free some space and run the build again. It continues "
                f"with the songs in {work}; an older build of {definition.name} is unchanged"
            ) from None
        raise


def _refuse_to_harm(definition: TrackDefinition, source: Path | None, target: Path, *, chosen: bool) -> None:
    """Refuse a target that holds anything but an older build of this track, or overlaps with the songs.

    FSDL_BENCH_HOME may be inside the source: its own folders hold no song.
    """
    if source is not None:
        file = definition.sources[0].options.get("file")  # of a table, the folder around it is not read
        read = source / str(file) if file else source
        if chosen or read.resolve().is_relative_to(target.resolve()):
            refuse_overlap(target, read)
    refuse_other_track_folder(target, definition.name)


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
    listing = open_sources(definition, source_dir, mirror, progress)
    list_items(definition, listing, progress)
    if definition.status == "user":
        note(examples(definition, listing), progress)
    prepare(listing, workers, progress)
    resumed = 0
    for attempt in range(_TRIES):
        paths, found = read_all(definition, listing, work / "chunks", workers, progress)
        resumed = resumed if attempt else found
        try:
            manifest = _write(definition, listing, paths, target, work, begun, progress)
            break
        except DamagedChunk as error:
            damaged = error.path
    else:
        raise BadInput(
            f"{damaged} was damaged {_TRIES} times after it was written: the disk does not keep what is "
            "written to it; set FSDL_BENCH_HOME to another disk"
        )
    kept = sum(count.songs for count in manifest.counts.values())
    return BuildReport(
        name=definition.name,
        path=target,
        digest=manifest.digest,
        counts=dict(manifest.counts),
        rejected=dict(manifest.rejected),
        songs=kept + sum(manifest.rejected.values()),
        resumed=resumed,
        seconds=time.monotonic() - begun,
    )


def _write(
    definition: TrackDefinition,
    listing: Listing,
    paths: Sequence[Path],
    target: Path,
    work: Path,
    begun: float,
    progress: bool,
) -> Manifest:
    """Select from the songs that were read, and write the track.

    Raises:
        DamagedChunk: a chunk was damaged after it was read.
    """
    chunks = Chunks(paths, definition.kind)
    frozen = read_splits(definition.frozen_splits) if definition.frozen_splits.is_file() else {}
    with _scratch(work / "scratch") as scratch:
        try:
            selected = Selector(chunks, definition, frozen).run(scratch, progress)
        except EmptyTrack as error:
            raise EmptyTrack(str(error), [*listing.rejected, *chunks.rejected, *error.rejected]) from None
    rejected = sorted([*listing.rejected, *chunks.rejected, *selected.rejected])
    with atomic_directory(target) as folder:
        return write_folder(folder, definition, chunks, selected, rejected, begun, progress)


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    """Keep other builds of the same track out. The system frees the lock of a killed build."""
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


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
