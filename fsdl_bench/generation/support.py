"""The songs that a model adapts to: files of one's own, or those of a frozen episode of the track."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from fsdl_bench.codecs.base import Codec, Tokens
from fsdl_bench.codecs.lyrics import canonical
from fsdl_bench.episodes import Episode, evaluation_episodes
from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.sources.base import Item, read_song
from fsdl_bench.sources.files import SUFFIXES, FileSource
from fsdl_bench.sources.text import printable, readable
from fsdl_bench.sources.tree import Tree
from fsdl_bench.submissions.seeding import adapt_seed
from fsdl_bench.submissions.setup import RunTrack
from fsdl_bench.tracks.artists import artist_key
from fsdl_bench.tracks.views import TrackSong

Log: TypeAlias = Callable[[str], object]
"""Takes a line for the person who called."""

_NAMED = 5  # files that a message names at most


@dataclass(frozen=True)
class SupportSong:
    """A song as a model is given it.

    Attributes:
        title: the track's, or the file's name.
        tokens: the excerpt, uint16 [T].
    """

    title: str
    tokens: Tokens


@dataclass(frozen=True)
class Support:
    """Songs to write others after, and where they come from.

    Attributes:
        artist: the artist's name; "your songs" for files of one's own.
        artist_key: as episodes spell it; "" for files of one's own.
        index: of the frozen episode; None for files of one's own.
        songs: in order.
        adapt_seed: what the global random generators are set to when the model adapts; in an episode, as in
            its evaluation.
    """

    artist: str
    artist_key: str
    index: int | None
    songs: tuple[SupportSong, ...]
    adapt_seed: int


def find_supports(
    track: RunTrack,
    seed: int,
    places: Sequence[str | os.PathLike[str]],
    episodes: Sequence[str],
    shots: int | None,
    log: Log,
) -> list[Support]:
    """What `--support` or, in place of it, `--episode` and `--shots` name.

    Raises:
        BadInput: both or none is given, or what they name is not there.
    """
    if bool(places) == bool(episodes):
        raise BadInput("expected either --support, your own songs, or --episode, songs of the track")
    design = track.definition
    if places:
        if shots is not None:
            raise BadInput("--shots goes with --episode; of --support every song is used")
        songs = read_support([Path(place) for place in places], track.codec, log)
        if len(songs) > (most := max(design.shots)):
            log(f"{len(songs)} support songs; models of {track.name} are evaluated with at most {most}")
        return [Support("your songs", "", None, tuple(songs), seed)]
    count = design.headline_shot if shots is None else shots
    frozen = evaluation_episodes(track["test"], design)
    found = [find_episode(frozen, name) for name in dict.fromkeys(episodes)]
    return [
        Support(
            episode.query[0].artist,
            episode.artist,
            episode.index,
            tuple(episode_support(episode, count)),
            adapt_seed(seed, episode.artist, episode.index, count, "right"),
        )
        for episode in found
    ]


def read_support(places: Sequence[Path], codec: Codec, log: Log = lambda _: None) -> list[SupportSong]:
    """Songs from files and folders, read, encoded and cut as a track's are.

    A file that is named must be readable. In a folder, and the folders in it, everything that is no song of
    the codec's kind is left out and logged. Of songs with the same notes or words the first stays.

    Raises:
        BadInput: there is no such place, a named file is no such song, or no song was found at all.
    """
    songs: dict[bytes, SupportSong] = {}
    left_out: list[str] = []
    for place in places:
        if not place.exists():
            raise BadInput(f"--support {place}: there is no such file or folder")
        source = _Anywhere(Tree(place if place.is_dir() else place.parent), codec.kind, "")
        for item in source.items() if place.is_dir() else [source.item(place.name)]:
            try:
                song = _encoded(item, source, codec)
            except Rejected as error:
                if not place.is_dir():
                    raise BadInput(_refusal(place, codec, error)) from None
                left_out.append(f"{item.origin}: {error}")
            else:
                first = songs.setdefault(song.tokens.tobytes(), song)
                if first is not song:
                    left_out.append(f"{item.origin}: the same as {first.title}")
        if place.is_dir():
            left_out += [
                f"{origin}: {Rejected(reason, detail)}" for origin, reason, detail in source.rejected
            ]
    if not songs:
        endings = ", ".join(SUFFIXES[codec.kind])
        raise BadInput(
            f"--support {', '.join(map(str, places))}: expected {codec.kind} songs ({endings}), found none"
            f"{_some(left_out)}"
        )
    if left_out:
        log(f"Left out of the support{_some(left_out)}")
    return list(songs.values())


def find_episode(episodes: Sequence[Episode], wanted: str) -> Episode:
    """The frozen episode that `ARTIST` or `ARTIST:INDEX` names; index 0 unless given.

    Raises:
        BadInput: no evaluated artist has that name, or the index is not one of theirs.
    """
    name, colon, number = wanted.rpartition(":")
    if not (colon and number.isdigit()):
        name, number = wanted, "0"
    key = artist_key(name)
    found = {episode.index: episode for episode in episodes if episode.artist == key}
    if not found:
        artists = sorted({episode.artist for episode in episodes})
        close = difflib.get_close_matches(key, artists, n=3, cutoff=0.5)
        raise BadInput(
            f"--episode {wanted}: no evaluated artist is called {key!r}"
            f"{'; did you mean ' + ' or '.join(close) + '?' if close else ''} "
            f"There are {len(artists)}: {', '.join(artists)}"
        )
    if int(number) not in found:
        raise BadInput(f"--episode {wanted}: {key} has the episodes {', '.join(map(str, sorted(found)))}")
    return found[int(number)]


def episode_support(episode: Episode, shots: int) -> list[SupportSong]:
    """The first `shots` support songs of an episode; raises `BadInput` if it has fewer."""
    try:
        songs: tuple[TrackSong, ...] = episode.at(shots)
    except ValueError as error:
        raise BadInput(f"--shots {shots}: {error}") from None
    return [SupportSong(song.title, song.tokens) for song in songs]


class _Anywhere(FileSource):
    """Songs wherever in a folder they stand."""

    def place(self, path: str) -> tuple[str, str, str]:
        return "you", readable(self.stem(path)), ""

    def item(self, name: str) -> Item:
        """One file at the top of the folder, whatever its name ends in."""
        return Item(printable(name), *self.place(name), "", name)


def _encoded(item: Item, source: _Anywhere, codec: Codec) -> SupportSong:
    content = read_song(item, source.tree, codec.kind).content
    try:
        tokens = codec.encode(canonical(content) if isinstance(content, str) else content)
    except ValueError as error:
        raise Rejected("not a song of this track's codec", str(error)) from None
    return SupportSong(item.title, codec.excerpt(tokens))


def _refusal(place: Path, codec: Codec, error: Rejected) -> str:
    """Why a named file cannot be support; the wrong kind of song gets a word of its own."""
    other = next((kind for kind, ends in SUFFIXES.items() if place.name.lower().endswith(ends)), None)
    hint = f" (a track of kind {codec.kind} takes {', '.join(SUFFIXES[codec.kind])})"
    return f"--support {place}: {error}{hint if other != codec.kind else ''}"


def _some(left_out: Iterable[str]) -> str:
    found = list(left_out)
    if not found:
        return ""
    more = f"\n  and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return ":\n" + "\n".join(f"  {line}" for line in found[:_NAMED]) + more
