"""Verified evaluation: every cell in a process of its own, every token revealed after its scores.

    for each seed:   fit or cached fit ─▶ N workers: each job in random order: adapt, reveal ─▶ journal

A job is one support with its query songs. A submission that declares `ignores_support` receives no support,
and one job serves all cells of an episode. The recorded nats come from the scores that arrived before each
token, so strict causality, score before update and one pass hold by construction. A random tenth of the songs
is scored again alone, in another process: a song's scores must not depend on the songs that advance beside
it.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from time import perf_counter
from typing import Any

import numpy as np

from fsdl_bench.codecs.base import Tokens
from fsdl_bench.errors import BadInput
from fsdl_bench.evaluation.audit import Check, compare
from fsdl_bench.evaluation.cells import Cell, as_scored
from fsdl_bench.evaluation.entries import CellEntry, StateEntry
from fsdl_bench.evaluation.journal import Journal, check_fit
from fsdl_bench.evaluation.parallel import here, scored
from fsdl_bench.evaluation.plan import Task
from fsdl_bench.evaluation.proof import prove
from fsdl_bench.evaluation.record import Seconds, cell_entry, start_entry
from fsdl_bench.evaluation.scoring import Scored
from fsdl_bench.progress import log
from fsdl_bench.results import Compression
from fsdl_bench.submissions.box import fitted_in_child
from fsdl_bench.submissions.reveal import CellProcess, RevealSession
from fsdl_bench.submissions.stored import Record

SHARE_ALONE = 0.1
"""The share of the songs that is scored again alone."""


@dataclass(frozen=True)
class Job:
    """Cells that one adapted predictor serves.

    Attributes:
        cells: their indices in the plan.
        support: the support songs; () if the submission ignores them.
    """

    cells: tuple[int, ...]
    support: tuple[Tokens, ...]


def jobs_of(cells: Sequence[Cell], missing: Sequence[int], *, ignores_support: bool) -> list[Job]:
    """Return the jobs for the cells that are not scored yet."""
    if not ignores_support:
        return [Job((index,), cells[index].support) for index in missing]
    by_episode: dict[tuple[str, int], list[int]] = {}
    for index in missing:
        episode = cells[index].episode
        by_episode.setdefault((episode.artist, episode.index), []).append(index)
    return [Job(tuple(indices), ()) for indices in by_episode.values()]


class VerifiedSeed:
    """All cells of one seed of a verified run.

    Args:
        task: the run.
        seed: of the fit.
        journal: of the run.
        shown: the progress bar.
        log: prints a line.
    """

    def __init__(
        self, task: Task, seed: int, journal: Journal, shown: Any, log: Callable[[str], None]
    ) -> None:
        self._task, self._seed, self._journal, self._shown, self._log = task, seed, journal, shown, log
        self._start, self._kept, self._ended = journal.of_seed(seed)

    def run(self) -> None:
        """Score what the journal lacks."""
        task = self._task
        missing = [index for index in range(len(task.cells)) if index not in self._kept]
        if not missing and self._ended:
            return
        refit = task.options.refit and not self._kept
        context = task.setup.context(self._seed, self._log, refit=refit)
        record = fitted_in_child(task.setup, context)
        check_fit(self._start, record)
        session = RevealSession(task.setup, context, record)
        with ThreadPoolExecutor(1) as aside, closing(session):
            if not session.facts.exact:
                raise BadInput(
                    f"{task.setup.source} gives only a bound on its likelihood (`exact = False`), which "
                    "cannot be verified token by token; leave --verified out"
                )
            if self._start is None:
                self._journal.append(start_entry(self._seed, session, record))
            jobs = jobs_of(task.cells, missing, ignores_support=session.facts.ignores_support)
            random.Random(secrets.randbits(64)).shuffle(jobs)
            workers = min(task.options.workers, max(1, len(jobs)))
            make = partial(JobScorer, task, self._seed, self._journal.audit_seed, record)
            alone = here(workers)
            # This process waits while workers score, so the proof can be made meanwhile.
            proof = None if alone else aside.submit(self._prove, session)
            for entries in scored(partial(make, session) if alone else make, jobs, workers):
                for entry in entries:
                    self._journal.append(entry)
                    self._shown.update()
            found = self._prove(session) if proof is None else proof.result()
            self._journal.append(StateEntry(seed=self._seed, checks=(), audit=0.0, compression=found))

    def _prove(self, session: RevealSession) -> Compression | None:
        """The proof by compression, for the first seed of the independent protocol."""
        options = self._task.options
        if self._seed != options.seeds[0] or options.protocol != "independent":
            return None
        if find_spec("constriction") is None:
            self._log("no proof by compression: install 'fsdl-bench[compression]'")
            return None
        return prove(self._task, session, self._seed)


class JobScorer:
    """Scores the jobs of one seed, with a session of its own; a `parallel.Scorer`.

    Args:
        task: the run.
        seed: of the fit.
        audit_seed: of the run.
        record: of the fit.
        session: to use; opened here by default.
    """

    def __init__(
        self,
        task: Task,
        seed: int,
        audit_seed: int,
        record: Record | None,
        session: RevealSession | None = None,
    ) -> None:
        self._task, self._seed, self._audit_seed = task, seed, audit_seed
        self._own = session is None
        self._session = session or RevealSession(task.setup, task.setup.context(seed, log), record)

    def __call__(self, job: Job) -> Sequence[CellEntry]:
        """Return the entries of a job's cells."""
        task, cell = self._task, self._task.cells[job.cells[0]]
        seed = cell.seed(self._seed)
        groups = task.groups(cell)
        batches: list[Scored] = []
        seconds = Seconds(0.0)
        process = None
        if task.options.alone and task.options.protocol == "independent":
            for group in groups:
                with self._session.cell(job.support, seed) as process:
                    batches.append(reveal(process, cell, group))
                _add(seconds, process)
        else:
            with self._session.cell(job.support, seed) as process:
                for group in groups:
                    batches.append(reveal(process, cell, group))
                    if task.options.protocol == "streaming":
                        process.observe(cell.queries[group.start])
            _add(seconds, process)
        layers = self._session.layers
        start = perf_counter()
        checks = self._alone(job, batches)
        seconds.audit = perf_counter() - start
        share = Seconds(*(part / len(job.cells) for part in (seconds.adapt, seconds.score, seconds.audit)))
        return [
            cell_entry(
                self._seed,
                index,
                task,
                batches,
                checks if index == job.cells[0] else [],
                share,
                (),
                fresh=False,
                layers=layers,
            )
            for index in job.cells
        ]

    def close(self) -> None:
        """End the session, if it was opened here."""
        if self._own:
            self._session.close()

    def _alone(self, job: Job, scored: Sequence[Scored]) -> list[Check]:
        """Score some songs of a job again, each alone; raises `RuleBreach` if the scores differ."""
        task, cell = self._task, self._task.cells[job.cells[0]]
        if task.options.protocol == "streaming" or len(scored[0].songs) == 1:
            return []
        draw = np.random.default_rng([self._audit_seed, self._seed, *job.cells])
        checks: list[Check] = []
        for index in np.flatnonzero(draw.random(len(cell.queries)) < SHARE_ALONE).tolist():
            with self._session.cell(job.support, cell.seed(self._seed)) as process:
                again = reveal(process, cell, range(index, index + 1))
            checks.append(compare("independence", scored[0].only(index), again, task.vocab_size))
        return checks


def reveal(process: CellProcess, cell: Cell, group: range) -> Scored:
    """Score some query songs of a cell in lock-step.

    Raises:
        RuleBreach: a token has no finite score.
    """
    songs = cell.queries[group.start : group.stop]
    names = cell.names[group.start : group.stop]
    return as_scored(names, songs, process.reveal(songs))


def _add(seconds: Seconds, process: CellProcess) -> None:
    seconds.adapt += process.adapt_seconds
    seconds.score += process.score_seconds
