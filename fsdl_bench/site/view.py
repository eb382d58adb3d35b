"""The content of the pages as pydantic models; `leaderboard.json` is a dump of `Leaderboard`."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from fsdl_bench.codecs.base import Unit
from fsdl_bench.frozen import Frozen
from fsdl_bench.results import Result, Scoring, ShotSummary
from fsdl_bench.site.verified import Verified
from fsdl_bench.songs import Kind
from fsdl_bench.statistics import Estimate
from fsdl_bench.tracks.definition import SourceDefinition
from fsdl_bench.tracks.histograms import Histogram
from fsdl_bench.tracks.manifest import SplitCounts

Standing: TypeAlias = Literal["ranked", "unverified", "reference", "bound", "refused"]
"""Whether a result is ranked, or why not: not verified, a reference, an upper bound, not acceptable."""

Budget: TypeAlias = Literal["quarter-hour", "hour", "open"]

BUDGETS: tuple[Budget, ...] = get_args(Budget)
"""The budget classes, the smallest first."""


BASELINE = "lstm"
"""The model that all others are compared with."""


class ClassPlacing(Frozen):
    """The rank of a result among those of a budget class and of smaller ones.

    Attributes:
        budget: the class.
        rank: 1 for the lowest NLL.
        tied: whether it is not significantly worse than the best of these.
    """

    budget: Budget
    rank: int
    tied: bool


class Placing(Frozen):
    """The rank of a result at one number of shots.

    Attributes:
        shots: K.
        rank: 1 for the lowest NLL.
        tied: whether it is not significantly worse than the best; true for the best itself.
        over_baseline: NLL of the baseline minus this NLL, paired by artist; positive is better. None for
            the baseline, and if the board has no baseline.
        p: the Holm-corrected p-value of that difference.
        classes: the rank in each budget class that the result belongs to, the smallest first.
    """

    shots: int
    rank: int
    tied: bool
    over_baseline: Estimate | None
    p: float | None
    classes: tuple[ClassPlacing, ...] = ()

    def among(self, budget: Budget) -> ClassPlacing | None:
        """Return the rank in a class, if the result belongs to it."""
        return next((one for one in self.classes if one.budget == budget), None)


class ArtistLine(Frozen):
    """One artist's figures at the headline shot, in the track's unit."""

    artist: str
    nll: float
    gain: float | None
    control_gain: float | None


class SongLine(Frozen):
    """One query song; `gain` is NLL at zero shots minus NLL at the headline shot, over episodes and seeds."""

    song_id: str
    title: str
    artist: str
    gain: float


class QuerySong(Frozen):
    """A query song of a board; the title is "" if the track is not built where the site was."""

    artist: str
    song_id: str
    title: str


class SampleSong(Frozen):
    """A support song or a sample.

    Attributes:
        title: the song's title, or "Sample N".
        files: mid, png, wav or txt -> the path inside the site.
        text: the lyrics; "" for music.
        nats_per_unit: -log p of a sample under its own model, per note or byte; None for support songs.
    """

    title: str
    files: dict[str, str]
    text: str
    nats_per_unit: float | None


class SampleEpisode(Frozen):
    """The songs that a model wrote given the support of a test episode."""

    artist: str
    support: tuple[SampleSong, ...]
    samples: tuple[SampleSong, ...]


class Entry(Frozen):
    """One result on a board.

    Attributes:
        slug: the model's name as part of file names; unique within a track and protocol.
        standing: ranked, or why not.
        reason: why it is refused, in words.
        verified: the entry of `verified.toml`; None if there is none.
        file: the path of the result below the folder of results.
        source_file: the copy of the submission file in the site; "" if it was not found.
        result: the result.
        placings: one for each number of shots; only for ranked results.
        artists: the artists, the largest gain first.
        gains_most: the songs with the largest gain, the largest first.
        gains_least: the songs with the smallest gain, the smallest first.
        song_nll: NLL at the headline shot of each of the board's songs; empty for other songs.
        curve: (training batches, validation NLL) of weights that ship with the package; empty for others.
        reproduce: the shell commands that reproduce the result.
    """

    slug: str
    standing: Standing
    reason: str
    verified: Verified | None
    file: str
    source_file: str
    result: Result
    placings: tuple[Placing, ...]
    artists: tuple[ArtistLine, ...]
    gains_most: tuple[SongLine, ...]
    gains_least: tuple[SongLine, ...]
    song_nll: tuple[float, ...]
    curve: tuple[tuple[int, float], ...]
    reproduce: tuple[str, ...]

    def at(self, shots: int) -> ShotSummary | None:
        """Return the figures at K shots, if the result has them."""
        return next((shot for shot in self.result.aggregates.shots if shot.shots == shots), None)

    def placing(self, shots: int) -> Placing | None:
        """Return the placing at K shots, if it is ranked there."""
        return next((placing for placing in self.placings if placing.shots == shots), None)


class Record(Frozen):
    """A verified result that was the best of a budget class when it came.

    Attributes:
        budget: the class.
        date: of the verifying run.
        model: the model's name.
        nll: at the headline shot.
        gain: NLL of the former record minus this NLL; None for the first.
        p: the Holm-corrected p-value of that difference.
    """

    budget: Budget
    date: str
    model: str
    nll: Estimate
    gain: float | None
    p: float | None


class Board(Frozen):
    """The results of one track and protocol, the ranked ones first, best first; its songs and records."""

    track: str
    protocol: Scoring
    unit: Unit
    headline_shot: int
    shots: tuple[int, ...]
    entries: tuple[Entry, ...]
    songs: tuple[QuerySong, ...]
    records: tuple[Record, ...]

    def of(self, *standings: Standing) -> list[Entry]:
        """Return the entries with these standings, in the board's order."""
        return [entry for entry in self.entries if entry.standing in standings]

    def best(self) -> Entry | None:
        """Return the best ranked model at the headline shot, if any is ranked."""
        return next(iter(self.of("ranked")), None)

    def shown(self) -> list[Entry]:
        """Return the entries that are not refused."""
        return [entry for entry in self.entries if entry.standing != "refused"]

    def artists(self) -> list[str]:
        """Return the keys of the evaluated artists, sorted."""
        return sorted({song.artist for song in self.songs})


