"""The tracks and models that the page offers, those that are ready first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fsdl_bench.errors import BadInput
from fsdl_bench.songs import Kind
from fsdl_bench.submissions.specs import reference_models
from fsdl_bench.tracks.track import built_tracks, load_track

_SHIPPED_FIRST = ("two_caches", "matching", "dynamic_evaluation", "fine_tuning", "neural_cache")
"""Models that adapt, in the order in which they are offered where they ship. The first ones start soonest."""

_FITTED_HERE = ("ngram_cache", "ngram")
"""Offered where no weights ship. Their fit takes minutes, once."""

_FIXED = {
    "midi-scores": {
        "dynamic_evaluation": ("rate=0.0001", "pull=0.0", "support_rate=0.00003", "statistics=50", "passes=1")
    }
}
"""Settings for models without a shipped search, on top of the weights that ship for the track."""


@dataclass(frozen=True)
class Choice:
    """A model on a track.

    Attributes:
        name: as the page shows it.
        submission: as `set_up` takes it.
        settings: `key=value` arguments of its constructor.
        ships: whether weights ship for it.
        summary: one line.
    """

    name: str
    submission: str
    settings: tuple[str, ...]
    ships: bool
    summary: str


@dataclass(frozen=True)
class Offer:
    """A built track and the models for it, best first.

    Attributes:
        track: its name.
        kind: the kind of its songs.
        artists: names of the evaluated artists: key -> name.
        models: at least one.
    """

    track: str
    kind: Kind
    artists: dict[str, str]
    models: tuple[Choice, ...]


def offers(
    tracks: Sequence[str] = (), submission: str | None = None, settings: Sequence[str] = ()
) -> list[Offer]:
    """Return the tracks that are built, those with shipped weights first.

    Args:
        tracks: names of tracks; all that are built by default.
        submission: a model of the user's, which is offered first on every track.
        settings: the arguments of `submission`.

    Raises:
        BadInput: no track is built, or one that was asked for is not.
    """
    from fsdl_bench.reference import models

    known = {model.name: model for model in models()}
    own = (
        [Choice(submission.rpartition("/")[2], submission, tuple(settings), False, "Your model.")]
        if submission
        else []
    )
    found = []
    for name in tracks or built_tracks():
        track = load_track(name)
        chosen = [
            Choice(model, f"fsdl_bench:{model}", fixed, not fixed, known[model].summary)
            for model, fixed in _models(name)
        ]
        artists = {artist.key: artist.name for artist in track.test.artists}
        found.append(Offer(track.name, track.kind, artists, (*own, *chosen)))
    if not found:
        raise BadInput(
            "no track is built; run `fsdl-bench build lyrics-verse` for lyrics or "
            "`fsdl-bench build midi-scores` for MIDI, then this command again"
        )
    return sorted(found, key=lambda offer: not any(model.ships for model in offer.models))


def default_model(track: str) -> tuple[str, tuple[str, ...]]:
    """Return the model that a track starts with, as `set_up` takes it, and its settings."""
    name, settings = _models(track)[0]
    return f"fsdl_bench:{name}", settings


def _models(track: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return the names and settings of the reference models that are offered for a track."""
    from fsdl_bench.reference import models

    ready = [model.name for model in models() if track in model.ready]
    fixed = {name: setting for name, setting in _FIXED.get(track, {}).items() if name not in ready}
    order = [name for name in _SHIPPED_FIRST if name in ready] + list(fixed)
    order += [name for name in ready if name not in order]
    none: tuple[str, ...] = ()
    found = [(name, fixed.get(name, none)) for name in order if name in reference_models()]
    return found or [(name, none) for name in _FITTED_HERE if name in reference_models()]
