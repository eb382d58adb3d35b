"""Doubts about a track that a user has built: splits without artists, folders that are no artists.

A folder one level too high gives artists such as Rock, A-C or train. Their names tell it, or the folders
below them: one artist may have folders in several genres, but no album belongs to several artists.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median

from fsdl_bench.builder.capping import OVER_CAP, TOO_FEW
from fsdl_bench.tracks.rows import read_batches
from fsdl_bench.tracks.track import Track

_LAYOUT = "--set level=N, --set pattern='{artist} - {title}' or --layout name another layout"
_MOST = 0.8
_RECURRING = 0.3
_SEVERAL = 3
_MANY = 8  # folders below one; few artists have so many albums
_SONGS = frozenset({OVER_CAP, TOO_FEW, "duplicate", "near-duplicate"})  # left out, but understood as songs

_SPLITS = re.compile(
    r"dev|development|eval|evaluation|extra|holdout|test|testing|train|training|unlabeled|unlabelled|val|"
    r"valid|validation"
)
_GENRES = re.compile(
    r"alternative|ambient|bluegrass|blues|celtic|children|classic|classical|country|dance|disco|edm|"
    r"electronic|electronica|folk|funk|gospel|grunge|hiphop|house|indie|jazz|kpop|latin|metal|misc|"
    r"musical|newage|oldies|opera|other|pop|punk|rap|reggae|religious|rnb|rock|rocknroll|ska|soul|"
    r"soundtrack|swing|techno|trance|world"
)
_LANGUAGES = re.compile(
    r"ar|arabic|bg|ca|chinese|cs|czech|da|danish|de|deu|dutch|el|en|eng|english|es|et|fa|fi|finnish|fr|"
    r"fra|french|ger|german|greek|he|hebrew|hi|hindi|hr|hu|hungarian|id|is|it|ita|italian|ja|japanese|jp|"
    r"jpn|ko|korean|lt|lv|nl|no|norwegian|pl|polish|por|portuguese|pt|ro|romanian|ru|rus|russian|sk|sl|"
    r"spa|spanish|sr|sv|swedish|th|tr|turkish|uk|ukrainian|vi|zh|zho"
)
_RANGE = re.compile(
    r"(?:letter[ _-]?)?[a-z0-9#]|[a-z0-9#]{1,2} ?(?:[-_\u2010-\u2015]|to) ?[a-z0-9#]{1,2}", re.IGNORECASE
)
_DECADE = re.compile(r"(?:the )?(?:1[4-9]|20)?\d0'?s", re.IGNORECASE)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.casefold().replace("&", "n"))


_KINDS: dict[str, Callable[[str], bool]] = {
    "letters or ranges of letters": lambda name: _RANGE.fullmatch(name) is not None,
    "decades": lambda name: _DECADE.fullmatch(name) is not None,
    "the splits of a data set": lambda name: _SPLITS.fullmatch(_plain(name)) is not None,
    "languages": lambda name: _LANGUAGES.fullmatch(_plain(name)) is not None,
    "genres": lambda name: _GENRES.fullmatch(_plain(name)) is not None,
}
_GENERIC = re.compile(  # names of albums that several artists have
    r".*\b(?:cd|dis[ck]|vol(?:ume)?|part|side|act|book|op)\W*\d*|\d{4}\b.*|.*\bhits\b.*|.*\bbest of\b.*|"
    r".*\blive\b.*|.*\b(?:christmas|unplugged|anthology|collection|compilations?|singles?|eps?|albums?|demos?|"
    r"b-?sides|remix(?:es|ed)?|remastered|soundtracks?|covers?|bonus|misc|other|various|unknown|unreleased|"
    r"lyrics|midi?s?|txt|essentials?|acoustic|originals?|studio)\b.*",
    re.IGNORECASE,
)


def doubts(track: Track) -> list[str]:
    """Return what looks wrong about a track that a user has built, each with a remedy."""
    counts, found = track.manifest.counts, []
    names = sorted(artist.name for split in counts for artist in track[split].artists)
    songs = sum(count.songs for count in counts.values())
    empty = [split for split in ("train", "validation", "test") if split not in counts]
    if empty:
        found.append(
            f"no artist is in the {' and the '.join(empty)} split, so models cannot be "
            f"{'evaluated' if 'test' in empty else 'trained'} on this track. An artist's name decides the "
            "split; about two in ten artists are for testing and one in ten for validation: add more artists"
        )
    over = track.manifest.rejected.get(OVER_CAP, 0)
    below = _below(track)
    table = track.definition.sources[0].source == "lyrics_csv"
    other = "--set artist_column=NAME names another column" if table else _LAYOUT
    remedy = below.reading() if below and below.artists else other
    if over > songs:
        found.append(
            f"{over:,} songs are over the cap of {track.definition.max_songs} songs an artist, more than the "
            f"{songs:,} that are kept. Are these artists: {', '.join(names[:5])}? {other}"
        )
    short = [name for name in names if len(name) == 1 or name.isdigit()]
    if len(short) > len(names) / 2:
        found.append(
            f"most artists are called by one letter or a number, such as {', '.join(short[:5])}. {remedy}"
        )
    elif kind := _kind(names):
        found.append(f"most artists are called like {kind}: {', '.join(names[:5])}. {remedy}")
    elif below and below.recur():
        found.append(
            f"the same folders are in several artists' folders: {', '.join(below.recurring[:5])}. Are these "
            f"the artists, rather than {', '.join(names[:5])}? {remedy}"
        )
    elif below and below.are_large() and below.each() >= _MANY:
        found.append(
            f"each artist has many folders with many songs. Are these the artists, rather than "
            f"{', '.join(names[:5])}? {remedy}"
        )
    elif len(names) < 4:
        found.append(f"the track has only {len(names)} artists: {', '.join(names)}. {remedy}")
    return found


def hints(track: Track) -> list[str]:
    """Return what may be right or wrong: folders below the artists' that are albums, or the artists."""
    below = _below(track)
    if not below or not below.are_large() or below.each() >= _MANY or below.recur():
        return []
    if _kind({path[0] for path in below.paths}):
        return []
    examples = below.paths[:: max(1, -(-len(below.paths) // 5))]
    lines = [f"  {path[0]}   or, by --set level=2, {path[1]}   ({'/'.join(path)})" for path in examples]
    return [
        "most songs are in folders of the artists' folders. If these are no albums but the artists, "
        f"{below.reading()}\n" + "\n".join(lines)
    ]


def _kind(names: Iterable[str]) -> str:
    """Return what most of these names are instead of artists; empty if they are not of one kind."""
    names = list(names)
    for kind, belongs in _KINDS.items():
        if len(names) > 1 and sum(map(belongs, names)) >= _MOST * len(names):
            return kind
    return ""


@dataclass(frozen=True)
class _Below:
    """The folders below those that were taken for artists.

    Attributes:
        paths: of the songs in such folders: folder, folder, ..., file.
        least: the songs that an artist needs.
    """

    paths: Sequence[tuple[str, ...]]
    least: int

    @cached_property
    def songs(self) -> Counter[str]:
        """Folder -> its songs, whatever is above it, less folders that cannot be artists."""
        return Counter(
            path[1]
            for path in self.paths
            if not _GENERIC.fullmatch(path[1]) and not any(belongs(path[1]) for belongs in _KINDS.values())
        )

    @cached_property
    def artists(self) -> list[str]:
        """The folders with enough songs for an artist, the largest first."""
        return sorted(
            (name for name, count in self.songs.items() if count >= self.least),
            key=lambda name: (-self.songs[name], name),
        )

    @cached_property
    def recurring(self) -> list[str]:
        """The folders that are in several others."""
        above: dict[str, set[str]] = defaultdict(set)
        for first, second, *_ in self.paths:
            above[second].add(first)
        return sorted(name for name in self.songs if len(above[name]) > 1)

    def recur(self) -> bool:
        """Whether so many folders are in several others that they are no albums."""
        return len(self.recurring) >= max(_SEVERAL, _RECURRING * len(self.songs))

    def each(self) -> float:
        """Return the median number of folders with enough songs for an artist in one above."""
        large = set(self.artists)
        inside: dict[str, set[str]] = defaultdict(set)
        for first, second, *_ in self.paths:
            inside[first].update({second} & large)
        return median(len(own) for own in inside.values())

    def are_large(self) -> bool:
        """Whether the folders would be artists themselves: several in each, with enough songs."""
        return self.each() >= _SEVERAL

    def reading(self) -> str:
        """Return what the next level would give."""
        return (
            f"--set level=2 gives {len(self.artists):,} artists with at least {self.least} songs: "
            + ", ".join(self.artists[:5])
        )


def _below(track: Track) -> _Below | None:
    """Return the folders below the artists' if most songs are in one; None for another layout."""
    source = track.definition.sources[0]
    options = source.options
    if source.source != "folder" or str(options.get("level", 1)) != "1":
        return None
    if "{artist}" in str(options.get("pattern", "")):
        return None
    paths = [tuple(origin.split("/")) for origin in _origins(track)]
    deep = [path for path in paths if len(path) > 2]
    return _Below(sorted(deep), track.definition.min_songs) if len(deep) > len(paths) / 2 else None


def _origins(track: Track) -> Iterable[str]:
    """Yield where all songs were found, those included that were left out of the track."""
    import pyarrow.parquet as pq

    for split in track.manifest.counts:
        for batch in read_batches(track.path, split, ["origin"]):
            yield from batch.column(0).to_pylist()
    rejected = pq.read_table(track.path / "rejected.parquet", columns=["origin", "reason"]).to_pylist()
    yield from (row["origin"] for row in rejected if row["reason"] in _SONGS)
