"""Evaluating a submission on a track: fit, then every episode with every support, then the verdicts.

    for each seed:   fit, or take the kept one ─▶ each cell: adapt, score, audit, journal ─▶ fresh copy: audit

A cell is an episode with one support. It enters the journal when its audits have held, so a run that was
killed goes on where it was, and everything in the result is computed from the journal.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from fsdl_bench.errors import BadInput
from fsdl_bench.evaluation.audit import Auditor, Check
from fsdl_bench.evaluation.cells import groups_of, score
from fsdl_bench.evaluation.journal import Journal, open_journal
from fsdl_bench.evaluation.plan import EvaluatedTrack, Task, plan_task
from fsdl_bench.evaluation.progress import Progress
from fsdl_bench.evaluation.record import cell_entry, rows_of, run_of, start_entry
from fsdl_bench.evaluation.scoring import Scored
from fsdl_bench.evaluation.sealing import Seal
from fsdl_bench.results import Scoring, StoredResult, write_result
from fsdl_bench.submissions.box import ChildSession, fitted_in_child
from fsdl_bench.submissions.contract import Submission
from fsdl_bench.submissions.fitting import fitted
from fsdl_bench.submissions.loading import from_object, load_submission
from fsdl_bench.submissions.session import LocalSession, Session

SEAL_SECONDS = 1.0
"""How often the seal on the scorer is looked at, beside the end of every seed."""


def evaluate(
    submission: str | Submission,
    track: str | os.PathLike[str] | EvaluatedTrack,
    *,
    settings: Sequence[str] = (),
    protocol: Scoring = "independent",
    shots: Sequence[int] | None = None,
    seeds: Sequence[int] = (0,),
    device: str = "cpu",
    split: str = "test",
    limit: int | None = None,
    refit: bool = False,
    resume: bool | None = None,
    isolate: bool = False,
    name: str = "",
    out: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> StoredResult:
    """Evaluate a submission, write its result and return it.

    Args:
        submission: `path.py`, `path.py:ClassName`, `package.module:ClassName`, or an object with `adapt`.
        track: the name or the folder of a built track, or an opened one.
        settings: `key=value` for the constructor.
        protocol: "independent", or "streaming" with `observe` after each query song.
        shots: some of the track's support sizes; all by default.
        seeds: the submission is fitted and scored once for each.
        device: where the model computes, as torch names it.
        split: "test", or "validation" while a model is being made.
        limit: only so many episodes: a smoke run, which is never accepted as a result.
        refit: fit again even if a fit is kept.
        resume: go on with an unfinished run of the same evaluation (True), start anew (False), or refuse to
            choose if there is one (None).
        isolate: run the submission in processes of its own; see `fsdl_bench.submissions.box`.
        name: how the result calls it; by default as the submission does.
        out: the result's JSON file; by default `results/<track>/<name>.json`.
        progress: whether to show a progress bar on standard error.

    Raises:
        RuleBreach: the submission broke a rule of the benchmark.
        BadInput: something was asked for that is not there, or the submission breaks the contract.
    """
    seal = Seal()
    loaded = load_submission(submission, settings) if isinstance(submission, str) else from_object(submission)
    source = submission if isinstance(submission, str) else type(submission).__qualname__
    task = plan_task(
        loaded,
        source,
        track,
        split=split,
        protocol=protocol,
        shots=shots,
        seeds=seeds,
        device=device,
        limit=limit,
        isolate=isolate,
    )
    if out is not None and Path(out).suffix != ".json":
        raise BadInput(f"--out: a result is written to a .json file, not to {out}")
    with open_journal(task.facts, resume) as journal:
        done = sum("cell" in entry for entry in journal.entries)
        title = f"{source} on {task.track.name}"
        with Progress(title, len(task.cells) * len(task.seeds), done, progress) as bar:
            for seed in task.seeds:
                _SeedRun(task, seed, journal, seal, bar).run(refit)
        run = run_of(task, journal.entries, name=name, audit_seed=journal.audit_seed)
        place = Path(out) if out is not None else default_place(task, run.submission.name)
        stored = write_result(place, run, rows_of(task, journal.entries))
        journal.discard()
    return stored


def default_place(task: Task, name: str) -> Path:
    """Where a result goes unless the caller says: results/<track>/<name>[-streaming][.smoke].json."""
    slug = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)
    slug += "-streaming" if task.protocol == "streaming" else ""
    return Path("results", task.track.name, f"{slug}{'.smoke' if task.limit is not None else ''}.json")


class _SeedRun:
    """All cells of one seed."""

    def __init__(self, task: Task, seed: int, journal: Journal, seal: Seal, bar: Progress) -> None:
        self._task = task
        self._seed = seed
        self._journal = journal
        self._seal = seal
        self._bar = bar
        self._sealed_at = perf_counter()
        self._fit_seconds: float | None = None
        self._kept = {e["cell"]: e for e in journal.entries if e["seed"] == seed and "cell" in e}
        self._started = any(e["seed"] == seed and "facts" in e for e in journal.entries)
        self._complete = any(e["seed"] == seed and "state" in e for e in journal.entries)

    def run(self, refit: bool) -> None:
        """Score what the journal lacks."""
        if self._complete:
            return
        open_session = self._opener(refit and not self._kept)
        session = open_session()
        try:
            auditor = Auditor(
                len(self._task.cells),
                self._task.donors,
                self._task.vocab_size,
                session.facts.precision,
                (self._journal.audit_seed, self._seed),
            )
            if not self._started:
                self._journal.append(start_entry(self._seed, session, self._fit_seconds))
            for index in range(len(self._task.cells)):
                if index not in self._kept:
                    self._score(index, session, auditor)
        finally:
            session.close()
        fresh = open_session()
        try:
            self._audit_state(fresh, auditor)
        finally:
            fresh.close()

    def _opener(self, refit: bool) -> Callable[[], Session]:
        """Fit, and return what opens a session with a fresh copy."""
        task, sealed = self._task, self._task.sealed
        context = task.context(self._seed, self._bar.log)
        splits = (task.track["train"], task.track["validation"])
        if task.isolate:
            stored, self._fit_seconds = fitted_in_child(task.loaded, splits, context, sealed, refit=refit)
            return lambda: ChildSession(task.loaded, stored, context, sealed)
        fit = fitted(task.loaded, splits, context, refit=refit, sealed=sealed)
        self._fit_seconds = fit.seconds
        if fit.seconds is not None and fit.stored is None and self._kept:
            raise BadInput("the fit of this submission is not kept, so its run cannot go on: use --restart")
        return lambda: LocalSession(fit.make(), context, sealed)

    def _score(self, index: int, session: Session, auditor: Auditor) -> None:
        """Adapt to one cell's support, score its songs, audit, and write it down."""
        task = self._task
        cell = task.cells[index]
        groups = len(groups_of(cell, task.protocol, task.vocab_size))
        audited = auditor.choose(index, groups)
        seconds = {"adapt": session.adapt(cell.support, cell.seed(self._seed)), "score": 0.0, "audit": 0.0}
        scored: list[Scored] = []
        checks: list[Check] = []
        batches = score(session, cell, task.protocol, task.vocab_size)
        for number in range(groups):
            start = perf_counter()
            scored.append(next(batches))
            middle = perf_counter()
            if number == audited:
                self._check_seal()
                checks += auditor.check(index, session, scored[-1])
            seconds["score"] += middle - start
            seconds["audit"] += perf_counter() - middle
        if perf_counter() - self._sealed_at > SEAL_SECONDS:
            self._check_seal()
        entry = cell_entry(self._seed, index, task, scored, checks, seconds)
        if index in auditor.fresh:
            entry["tokens"] = [nats.tolist() for batch in scored for nats in batch.nats]
            entry["dtype"] = str(scored[0].dtype).removeprefix("torch.")
        self._kept[index] = entry
        self._journal.append(entry)
        self._bar.advance(f"{sum(entry['nats']) / sum(map(len, cell.queries)):.3f} nats/token")

    def _audit_state(self, session: Session, auditor: Auditor) -> None:
        """Let a fresh copy meet some cells, the last first, redrawn songs before the true ones."""
        start = perf_counter()
        checks: list[Check] = []
        for index in reversed(auditor.fresh):
            cell, entry = self._task.cells[index], self._kept[index]
            nats = tuple(np.array(found) for found in entry["tokens"])
            recorded = Scored(cell.names, cell.queries, nats, getattr(torch, entry["dtype"]))
            session.adapt(cell.support, cell.seed(self._seed))
            first = groups_of(cell, self._task.protocol, self._task.vocab_size)[0]
            redrawn = auditor.redrawn(index, session, recorded.part(first))
            done = 0
            for again in score(session, cell, self._task.protocol, self._task.vocab_size):
                part = recorded.part(range(done, done + len(again.songs)))
                checks += auditor.compare("state", part, again)
                done += len(again.songs)
            checks += auditor.compare("causality", *redrawn)
        self._check_seal()
        entry = {"checks": [asdict(check) for check in checks], "audit": perf_counter() - start}
        self._journal.append({"seed": self._seed, "state": True, **entry})

    def _check_seal(self) -> None:
        if not self._task.isolate:
            self._seal.check()
        self._sealed_at = perf_counter()
