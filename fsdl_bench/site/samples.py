"""Samples on model pages: copy `leaderboard/samples/<track>/<model>/` into the site.

A folder holds the files and the `samples.json` that `fsdl-bench generate` writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from fsdl_bench.errors import BadInput
from fsdl_bench.generation.record import NAME, GeneratedSamples, SampleRecord, SongRecord
from fsdl_bench.site.view import SampleEpisode, SampleSong


def copy_samples(folder: Path, out: Path, place: str, track: str) -> tuple[SampleEpisode, ...]:
    """Copy a model's samples into the site and return them; nothing if the folder has none.

    Args:
        folder: `leaderboard/samples/<track>/<model>`.
        out: the folder of the site.
        place: the samples' folder below `out`.
        track: the name of the track that the samples should be from.

    Raises:
        BadInput: `samples.json` is not what `generate` writes, is of another track, or names a file that is
            not in the folder or cannot be read.
    """
    index = folder / NAME
    if not index.is_file():
        return ()
    found = _read(index)
    if found.track != track:
        raise BadInput(f"{index}: expected samples of the track {track}, found {found.track}")
    copied = {name: _content(folder, name, index) for name in sorted(found.files())}
    for name, data in copied.items():
        target = out / place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    def songs(records: Sequence[SongRecord]) -> tuple[SampleSong, ...]:
        return tuple(_song(record, copied, place, index) for record in records)

    return tuple(
        SampleEpisode(artist=episode.artist, support=songs(episode.support), samples=songs(episode.samples))
        for episode in found.episodes
    )


def _read(index: Path) -> GeneratedSamples:
    try:
        return GeneratedSamples.model_validate_json(index.read_bytes())
    except OSError as error:
        raise BadInput(f"{index}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        raise BadInput(
            f"{index}: expected what `fsdl-bench generate` writes, found {field}: {first['msg']}. "
            "Generate the samples again."
        ) from None


def _content(folder: Path, name: str, index: Path) -> bytes:
    try:
        source = (folder / name).resolve()
        if source.is_relative_to(folder.resolve()):
            return source.read_bytes()
    except (OSError, ValueError):  # ValueError: a name with a NUL character
        pass
    raise BadInput(f"{index} names {name!r}, which is no readable file of that folder")


def _song(record: SongRecord, copied: dict[str, bytes], place: str, index: Path) -> SampleSong:
    try:
        text = copied[record.files["txt"]].decode("utf-8") if "txt" in record.files else ""
    except UnicodeDecodeError:
        raise BadInput(f"{index.with_name(record.files['txt'])}: expected UTF-8 text") from None
    return SampleSong(
        title=record.title,
        files={kind: f"{place}/{name}" for kind, name in record.files.items()},
        text=text,
        nats_per_unit=record.nats_per_unit if isinstance(record, SampleRecord) else None,
    )
