"""Many evaluations as one job that can be resumed: `fsdl-bench run board.toml`.

    [[run]] submission x tracks x protocols ──▶ <out>/<track>/[streaming/]<name>.json, one after another

A result that is there and belongs to the same code, arguments, track, shots and seeds is left alone, so a
rerun does what is missing. An unfinished run is resumed. Models that share a part (`FitContext.once`) train
it once.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from fsdl_bench.errors import BadInput
from fsdl_bench.evaluation.runner import evaluate
from fsdl_bench.frozen import Frozen
from fsdl_bench.progress import note
from fsdl_bench.results import Scoring, StoredResult, read_result
from fsdl_bench.submissions.setup import set_up


class Run(Frozen):
    """One model on some tracks.

    Attributes:
        submission: as for `evaluate`; a path is taken from the board's folder.
        name: the model's name, and that of its results' files.
        tracks: names of built tracks.
        protocols: of each result.
        seeds: of each result.
        shots: some of the tracks' support sizes; the board's by default.
        set: constructor arguments.
    """

    submission: str
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    tracks: list[str] = Field(min_length=1)
    protocols: list[Scoring] = Field(default=["independent"], min_length=1)
    seeds: list[int] = Field(default=[0], min_length=1)
    shots: list[int] | None = Field(default=None, min_length=1)
    set: dict[str, str | int | float | bool] = Field(default_factory=dict)


class Board(Frozen):
    """The content of the file.

    Attributes:
        out: the folder of the results, from the board's folder.
        mode: how the cells are scored.
        shots: some of the tracks' support sizes for every run; all by default.
        run: the models.
    """

    out: str
    mode: Literal["verified", "batched"] = "verified"
    shots: list[int] | None = Field(default=None, min_length=1)
    run: list[Run] = Field(min_length=1)


@dataclass(frozen=True)
class Job:
    """One result of a board: a model on a track, under a protocol, and its file."""

    run: Run
    track: str
    protocol: Scoring
    path: Path

    def __str__(self) -> str:
        return f"{self.run.name} on {self.track}, {self.protocol}"


@dataclass(frozen=True)
class Outcome:
    """The outcome of a job: its result, or the reason why there is none."""

    job: Job
    stored: StoredResult | None
    error: str = ""


def read_board(path: Path) -> tuple[Board, list[Job]]:
    """Read a board and list its jobs.

    Raises:
        BadInput: the file cannot be read, a key or value is wrong, or two jobs have the same file.
    """
    try:
        board = Board.model_validate(tomllib.loads(path.read_text("utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise BadInput(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or not TOML
        raise BadInput(f"{path}: expected a board in TOML: {error}") from None
    jobs = [
        Job(run, track, protocol, _file(path.parent / board.out, track, protocol, run.name))
        for run in (one.model_copy(update={"shots": one.shots or board.shots}) for one in board.run)
        for track in run.tracks
        for protocol in run.protocols
    ]
    files = [job.path for job in jobs]
    if twice := next((job for job in jobs if files.count(job.path) > 1), None):
        raise BadInput(f"{path}: two runs write {twice.path}; give one of them another name")
    return board, jobs


def run_board(path: Path, *, workers: int = 1, only: str = "", progress: bool = True) -> Iterator[Outcome]:
    """Do what is missing of a board, and yield the outcome of every job.

    Args:
        path: the file.
        workers: cells at a time.
        only: do the jobs whose description contains this text as whole words; "lstm" is not in "meta-lstm".
        progress: show what is being done.

    Raises:
        BadInput: as `read_board`, or `only` names no job. What goes wrong in a job is part of its outcome.
    """
    board, jobs = read_board(path)
    wanted = re.compile(rf"(?<![\w-]){re.escape(only)}(?![\w-])" if only else "")
    chosen = [job for job in jobs if wanted.search(str(job))]
    if not chosen:
        raise BadInput(
            f"{path}: no run is {only!r}; the first is {jobs[0]!s}" if jobs else f"{path}: no runs"
        )
    for number, job in enumerate(chosen, start=1):
        place = f"[{number}/{len(chosen)}] {job}"
        try:
            kept = _up_to_date(board, job, path.parent)
            note(f"{place}: {'is there' if kept else 'begins'}", progress)
            yield Outcome(job, kept or _evaluated(board, job, path.parent, workers, progress))
        except BadInput as error:  # a broken rule is one, too
            note(f"{place}: {error}", progress)
            yield Outcome(job, None, str(error))


def _file(folder: Path, track: str, protocol: Scoring, name: str) -> Path:
    place = folder / track if protocol == "independent" else folder / track / protocol
    return place / f"{name}.json"


def _submission(job: Job, folder: Path) -> str:
    place, colon, name = job.run.submission.partition(".py")
    if not colon or Path(place).is_absolute():
        return job.run.submission
    return os.path.normpath(folder / f"{place}.py") + name  # as `evaluate` would be given it: without ..


def _up_to_date(board: Board, job: Job, folder: Path) -> StoredResult | None:
    """The job's result, if it is there and would come out again."""
    if not job.path.exists():
        return None
    try:
        stored = read_result(job.path)
    except BadInput as error:
        note(f"{error} It is made again.", True)
        return None
    setup = set_up(_submission(job, folder), job.track, settings=job.run.set, isolate=True)
    result, design = stored.result, setup.track.definition
    same = (
        result.submission.code == setup.loaded.digest
        and result.submission.arguments == {key: one.plain for key, one in setup.loaded.arguments.items()}
        and result.track.digest == setup.track.digest
        and list(result.seeds) == list(job.run.seeds)
        and [shot.shots for shot in result.aggregates.shots] == sorted(set(job.run.shots or design.shots))
        and (result.mode, result.smoke, result.track.split) == (board.mode, False, "test")
    )
    return stored if same else None


def _evaluated(board: Board, job: Job, folder: Path, workers: int, progress: bool) -> StoredResult:
    return evaluate(
        _submission(job, folder),
        job.track,
        settings=job.run.set,
        protocol=job.protocol,
        seeds=job.run.seeds,
        shots=job.run.shots,
        name=job.run.name,
        verified=board.mode == "verified",
        isolate=True,
        workers=workers,
        resume=True,
        out=job.path,
        progress=progress,
    )
