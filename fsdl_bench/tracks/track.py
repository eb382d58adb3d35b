"""Opening a built track: `load_track("midi-scores")["train"]`; memory-mapped, so that opening is cheap."""

from __future__ import annotations

import difflib
import os
from functools import cached_property
from pathlib import Path
from typing import overload

from fsdl_bench.codecs import load_codec
from fsdl_bench.codecs.base import Codec
from fsdl_bench.errors import BadInput
from fsdl_bench.paths import recover_directory, tracks_dir
from fsdl_bench.songs import Kind
from fsdl_bench.tracks.artists import SPLITS
from fsdl_bench.tracks.definition import TrackDefinition, definition_names, load_definition
from fsdl_bench.tracks.manifest import Manifest, read_manifest
from fsdl_bench.tracks.sidecar import codec_data, open_arrays
from fsdl_bench.tracks.split import Split
from fsdl_bench.tracks.views import Artist, Songs, TrackSong

__all__ = ["Artist", "Songs", "Split", "Track", "TrackSong", "built_tracks", "load_track"]


class Track:
    """A built track: a folder of Parquet shards with what was decided about them.

    Attributes:
        path: the folder.
        manifest: what the build wrote down: file hashes, counts, versions.
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
        """The logical digest over all rows: two tracks with the same digest give the same results."""
        return self.manifest.digest

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits that hold songs."""
        return tuple(self.manifest.counts)

    @cached_property
    def codec(self) -> Codec:
        """What the tokens are written in."""
        return load_codec(self.manifest.codec, codec_data(self.path, self.manifest) or None)

    @property
    def definition(self) -> TrackDefinition:
        """The definition that the track was built by."""
        return self.manifest.definition

    @property
    def train(self) -> Split:
        """The meta-training artists."""
        return self["train"]

    @property
    def validation(self) -> Split:
        """The artists to choose settings by."""
        return self["validation"]

    @property
    def test(self) -> Split:
        """The artists of the evaluation episodes."""
        return self["test"]

    def __getitem__(self, split: str) -> Split:
        if split not in SPLITS:
            raise BadInput(f"track {self.name} has no split {split!r}; it has {', '.join(SPLITS)}")
        if split not in self._splits:
            self._splits[split] = Split(open_arrays(self.path, self.manifest, split))
        return self._splits[split]

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
    """The names of the tracks that are built under `FSDL_BENCH_HOME`, sorted."""
    return sorted(path.parent.name for path in tracks_dir().glob("[!.]*/manifest.json"))


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
    track = Track(folder, read_manifest(folder))
    return track if split is None else track[split]


def _folder(name: str) -> Path:
    """The folder that a name or a path stands for."""
    if Path(name).name != name:
        return Path(name).expanduser().absolute()
    built = tracks_dir() / name
    if not (built / "manifest.json").is_file():
        recover_directory(built)
    if (built / "manifest.json").is_file():
        return built
    if (Path(name) / "manifest.json").is_file():
        return Path(name).absolute()
    raise BadInput(_not_built(name))


def _not_built(name: str) -> str:
    built = built_tracks()
    there = f"Built are: {', '.join(built)}." if built else "No track is built yet."
    if name in definition_names():
        source = " --from DIR" if load_definition(name).status == "recipe" else ""
        return f"track {name} is not built in {tracks_dir()}; run `fsdl-bench build {name}{source}`. {there}"
    known = sorted({*definition_names(), *built})
    close = difflib.get_close_matches(name, known, n=1)
    meant = f" Did you mean {close[0]}?" if close else ""
    return f"there is no track {name!r}.{meant} Known are: {', '.join(known)}. {there}"
