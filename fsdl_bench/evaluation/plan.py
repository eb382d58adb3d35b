"""The configuration of one run, validated up front: on what a submission is evaluated, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from fsdl_bench.codecs.base import Codec, Tokens
from fsdl_bench.episodes import Episode, episodes_digest, evaluation_episodes
from fsdl_bench.errors import BadInput
from fsdl_bench.evaluation.cells import Cell, cells_of
from fsdl_bench.evaluation.provenance import packages
from fsdl_bench.results import Scoring
from fsdl_bench.results.files import refuse_other_result
from fsdl_bench.submissions.setup import RunTrack, Setup


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """The options of `evaluate`; the command line has the same names.

    Attributes:
        settings: `key=value` for the constructor, or a mapping.
        protocol: "independent", or "streaming" with `observe` after each query song.
        shots: some of the track's support sizes, or one; all by default.
        seeds: the submission is fitted and scored once for each; one or several.
        device: where the model computes, as torch names it.
        split: "test", or "validation" while a model is being made.
        limit: only so many episodes: a smoke run, which is never accepted as a result.
        refit: train again, without weights that ship and although a fit is cached.
        resume: continue an unfinished run of the same evaluation (True), start over (False), or raise
            `BadInput` if there is one (None).
        isolate: run the submission in processes of its own; see `fsdl_bench.submissions.box`.
        verified: reveal each token only after its scores have arrived, each cell in a process of its own.
        alone: with `verified`, also score each query song in a process of its own.
        workers: how many cells are scored at a time, each worker with one thread.
        name: how the result calls the submission; by default as it calls itself.
        out: the result's JSON file; by default `results/<track>/<name>.json`.
        progress: whether to show a progress bar on standard error.
    """

    settings: str | Sequence[str] | Mapping[str, Any] = ()
    protocol: Scoring = "independent"
    shots: Sequence[int] | None = None
    seeds: Sequence[int] = (0,)
    device: str = "cpu"
    split: str = "test"
    limit: int | None = None
    refit: bool = False
    resume: bool | None = None
    isolate: bool = False
    verified: bool = False
    alone: bool = False
    workers: int = 1
    name: str = ""
    out: str | Path | None = None
    progress: bool = True

    def check(self, track: RunTrack) -> None:
        """Check what can be checked before anything is computed.

        Raises:
            BadInput: names the option, what was expected and what was found.
        """
        offered = tuple(track.definition.shots)
        if self.shots is not None and (not self.shots or not set(self.shots) <= set(offered)):
            raise BadInput(f"--shots: {track.name} has {_list(offered)}, found {_list(self.shots)}")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise BadInput(f"--seeds: expected different numbers from 0 up, found {_list(self.seeds)}")
        if self.limit is not None and self.limit < 1:
            raise BadInput(f"--limit: expected at least 1 episode, found {self.limit}")
        if self.workers < 1:
            raise BadInput(f"--workers: expected at least 1, found {self.workers}")
        if self.alone and not self.verified:
            raise BadInput("--alone: needs --verified")
        if self.workers > 1 and not (self.verified or self.isolate):
            raise BadInput("--workers: several need processes of their own; leave --in-process out")
        if self.out is not None and Path(self.out).suffix != ".json":
            raise BadInput(f"--out: expected a .json file, found {self.out}")
        if self.out is not None:
            refuse_other_result(Path(self.out))


@dataclass(frozen=True)
class Task:
    """One run: a submission on a track, the episodes of one split, and how they are scored.

    Attributes:
        setup: the submission, the track and the device.
        options: the options, checked.
    """

    setup: Setup
    options: EvaluationOptions

    @property
    def track(self) -> RunTrack:
        """The track whose episodes are scored."""
        return self.setup.track

    @property
    def codec(self) -> Codec:
        """The codec of the track's tokens."""
        return self.setup.codec

    @property
    def vocab_size(self) -> int:
        """V, the number of token ids."""
        return self.setup.vocab_size

    @property
    def shots(self) -> tuple[int, ...]:
        """The support sizes that are scored, ascending."""
        chosen = self.options.shots
        return tuple(sorted(set(self.track.definition.shots if chosen is None else chosen)))

    @cached_property
    def episodes(self) -> list[Episode]:
        """The frozen episodes; the first `limit` of them in a smoke run."""
        return evaluation_episodes(self.track[self.options.split], self.track.definition)[
            : self.options.limit
        ]

    @cached_property
    def cells(self) -> list[Cell]:
        """The cells that are scored for every seed."""
        return cells_of(self.episodes, self.shots, self.track.definition.headline_shot)

    def groups(self, cell: Cell) -> list[range]:
        """Return which query songs of a cell a verified run scores in lock-step."""
        count = len(cell.queries)
        if self.options.alone or self.options.protocol == "streaming":
            return [range(index, index + 1) for index in range(count)]
        return [range(count)]

    @cached_property
    def donors(self) -> list[Tokens]:
        """Songs for audits to redraw from: every query song."""
        return [song.tokens for episode in self.episodes for song in episode.query]

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Everything that the scores depend on and that is known before the run: the journal's key."""
        return {
            "fits": [self.setup.identity(seed).key for seed in self.options.seeds],
            "split": self.options.split,
            "episodes": episodes_digest(self.episodes),
            "protocol": self.options.protocol,
            "shots": list(self.shots),
            "seeds": list(self.options.seeds),
            "limit": self.options.limit,
            "device": self.setup.device.type,
            "isolate": self.setup.isolate,
            "verified": [self.options.verified, self.options.alone],
            "threads": torch.get_num_threads(),
            "packages": packages(),
        }


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"
