"""Open a built track: `load_track("midi-scores")["train"]`.

Songs are memory-mapped, so opening is cheap. A track may be rebuilt at any moment: what is opened is the old
build or the new one.
"""

from __future__ import annotations

import difflib
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TypeVar, overload

from fsdl_bench.codecs import load_codec
from fsdl_bench.codecs.base import Codec
from fsdl_bench.errors import BadInput
from fsdl_bench.paths import recover_directory, tracks_dir
from fsdl_bench.songs import Kind
from fsdl_bench.tracks.artists import SPLITS
from fsdl_bench.tracks.definition import TrackDefinition, definition_names, load_definition
from fsdl_bench.tracks.manifest import NAME, Manifest, read_manifest
from fsdl_bench.tracks.sidecar import codec_data, open_arrays
from fsdl_bench.tracks.split import Split
from fsdl_bench.tracks.views import Artist, Songs, TrackSong

__all__ = ["Artist", "Songs", "Split", "Track", "TrackSong", "built_tracks", "load_track"]

T = TypeVar("T")

_TRIES = 50  # rebuilds that may end, one after another, while a track is being opened


class Track:
    """A built track: a folder of Parquet shards and a manifest.

    Attributes:
        path: the folder.
        manifest: file hashes, counts, software versions and the definition.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self._splits: dict[str, Split] = {}

    @property
    def name(self) -> str:
        """The name of the track."""
        return self.manifest.name

    @property
    def kind(self) -> Kind:
        """`lyrics` or `midi`."""
        return self.manifest.kind

    @property
    def digest(self) -> str:
        """The logical digest over all rows. Two tracks with the same digest give the same results."""
        return self.manifest.digest

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits that contain songs."""
        return tuple(self.manifest.counts)

    @cached_property
    def codec(self) -> Codec:
        """The codec of the tokens."""
        return load_codec(self.manifest.codec, codec_data(self.path, self.manifest) or None)

    @property
    def definition(self) -> TrackDefinition:
        """The definition that the track was built from."""
        return self.manifest.definition

    @property
    def train(self) -> Split:
        """The meta-training artists."""
        return self["train"]

    @property
    def validation(self) -> Split:
        """The artists for choosing settings."""
        return self["validation"]

    @property
    def test(self) -> Split:
        """The artists of the evaluation episodes."""
        return self["test"]

    def __getitem__(self, split: str) -> Split:
        if split not in SPLITS:
            raise BadInput(f"track {self.name} has no split {split!r}; it has {', '.join(SPLITS)}")
        if split not in self._splits:
            self._splits[split] = self._open(split)
        return self._splits[split]

    def _open(self, split: str) -> Split:
        try:
            return _steadily(self.path, lambda: Split(open_arrays(self.path, self.manifest, split)))
        except BadInput:
            if _digest(self.path) not in (None, self.digest):
                raise BadInput(f"{self.path} now holds another build; load the track again") from None
            raise

    def __repr__(self) -> str:
        counts = ", ".join(
            f"{name} {count.artists:,} artists {count.songs:,} songs"
            for name, count in self.manifest.counts.items()
        )
        return f"<Track {self.name} ({self.kind}): {counts}>"

    def _repr_html_(self) -> str:
        from fsdl_bench.tracks.notebook import track_html

        return track_html(self.name, self.kind, f"{self.codec.unit}s", self.manifest.counts)


def built_tracks() -> list[str]:
    """Return the names of the tracks that are built under `FSDL_BENCH_HOME`, sorted."""
    return sorted(path.parent.name for path in tracks_dir().glob(f"[!.]*/{NAME}"))


@overload
def load_track(name_or_path: str | os.PathLike[str], split: None = None) -> Track: ...
@overload
def load_track(name_or_path: str | os.PathLike[str], split: str) -> Split: ...
def load_track(name_or_path: str | os.PathLike[str], split: str | None = None) -> Track | Split:
    """Open a built track, or one split of it.

    Args:
        name_or_path: the name of a track built under `FSDL_BENCH_HOME`, or the folder of any built track.
        split: "train", "validation" or "test"; without it the whole track is returned.

    Raises:
        BadInput: there is no such track or split, it is not built yet, or its files are damaged.
    """
    folder = _folder(os.fspath(name_or_path))

    def read() -> Track | Split:
        track = Track(folder, read_manifest(folder))
        return track if split is None else track[split]

    return _steadily(folder, read)


def _digest(folder: Path) -> str | None:
    with suppress(BadInput):
        return read_manifest(folder).digest
    return None


def _folder(name: str) -> Path:
    """Return the folder of a track that is given by name or path."""
    if Path(name).name != name:
        return Path(name).expanduser().absolute()
    built, local = tracks_dir() / name, Path(name).absolute()
    if _identity(built) or _replaced(built, None):
        return built
    if _identity(local):
        return local
    raise BadInput(_not_built(name))


def _steadily(folder: Path, read: Callable[[], T]) -> T:
    """Return `read()`. If it fails because a rebuild replaced the track's folder meanwhile, read again."""
    for _ in range(_TRIES):
        before = _identity(folder)
        try:
            return read()
        except (BadInput, OSError):
            if not _replaced(folder, before):
                raise
    return read()


def _replaced(folder: Path, before: tuple[int, ...] | None) -> bool:
    """Whether a folder is there and another one than before, once a swap that is under way has ended."""
    try:
        there = recover_directory(folder)
    except OSError:  # the reader may not write here; a swap takes less time than this
        time.sleep(0.01)
        there = _identity(folder) is not None
    now = _identity(folder)
    return there and (now is None or now != before)


def _identity(folder: Path) -> tuple[int, ...] | None:
    """Return what tells one build of a track from the next; None if the folder holds no built track."""
    try:
        status = (folder / NAME).stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def _not_built(name: str) -> str:
    built = built_tracks()
    there = f"Built tracks: {', '.join(built)}." if built else f"No track is built in {tracks_dir()} yet."
    if name in definition_names():
        source = " --from DIR" if load_definition(name).status == "recipe" else ""
        return f"track {name} is not built; run `fsdl-bench build {name}{source}`. {there}"
    known = sorted({*definition_names(), *built})
    close = difflib.get_close_matches(name, known, n=1)
    meant = f" Did you mean {close[0]}?" if close else ""
    shown = name if len(name) <= 80 else f"{name[:80]}..."
    return f"there is no track {shown!r}.{meant} Known tracks: {', '.join(known)}. {there}"
