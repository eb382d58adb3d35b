"""What the pages show, as pydantic models: `leaderboard.json` is the dump of `Leaderboard`."""

from __future__ import annotations

from typing import Literal, TypeAlias

from fsdl_bench.codecs.base import Unit
from fsdl_bench.frozen import Frozen
from fsdl_bench.results import Result, Scoring, ShotSummary
from fsdl_bench.songs import Kind
from fsdl_bench.statistics import Estimate
from fsdl_bench.tracks.definition import SourceDefinition
from fsdl_bench.tracks.manifest import SplitCounts

Standing: TypeAlias = Literal["ranked", "reference", "bound", "refused"]
"""Whether a result has a rank, or why not: it knows the truth or nothing; it is a bound; it may not stand."""

BASELINE = "lstm"
"""The model that every other is measured against."""


class Placing(Frozen):
    """Where a ranked result stands at one number of shots.

    Attributes:
        shots: K.
        rank: 1 for the lowest NLL.
        tied: whether the best cannot be told from this one (it holds for the best itself).
        over_baseline: NLL of the baseline minus this one's, paired by artist; positive is good. Absent for
            the baseline, and where there is none.
        p: Holm-corrected, of that difference.
    """

    shots: int
    rank: int
    tied: bool
    over_baseline: Estimate | None
    p: float | None


class ArtistLine(Frozen):
    """One artist's figures at the headline shot, in the track's unit."""

    artist: str
    nll: float
    gain: float | None
    control_gain: float | None


class SongLine(Frozen):
    """One query song: NLL at zero shots minus NLL at the headline shot, over all its episodes and seeds."""

    song_id: str
    title: str
    artist: str
    gain: float


class SampleSong(Frozen):
    """A song to look at or listen to.

    Attributes:
        title: as the track has it, or as the sample was numbered.
        files: mid, png, wav or txt -> its path inside the site.
        text: of lyrics.
        nats_per_unit: of a sample, by the model that wrote it.
    """

    title: str
    files: dict[str, str]
    text: str
    nats_per_unit: float | None


class SampleEpisode(Frozen):
    """What a model wrote after the support of a test episode."""

    artist: str
    support: tuple[SampleSong, ...]
    samples: tuple[SampleSong, ...]


class Entry(Frozen):
    """One result on a board.

    Attributes:
        slug: the model's name as part of file names; one a track and protocol.
        standing: ranked, or why not.
        reason: in words, where it is refused.
        file: path of the result below the folder of results.
        source_file: the copy of the submission file in the site, if it could be had; else "".
        result: the whole result.
        placings: one for each number of shots; ranked results only.
        artists: sorted by gain, the largest first.
        gains_most: the songs that profit most from the support.
        gains_least: those that profit least, the least first.
        reproduce: the shell commands that make the result again.
    """

    slug: str
    standing: Standing
    reason: str
    file: str
    source_file: str
    result: Result
    placings: tuple[Placing, ...]
    artists: tuple[ArtistLine, ...]
    gains_most: tuple[SongLine, ...]
    gains_least: tuple[SongLine, ...]
    reproduce: tuple[str, ...]

    def at(self, shots: int) -> ShotSummary | None:
        """The figures at K shots, if the result has them."""
        return next((shot for shot in self.result.aggregates.shots if shot.shots == shots), None)

    def placing(self, shots: int) -> Placing | None:
        """Where it stands at K shots, if it is ranked there."""
        return next((placing for placing in self.placings if placing.shots == shots), None)


class Board(Frozen):
    """The results of one track and protocol: those with a rank first, best first."""

    track: str
    protocol: Scoring
    unit: Unit
    headline_shot: int
    shots: tuple[int, ...]
    entries: tuple[Entry, ...]

    def of(self, *standings: Standing) -> list[Entry]:
        """The entries of these standings, in the board's order."""
        return [entry for entry in self.entries if entry.standing in standings]


class Model(Frozen):
    """One model of a track: its results, one a protocol, and its samples."""

    slug: str
    name: str
    results: tuple[tuple[Scoring, Entry], ...]
    samples: tuple[SampleEpisode, ...]


class TrackView(Frozen):
    """A track: its card and its boards."""

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
    boards: tuple[Board, ...]
    samples: dict[str, tuple[SampleEpisode, ...]]

    def models(self) -> list[Model]:
        """The track's models in the order of the boards, each with its results by protocol."""
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
    """Everything that the site shows.

    Attributes:
        updated: date of the newest result, so that the same results make the same site.
        version: of the package.
        tracks: headline tracks first.
        removals: newest first.
    """

    updated: str
    version: str
    tracks: tuple[TrackView, ...]
    removals: tuple[Removal, ...]
