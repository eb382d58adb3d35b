"""What models wrote after the support of test episodes: `leaderboard/samples/<track>/<model>/`.

A folder holds the files and `samples.json`, as `fsdl-bench generate` writes them.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from fsdl_bench.errors import BadInput
from fsdl_bench.generation.record import NAME, GeneratedSamples, SampleRecord, SongRecord
from fsdl_bench.site.view import SampleEpisode, SampleSong


def copy_samples(folder: Path, out: Path, place: str, track: str) -> tuple[SampleEpisode, ...]:
    """Copy a model's samples into the site and return them; nothing where the folder has none.

    Args:
        folder: `leaderboard/samples/<track>/<model>`.
        out: the folder of the site.
        place: where the samples go below `out`.
        track: the name of the track whose songs they should continue.

    Raises:
        BadInput: `samples.json` is not what `generate` writes, is of another track, or names a file that is
            not in the folder.
    """
    index = folder / NAME
    if not index.is_file():
        return ()
    try:
        found = GeneratedSamples.model_validate_json(index.read_bytes())
    except ValidationError as error:
        raise BadInput(f"{index} is not what `fsdl-bench generate` writes: {error}") from None
    if found.track != track:
        raise BadInput(f"{index} should be of the track {track}, found {found.track}")
    for name in sorted(found.files()):
        source = folder / name
        if not source.resolve().is_relative_to(folder.resolve()) or not source.is_file():
            raise BadInput(f"{index} names {name}, which is no file of that folder")
        target = out / place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)

    def songs(records: Sequence[SongRecord]) -> tuple[SampleSong, ...]:
        return tuple(_song(record, folder, place) for record in records)

    return tuple(
        SampleEpisode(artist=episode.artist, support=songs(episode.support), samples=songs(episode.samples))
        for episode in found.episodes
    )


def _song(record: SongRecord, folder: Path, place: str) -> SampleSong:
    return SampleSong(
        title=record.title,
        files={kind: f"{place}/{name}" for kind, name in record.files.items()},
        text=(folder / record.files["txt"]).read_text("utf-8") if "txt" in record.files else "",
        nats_per_unit=record.nats_per_unit if isinstance(record, SampleRecord) else None,
    )
