"""The frozen evaluation episodes: whose songs are scored, after which support, and against which control.

For artist a and episode e the songs of a are ordered by

    BLAKE2b-64( UTF-8 of "<track>/<version>/<artist key>/<e>/<song id>" )

compared as bytes. The first `queries` songs are the query. The songs after them, without any that shares a
work with a query song, are the ordered support; K shots use its first K. So the query is the same for every
K, support sets are nested, and the whole is a pure function of the track's name, version and songs.

The control of an episode is the support of another evaluated artist. For each e the evaluated artists form a
ring, ordered by BLAKE2b-64("<track>/<version>/control/<e>/<artist key>"), and each receives the support of
the next. So no artist receives its own support, and every support is used equally often.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Protocol

from fsdl_bench.errors import BadInput

if TYPE_CHECKING:
    from fsdl_bench.tracks.split import Split
    from fsdl_bench.tracks.views import Artist, TrackSong


class EpisodeDesign(Protocol):
    """The part of a track's definition that fixes its episodes."""

    @property
    def name(self) -> str:
        """The track's name, part of the hash."""
        ...

    @property
    def version(self) -> str:
        """The version of the track's protocol, part of the hash."""
        ...

    @property
    def shots(self) -> Sequence[int]:
        """The sizes of support that are evaluated, such as (0, 1, 2, 5)."""
        ...

    @property
    def headline_shot(self) -> int:
        """The size of support at which the control is scored too."""
        ...

    @property
    def queries(self) -> int:
        """Query songs in an episode."""
        ...

    @property
    def episodes(self) -> int:
        """Episodes of each artist."""
        ...

    @property
    def min_artist_songs_evaluated(self) -> int:
        """Works that an artist needs to be evaluated: at least `queries` + the largest shot."""
        ...


@dataclass(frozen=True, slots=True)
class Episode:
    """One artist's support and query songs.

    Attributes:
        artist: the artist's key.
        index: e, counted from 0 for each artist.
        support: ordered, as long as the largest shot.
        query: the songs to be scored.
        control: another artist's support at the headline shot; empty where the split has no other artist.
        control_artist: that artist's key, or "".
    """

    artist: str
    index: int
    support: tuple[TrackSong, ...]
    query: tuple[TrackSong, ...]
    control: tuple[TrackSong, ...] = ()
    control_artist: str = ""

    def at(self, shots: int) -> tuple[TrackSong, ...]:
        """The support of `shots` songs.

        Raises:
            ValueError: the episode has fewer, or the number is negative.
        """
        if not 0 <= shots <= len(self.support):
            raise ValueError(f"shots must be between 0 and {len(self.support)}, not {shots}")
        return self.support[:shots]


def evaluated_artists(split: Split, design: EpisodeDesign) -> list[Artist]:
    """The artists of a split that have episodes; the others are left out of the evaluation.

    Works are counted, not songs: an artist with a work for every support and query song can fill each
    episode, whichever songs become the query.
    """
    needed = design.min_artist_songs_evaluated
    return [a for a in split.artists if len(a.songs) >= needed and len({s.work for s in a.songs}) >= needed]


def evaluation_episodes(split: Split, design: EpisodeDesign) -> list[Episode]:
    """The frozen episodes of a split, artist by artist in the split's order, `design.episodes` each.

    Validation and test episodes are made alike; hyper-parameters are chosen on the former.

    Raises:
        BadInput: no artist of the split has enough works.
    """
    artists = evaluated_artists(split, design)
    if not artists:
        raise BadInput(
            f"No artist of the {split.name} split of {design.name} can be evaluated: each needs "
            f"{design.min_artist_songs_evaluated} works. Use fewer shots, or more data."
        )
    drawn = {(a.key, e): _draw(a, e, design) for a in artists for e in range(design.episodes)}
    following = {e: _ring([a.key for a in artists], e, design) for e in range(design.episodes)}
    found = []
    for (key, e), (support, query) in drawn.items():
        other = following[e].get(key, "")
        control = drawn[other, e][0][: design.headline_shot] if other else ()
        found.append(Episode(key, e, support, query, control, other))
    return found


def episodes_digest(episodes: Iterable[Episode]) -> str:
    """32 hex digits over every song id of every episode in order: equal only for the same evaluation."""
    state = blake2b(digest_size=16)
    for episode in episodes:
        sets = (episode.support, episode.query, episode.control)
        parts = [episode.artist, str(episode.index), episode.control_artist]
        parts += [",".join(song.id for song in songs) for songs in sets]
        state.update("/".join(parts).encode() + b"\n")
    return state.hexdigest()


def _draw(
    artist: Artist, index: int, design: EpisodeDesign
) -> tuple[tuple[TrackSong, ...], tuple[TrackSong, ...]]:
    place = f"{design.name}/{design.version}/{artist.key}/{index}"
    songs = sorted(artist.songs, key=lambda song: _hash(f"{place}/{song.id}"))
    query = tuple(songs[: design.queries])
    works = {song.work for song in query}
    others = [song for song in songs[design.queries :] if song.work not in works]
    return tuple(others[: max(design.shots)]), query


def _ring(keys: Sequence[str], index: int, design: EpisodeDesign) -> dict[str, str]:
    if len(keys) < 2:
        return {}
    ring = sorted(keys, key=lambda key: _hash(f"{design.name}/{design.version}/control/{index}/{key}"))
    return dict(zip(ring, ring[1:] + ring[:1], strict=True))


def _hash(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=8).digest()
