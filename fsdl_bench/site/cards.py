"""Facts about a track beside its results: its definition, and the built track if there is one."""

from __future__ import annotations

from dataclasses import dataclass

from fsdl_bench.errors import BadInput
from fsdl_bench.tracks.definition import TrackDefinition, definition_names, load_definition
from fsdl_bench.tracks.histograms import Histogram, histograms
from fsdl_bench.tracks.manifest import SplitCounts


@dataclass(frozen=True, slots=True)
class Card:
    """A track's definition; from the built track, split sizes, titles of test songs, names of artists."""

    definition: TrackDefinition | None
    counts: dict[str, SplitCounts]
    titles: dict[str, str]
    names: dict[str, str]
    histograms: tuple[Histogram, ...] = ()


def card_of(name: str) -> Card:
    """Return the card of a track; unknown parts are empty."""
    from fsdl_bench.tracks.track import built_tracks, load_track

    definition = load_definition(name) if name in definition_names() else None
    if name not in built_tracks():
        return Card(definition, {}, {}, {})
    try:
        track = load_track(name)
    except BadInput:  # a damaged or outdated build
        return Card(definition, {}, {}, {})
    if definition is not None and track.digest != definition.digest:
        return Card(definition, {}, {}, {})
    known = "test" in track.splits
    titles = {song.id: song.title for song in track.test.songs} if known else {}
    artists = track.test.artists if known else []
    names = {one.key: one.name for one in artists if "\ufffd" not in one.name}  # bytes that the source lost
    counts = dict(track.manifest.counts)
    return Card(definition or track.definition, counts, titles, names, histograms(track.path))
