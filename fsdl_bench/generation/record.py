"""`samples.json`: the generated songs, their support and the settings. The leaderboard reads it.

File names are relative to the folder of `samples.json`. `nats_per_unit` is -log p of a sample under the
adapted model, as the harness scores songs (no mask, temperature 1), divided by its notes or bytes.
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
    """A support song, as given to the model.

    Attributes:
        title: the title in the track, or the file's name.
        units: the number of notes, or of UTF-8 bytes.
        files: file names by kind: `mid`, `png` and `wav` for music, `txt` for lyrics.
    """

    title: str
    units: int
    files: dict[FileKind, str]


class SampleRecord(SongRecord):
    """A generated song.

    Attributes:
        seed: the seed; the same seed and settings give the same song.
        ended: whether it ended with EOS, not at the limit.
        nats_per_unit: -log p divided by the units; see the module.
    """

    seed: int
    ended: bool
    nats_per_unit: float


class EpisodeRecord(Frozen):
    """The support of one artist, and the songs generated from it.

    Attributes:
        artist: the artist's name; "your songs" for the user's files.
        artist_key: the artist's key in splits and episodes; "" for the user's files.
        index: the index of the frozen episode; None for the user's files.
    """

    artist: str
    artist_key: str
    index: int | None
    support: tuple[SongRecord, ...]
    samples: tuple[SampleRecord, ...]


class GeneratedSamples(Frozen):
    """The content of `samples.json`.

    Attributes:
        track: the track's name; `track_digest` is its logical digest.
        model: the model's name. `submission` is its path or import path, `submission_sha256` the file's hash.
        settings: the submission's arguments, `KEY=VALUE`.
        fit_seed: the seed of the fit, as in `evaluate --seeds`.
        max_notes: the limit in notes; None for no limit.
        max_tokens: the limit in tokens; None for no limit.
        keep_instruments: whether only instruments of the support play.
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
    keep_instruments: bool = False
    episodes: tuple[EpisodeRecord, ...]

    def files(self) -> set[str]:
        """The names of all files."""
        songs = [song for e in self.episodes for song in (*e.support, *e.samples)]
        return {name for song in songs for name in song.files.values()}


def read_samples(folder: Path) -> GeneratedSamples | None:
    """Return the content of `samples.json` in a folder; None if it is missing or damaged."""
    try:
        return GeneratedSamples.model_validate_json((folder / NAME).read_bytes())
    except (OSError, ValidationError):
        return None
