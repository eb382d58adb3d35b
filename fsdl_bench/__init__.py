"""Few-shot distribution learning for music: frozen tracks, episodes, an exact scorer and a leaderboard.

    track = fsdl_bench.load_track("midi-synthetic")
    song = track.train.artists[0].songs[0]

Every public name is here. A name is imported when it is first used, so `import fsdl_bench` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for type checkers and editors; a test compares this with the table below
    from fsdl_bench.build.definition import TrackDefinition as TrackDefinition
    from fsdl_bench.build.definition import definition_names as definition_names
    from fsdl_bench.build.definition import load_definition as load_definition
    from fsdl_bench.build.definition import user_definition as user_definition
    from fsdl_bench.build.pipeline import BuildReport as BuildReport
    from fsdl_bench.build.pipeline import build_track as build_track
    from fsdl_bench.check import CheckReport as CheckReport
    from fsdl_bench.check import check_track as check_track
    from fsdl_bench.codecs import load_codec as load_codec
    from fsdl_bench.codecs.base import BOS as BOS
    from fsdl_bench.codecs.base import EOS as EOS
    from fsdl_bench.codecs.base import PAD as PAD
    from fsdl_bench.codecs.base import Codec as Codec
    from fsdl_bench.codecs.base import Tokens as Tokens
    from fsdl_bench.codecs.lyrics import LyricsCodec as LyricsCodec
    from fsdl_bench.codecs.midi import MidiCodec as MidiCodec
    from fsdl_bench.comparison import Comparison as Comparison
    from fsdl_bench.comparison import compare as compare
    from fsdl_bench.episodes import Episode as Episode
    from fsdl_bench.episodes import evaluation_episodes as evaluation_episodes
    from fsdl_bench.errors import BadInput as BadInput
    from fsdl_bench.errors import Rejected as Rejected
    from fsdl_bench.evaluation.runner import evaluate as evaluate
    from fsdl_bench.generation.run import generate as generate
    from fsdl_bench.generation.sampler import sample as sample
    from fsdl_bench.music.notes import Notes as Notes
    from fsdl_bench.results import read_result as read_result
    from fsdl_bench.sampling import EpisodeBatch as EpisodeBatch
    from fsdl_bench.sampling import TrainingEpisodes as TrainingEpisodes
    from fsdl_bench.songs import Kind as Kind
    from fsdl_bench.songs import Song as Song
    from fsdl_bench.split import Split as Split
    from fsdl_bench.submission import FitContext as FitContext
    from fsdl_bench.submission import Predictor as Predictor
    from fsdl_bench.submission import Stream as Stream
    from fsdl_bench.submission import Submission as Submission
    from fsdl_bench.synthetic.model import SyntheticModel as SyntheticModel
    from fsdl_bench.synthetic.model import synthetic_model as synthetic_model
    from fsdl_bench.track import Track as Track
    from fsdl_bench.track import built_tracks as built_tracks
    from fsdl_bench.track import load_track as load_track
    from fsdl_bench.views import Artist as Artist
    from fsdl_bench.views import Songs as Songs
    from fsdl_bench.views import TrackSong as TrackSong

_NAMES_OF = {
    "build.definition": ("TrackDefinition", "definition_names", "load_definition", "user_definition"),
    "build.pipeline": ("BuildReport", "build_track"),
    "check": ("CheckReport", "check_track"),
    "codecs": ("load_codec",),
    "codecs.base": ("BOS", "EOS", "PAD", "Codec", "Tokens"),
    "codecs.lyrics": ("LyricsCodec",),
    "codecs.midi": ("MidiCodec",),
    "comparison": ("Comparison", "compare"),
    "episodes": ("Episode", "evaluation_episodes"),
    "errors": ("BadInput", "Rejected"),
    "evaluation.runner": ("evaluate",),
    "generation.run": ("generate",),
    "generation.sampler": ("sample",),
    "music.notes": ("Notes",),
    "results": ("read_result",),
    "sampling": ("EpisodeBatch", "TrainingEpisodes"),
    "songs": ("Kind", "Song"),
    "split": ("Split",),
    "submission": ("FitContext", "Predictor", "Stream", "Submission"),
    "synthetic.model": ("SyntheticModel", "synthetic_model"),
    "track": ("Track", "built_tracks", "load_track"),
    "views": ("Artist", "Songs", "TrackSong"),
}
_MODULE_OF = {name: module for module, names in _NAMES_OF.items() for name in names}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
