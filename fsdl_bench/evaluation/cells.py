"""Cells: the units of a run. A cell is one episode with one support.

Cells are scored episode by episode, shots ascending, the control last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from fsdl_bench.codecs.base import Tokens
from fsdl_bench.episodes import Episode
from fsdl_bench.evaluation.scoring import Scored, batches, check_bound, check_finite, spread, token_nats
from fsdl_bench.results import Condition, Scoring
from fsdl_bench.submissions.seeding import adapt_seed
from fsdl_bench.submissions.session import Session


@dataclass(frozen=True)
class Cell:
    """One episode with one support."""

    episode: Episode
    shots: int
    condition: Condition

    @property
    def support(self) -> tuple[Tokens, ...]:
        """The support songs' tokens."""
        songs = self.episode.at(self.shots) if self.condition == "right" else self.episode.control
        return tuple(song.tokens for song in songs)

    @property
    def queries(self) -> tuple[Tokens, ...]:
        """The query songs' tokens."""
        return tuple(song.tokens for song in self.episode.query)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the query songs in messages."""
        control = " of another artist" if self.condition == "control" else ""
        place = f"of {self.episode.artist}, episode {self.episode.index}, {self.shots} shots{control}"
        return tuple(f"song {song.id} {place}" for song in self.episode.query)

    def seed(self, run_seed: int) -> int:
        """Return the seed that is set before the submission adapts to this cell."""
        return adapt_seed(run_seed, self.episode.artist, self.episode.index, self.shots, self.condition)


def cells_of(episodes: Sequence[Episode], shots: Sequence[int], headline: int) -> list[Cell]:
    """Return all cells of one seed. The headline shot has a control if there is another artist."""
    cells = []
    for episode in episodes:
        cells += [Cell(episode, count, "right") for count in shots]
        if headline in shots and episode.control:
            cells.append(Cell(episode, headline, "control"))
    return cells


def groups_of(cell: Cell, protocol: Scoring, vocab_size: int) -> list[range]:
    """Return which query songs are scored in one batch; in streaming, one at a time."""
    if protocol == "streaming":
        return [range(index, index + 1) for index in range(len(cell.queries))]
    return list(batches([len(song) for song in cell.queries], vocab_size))


def score(session: Session, cell: Cell, protocol: Scoring, vocab_size: int) -> Iterator[Scored]:
    """Score the query songs of a cell that the session is adapted to, batch by batch.

    In streaming, a song is observed when the next batch is asked for.

    Raises:
        RuleBreach: a song has no finite score or bound.
    """
    names, queries = cell.names, cell.queries
    for group in groups_of(cell, protocol, vocab_size):
        songs = queries[group.start : group.stop]
        yield score_batch(session, names[group.start : group.stop], songs)
        if protocol == "streaming":
            session.observe(songs[0])


def score_batch(session: Session, names: tuple[str, ...], songs: tuple[Tokens, ...]) -> Scored:
    """Score some songs in one call of `logits`, or of `nats` for bounds; raises like `score`."""
    if session.facts.exact:
        return as_scored(names, songs, session.scores(songs))
    bounds = session.nats(songs)
    nats = spread(bounds, songs)
    for found, name in zip(nats, names, strict=True):
        check_bound(found, name)
    return Scored(names, songs, nats, bounds.dtype, bounds=True)


def as_scored(names: tuple[str, ...], songs: tuple[Tokens, ...], scores: torch.Tensor) -> Scored:
    """Return the nats of songs from their scores [B, T, V]; raises `RuleBreach` if one is not finite."""
    nats = tuple(token_nats(rows, song) for rows, song in zip(scores, songs, strict=True))
    for found, rows, song, name in zip(nats, scores, songs, names, strict=True):
        check_finite(found, rows, song, name)
    return Scored(names, songs, nats, scores.dtype)
