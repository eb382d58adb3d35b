"""`samples.json`: what was generated from what; the leaderboard reads it, and so can a script.

Every file is named relative to the folder of `samples.json`. `nats_per_unit` is -log p of the sample by the
adapted model alone, as the harness would score it, over its notes or bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from fsdl_bench.codecs.base import Unit
from fsdl_bench.frozen import Frozen
from fsdl_bench.songs import Kind

NAME = "samples.json"

FileKind = Literal["mid", "png", "wav", "txt"]


class SongRecord(Frozen):
    """A support song, as the model was given it.

    Attributes:
        title: as the track or the file's name has it.
        units: notes, or UTF-8 bytes.
        files: by kind: `mid`, `png` and `wav` for music, `txt` for lyrics.
    """

    title: str
    units: int
    files: dict[FileKind, str]


class SampleRecord(SongRecord):
    """A song that was generated.

    Attributes:
        seed: with which, and the same settings, it comes out again.
        ended: whether it ended of itself, not at the limit.
        nats_per_unit: see the module.
    """

    seed: int
    ended: bool
    nats_per_unit: float


class EpisodeRecord(Frozen):
    """Support, and what was generated from it.

    Attributes:
        artist: the artist's name; "your songs" for files of one's own.
        artist_key: as splits and episodes spell it; "" for files of one's own.
        index: of the frozen episode; None for files of one's own.
    """

    artist: str
    artist_key: str
    index: int | None
    support: tuple[SongRecord, ...]
    samples: tuple[SampleRecord, ...]


class GeneratedSamples(Frozen):
    """The content of `samples.json`.

    Attributes:
        track: the track's name; `track_digest` its logical digest.
        model: what the model is called; `submission` how it was named, `submission_sha256` of its file.
        settings: the submission's arguments, `KEY=VALUE`.
        fit_seed: of the fit, as in `evaluate --seeds`.
        max_notes: notes at most, None for no limit.
        max_tokens: tokens at most, None for no limit.
    """

    track: str
    track_digest: str
    kind: Kind
    unit: Unit
    model: str
    submission: str
    submission_sha256: str
    settings: tuple[str, ...]
    fit_seed: int
    temperature: float
    top_p: float
    max_notes: int | None
    max_tokens: int | None
    episodes: tuple[EpisodeRecord, ...]

    def files(self) -> set[str]:
        """Every file that is named."""
        songs = [song for e in self.episodes for song in (*e.support, *e.samples)]
        return {name for song in songs for name in song.files.values()}


def read_samples(folder: Path) -> GeneratedSamples | None:
    """What `samples.json` in a folder says; None if there is none, or it is another's."""
    try:
        return GeneratedSamples.model_validate_json((folder / NAME).read_bytes())
    except (OSError, ValidationError):
        return None
