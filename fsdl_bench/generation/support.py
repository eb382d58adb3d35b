"""The support songs for `generate`: the user's files, or those of a frozen episode of the track."""

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
from fsdl_bench.music.notes import DRUMS
from fsdl_bench.sources.common.base import Item, read_song
from fsdl_bench.sources.common.files import SUFFIXES, FileSource
from fsdl_bench.sources.common.text import readable
from fsdl_bench.sources.common.tree import Tree
from fsdl_bench.submissions.seeding import adapt_seed
from fsdl_bench.submissions.setup import RunTrack
from fsdl_bench.tracks.artists import artist_key
from fsdl_bench.tracks.views import TrackSong

Log: TypeAlias = Callable[[str], object]
"""Takes a line of text for the user."""

_NAMED = 5  # the most files that a message names


@dataclass(frozen=True)
class SupportSong:
    """A song as a model is given it.

    Attributes:
        title: the title in the track, or the file's name.
        tokens: the excerpt, uint16 [T].
        programs: the General MIDI programs of the whole song, 128 for drums; empty if not known.
    """

    title: str
    tokens: Tokens
    programs: tuple[int, ...] = ()


@dataclass(frozen=True)
class Support:
    """The support songs that a model adapts to.

    Attributes:
        artist: the artist's name; "your songs" for the user's files.
        artist_key: the artist's key in episodes; "" for the user's files.
        index: the index of the frozen episode; None for the user's files.
        songs: the songs in order.
        adapt_seed: the seed of the global random generators during `adapt`; for an episode, the same as in
            its evaluation.
    """

    artist: str
    artist_key: str
    index: int | None
    songs: tuple[SupportSong, ...]
    adapt_seed: int

    @property
    def programs(self) -> dict[int, int]:
        """The instrument families of the songs, each with a General MIDI program of it; {} if not known."""
        found: dict[int, int] = {}
        for program in (program for song in self.songs for program in song.programs):
            found.setdefault(min(program // 8, DRUMS), program)
        return found


def find_supports(
    track: RunTrack,
    seed: int,
    places: Sequence[str | os.PathLike[str]],
    episodes: Sequence[str],
    shots: int | None,
    log: Log,
) -> list[Support]:
    """Return the supports that `--support`, or `--episode` and `--shots`, name.

    Raises:
        BadInput: both or none are given, or they name something that does not exist.
    """
    if bool(places) == bool(episodes):
        raise BadInput("--support, --episode: expected one of them: your own songs, or songs of the track")
    design = track.definition
    if places:
        if shots is not None:
            raise BadInput("--shots: only for --episode; with --support every song is used")
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
    """Read, encode and cut songs from files and folders, as the build of a track does.

    A named file must be a readable song. In folders (searched recursively) everything that is not a song of
    the codec's kind is skipped and logged. Of several songs with the same tokens the first is used.

    Raises:
        BadInput: a path does not exist, a named file is not a song, or no song was found.
    """
    songs: dict[bytes, SupportSong] = {}
    left_out: list[str] = []
    for place in places:
        if not place.exists():
            raise BadInput(f"--support {place}: no such file or folder")
        source = _Anywhere(Tree(place if place.is_dir() else place.parent), codec.kind, "")
        try:
            items = list(source.items()) if place.is_dir() else source.songs_of(place.name)
        except Rejected as error:
            raise BadInput(_refusal(place, codec, error)) from None
        source.prepare(items, workers=1, progress=False)
        for item in items:
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
        log(f"Skipped in the support{_some(left_out)}")
    return list(songs.values())


def find_episode(episodes: Sequence[Episode], wanted: str) -> Episode:
    """Return the frozen episode that `ARTIST` or `ARTIST:INDEX` names; the index is 0 by default.

    Raises:
        BadInput: no evaluated artist has that name, or the artist has no episode with that index.
    """
    name, colon, number = wanted.rpartition(":")
    if not (colon and number.isdigit()):
        name, number = wanted, "0"
    key = artist_key(name)
    found = {episode.index: episode for episode in episodes if episode.artist == key}
    if not found:
        artists = sorted({episode.artist for episode in episodes})
        close = difflib.get_close_matches(key, artists, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(close)}? " if close else ""
        raise BadInput(
            f"--episode {wanted}: no evaluated artist is called {key!r}. {hint}"
            f"There are {len(artists)}: {', '.join(artists)}"
        )
    if int(number) not in found:
        known = ", ".join(map(str, sorted(found)))
        raise BadInput(f"--episode {wanted}: {key} has the episodes {known}, found {number}")
    return found[int(number)]


def episode_support(episode: Episode, shots: int) -> list[SupportSong]:
    """Return the first `shots` support songs of an episode.

    Raises:
        BadInput: the episode has fewer.
    """
    try:
        songs: tuple[TrackSong, ...] = episode.at(shots)
    except ValueError as error:
        raise BadInput(f"--shots {shots}: {error}") from None
    return [SupportSong(song.title, song.tokens, song.metadata.programs) for song in songs]


class _Anywhere(FileSource):
    """Songs anywhere below a folder."""

    def place(self, path: str) -> tuple[str, str, str]:
        return "you", readable(self.stem(path)), ""


def _encoded(item: Item, source: _Anywhere, codec: Codec) -> SupportSong:
    song = read_song(item, source.tree, codec.kind)
    content = song.content
    try:
        tokens = codec.encode(canonical(content) if isinstance(content, str) else content)
    except ValueError as error:
        raise Rejected("not a song of this track's codec", str(error)) from None
    return SupportSong(item.title, codec.excerpt(tokens), song.metadata.programs)


def _refusal(place: Path, codec: Codec, error: Rejected) -> str:
    """Say why a named file cannot be support, with a hint if it is of the wrong kind."""
    other = next((kind for kind, ends in SUFFIXES.items() if place.name.lower().endswith(ends)), None)
    hint = f" (a {codec.kind} track needs {', '.join(SUFFIXES[codec.kind])})"
    return f"--support {place}: {error}{hint if other != codec.kind else ''}"


def _some(left_out: Iterable[str]) -> str:
    found = list(left_out)
    if not found:
        return ""
    more = f"\n  and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return ":\n" + "\n".join(f"  {line}" for line in found[:_NAMED]) + more
