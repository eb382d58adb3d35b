"""What models wrote after the support of test episodes: `leaderboard/samples/<track>/<model>/`.

A folder holds the files and `samples.json`, which names them relative to the folder:

    {"episodes": [{"artist": "...", "support": [SONG, ...], "samples": [SONG, ...]}]}
    SONG = {"title": "...", "files": {"mid": "a.mid", "png": "a.png", "wav": "a.wav", "txt": "a.txt"}}
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from fsdl_bench.errors import BadInput
from fsdl_bench.site.view import SampleEpisode, SampleSong

KINDS = ("mid", "png", "wav", "txt")


class _Song(BaseModel):
    model_config = ConfigDict(extra="ignore")

    title: str
    files: dict[str, str]


class _Episode(BaseModel):
    model_config = ConfigDict(extra="ignore")

    artist: str
    support: list[_Song] = []
    samples: list[_Song] = []


class _Index(BaseModel):
    model_config = ConfigDict(extra="ignore")

    episodes: list[_Episode]


def copy_samples(folder: Path, out: Path, place: str) -> tuple[SampleEpisode, ...]:
    """Copy a model's samples into the site and return them; nothing where the folder is not there.

    Args:
        folder: `leaderboard/samples/<track>/<model>`.
        out: the folder of the site.
        place: where the samples go below `out`.

    Raises:
        BadInput: `samples.json` is not as above, or names a file that is not in the folder.
    """
    index = folder / "samples.json"
    if not index.is_file():
        return ()
    try:
        found = _Index.model_validate(json.loads(index.read_text("utf-8")))
    except (ValueError, ValidationError) as error:
        raise BadInput(f"{index} does not list samples: {error}") from None

    def songs(given: list[_Song]) -> tuple[SampleSong, ...]:
        return tuple(_copied(song, folder, out, place) for song in given)

    return tuple(
        SampleEpisode(artist=episode.artist, support=songs(episode.support), samples=songs(episode.samples))
        for episode in found.episodes
    )


def _copied(song: _Song, folder: Path, out: Path, place: str) -> SampleSong:
    files: dict[str, str] = {}
    for kind in KINDS:
        if not (name := song.files.get(kind)):
            continue
        source = folder / name
        if not source.resolve().is_relative_to(folder.resolve()) or not source.is_file():
            raise BadInput(f"{folder / 'samples.json'} names {name}, which is no file of that folder")
        target = out / place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        files[kind] = f"{place}/{name}"
    text = (folder / song.files["txt"]).read_text("utf-8") if "txt" in files else ""
    return SampleSong(title=song.title, files=files, text=text)