class Model(Frozen):
    """One model of a track: its results, one per protocol, and its samples."""

    slug: str
    name: str
    results: tuple[tuple[Scoring, Entry], ...]
    samples: tuple[SampleEpisode, ...]


class TrackView(Frozen):
    """A track: its card and its boards; `names` has the artists' names if the track is built."""

    name: str
    kind: Kind
    unit: Unit
    status: str
    description: str
    limits: tuple[str, ...]
    codec: str
    digest: str
    headline_shot: int
    sources: tuple[SourceDefinition, ...]
    counts: dict[str, SplitCounts]
    histograms: tuple[Histogram, ...]
    names: dict[str, str]
    boards: tuple[Board, ...]
    samples: dict[str, tuple[SampleEpisode, ...]]

    def name_of(self, artist: str) -> str:
        """Return an artist's name, or the key with capitals if it is not known."""
        return self.names.get(artist) or artist.title()

    def models(self) -> list[Model]:
        """Return the track's models in the order of the boards, each with its results by protocol."""
        found: dict[str, list[tuple[Scoring, Entry]]] = {}
        for board in self.boards:
            for entry in board.entries:
                found.setdefault(entry.slug, []).append((board.protocol, entry))
        return [
            Model(
                slug=slug,
                name=results[0][1].result.submission.name,
                results=tuple(results),
                samples=self.samples.get(slug, ()),
            )
            for slug, results in found.items()
        ]


class Removal(Frozen):
    """One line of the public removal log."""

    date: str
    track: str
    model: str
    reason: str
    reference: str = ""


class Leaderboard(Frozen):
    """The content of the site.

    Attributes:
        updated: the date of the newest result, so that the same results give the same site.
        version: the version of the package.
        tracks: the tracks, headline tracks first.
        removals: the removal log, newest first.
    """

    updated: str
    version: str
    tracks: tuple[TrackView, ...]
    removals: tuple[Removal, ...]
