"""The tracks and models that the page offers, those that are ready first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fsdl_bench.errors import BadInput
from fsdl_bench.generation.ready import ready_models, ships
from fsdl_bench.songs import Kind
from fsdl_bench.tracks.track import built_tracks, load_track


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
            Choice(model, f"fsdl_bench:{model}", (), ships(name, model), known[model].summary)
            for model in ready_models(name)
        ]
        artists = {artist.key: artist.name for artist in track.test.artists}
        found.append(Offer(track.name, track.kind, artists, (*own, *chosen)))
    if not found:
        raise BadInput(
            "no track is built; run `fsdl-bench build lyrics-verse` for lyrics or "
            "`fsdl-bench build midi-scores` for MIDI, then this command again"
        )
    return sorted(found, key=lambda offer: not any(model.ships for model in offer.models))
