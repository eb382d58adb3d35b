"""Evaluate a submission on a track: fit, score every episode with every support, audit.

This is the batched mode for development; `verified.py` has the other one.

    for each seed:   fit or cached fit ─▶ each cell: adapt, score, audit, journal ─▶ fresh copy: audit

A cell is an episode with one support. It enters the journal when its audits have held, so a run that was
killed can be resumed, and everything in the result is computed from the journal.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from fsdl_bench.errors import BadInput
from fsdl_bench.evaluation.audit import Auditor, Check
from fsdl_bench.evaluation.cells import groups_of, score
from fsdl_bench.evaluation.entries import CellEntry, StartEntry, StateEntry
from fsdl_bench.evaluation.journal import Journal, check_fit, open_journal
from fsdl_bench.evaluation.plan import EvaluationOptions, Task
from fsdl_bench.evaluation.record import Seconds, cell_entry, rows_of, run_of, start_entry
from fsdl_bench.evaluation.scoring import Scored
from fsdl_bench.evaluation.sealing import Seal
from fsdl_bench.evaluation.verified import VerifiedSeed
from fsdl_bench.progress import bar, note
from fsdl_bench.results import StoredResult, write_result
from fsdl_bench.submissions.box import ChildSession, fitted_in_child
from fsdl_bench.submissions.contract import Submission
from fsdl_bench.submissions.fitting import fitted
from fsdl_bench.submissions.inputs import first_change
from fsdl_bench.submissions.session import LocalSession, Session
from fsdl_bench.submissions.setup import RunTrack, set_up
from fsdl_bench.submissions.stored import Record

SEAL_SECONDS = 1.0
"""How often the seal on the scorer is checked, besides the end of every seed."""


def evaluate(
    submission: str | Submission, track: str | os.PathLike[str] | RunTrack, **options: Any
) -> StoredResult:
    """Evaluate a submission, write its result and return it.

    Args:
        submission: `path.py`, `path.py:ClassName`, `package.module:ClassName`, or an object with `adapt`.
        track: the name or the folder of a built track, or an opened one.
        **options: see `EvaluationOptions`: settings, protocol, shots, seeds, device, split, limit, refit,
            resume, isolate, verified, alone, workers, name, out, progress.

    Raises:
        RuleBreach: the submission broke a rule of the benchmark.
        BadInput: an option asks for something that does not exist, or the submission breaks the contract.
        TypeError: there is no such option.
    """
    seal = Seal()
    chosen = EvaluationOptions(**options)
    isolate = chosen.isolate or chosen.verified
    setup = set_up(submission, track, settings=chosen.settings, device=chosen.device, isolate=isolate)
    chosen.check(setup.track)
    task = Task(setup, chosen)
    with open_journal(task.facts, chosen.resume, _log) as journal:
        _check_inputs(journal)
        done = sum(isinstance(entry, CellEntry) for entry in journal.entries)
        total = len(task.cells) * len(chosen.seeds)
        title = f"{setup.source} on {setup.track.name}"
        with bar(title, "cell", chosen.progress, total=total, done=done) as shown:
            for seed in chosen.seeds:
                if chosen.verified:
                    VerifiedSeed(task, seed, journal, shown, _log).run()
                else:
                    _SeedRun(task, seed, journal, seal, shown).run()
        run = run_of(task, journal.entries, audit_seed=journal.audit_seed)
        place = Path(chosen.out) if chosen.out is not None else default_place(task, run.submission.name)
        stored = write_result(place, run, rows_of(task, journal.entries))
        journal.discard()
    return stored


evaluate.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
    [
        *list(inspect.signature(evaluate).parameters.values())[:2],
        *(
            inspect.Parameter(
                one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=one.type
            )
            for one in fields(EvaluationOptions)
        ),
    ],
    return_annotation="StoredResult",
)


def default_place(task: Task, name: str) -> Path:
    """Return the path of a result unless `out` names one: results/<track>/<name>[-streaming][.smoke].json."""
    slug = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)
    slug += "-streaming" if task.options.protocol == "streaming" else ""
    smoke = ".smoke" if task.options.limit is not None else ""
    return Path("results", task.track.name, f"{slug}{smoke}.json")


def _log(message: object) -> None:
    note(str(message), True)


def _check_inputs(journal: Journal) -> None:
    """Raise `BadInput` if a file that the kept scores came from has changed."""
    inputs = (
        one for entry in journal.entries if isinstance(entry, StartEntry | CellEntry) for one in entry.inputs
    )
    if change := first_change(inputs):
        raise BadInput(
            f"{change} since the unfinished run used it, so that run cannot be resumed: "
            "restore the file, or start anew with --restart"
        )


class _SeedRun:
    """All cells of one seed."""

    def __init__(self, task: Task, seed: int, journal: Journal, seal: Seal, shown: Any) -> None:
        self._task = task
        self._seed = seed
        self._journal = journal
        self._seal = seal
        self._shown = shown
        self._sealed_at = perf_counter()
        self._fit: Record | None = None
        own = [entry for entry in journal.entries if entry.seed == seed]
        self._start = next((entry for entry in own if isinstance(entry, StartEntry)), None)
        self._kept = {entry.cell: entry for entry in own if isinstance(entry, CellEntry)}
        audited = any(isinstance(entry, StateEntry) for entry in own)
        self._complete = audited and len(self._kept) == len(task.cells)

    def run(self) -> None:
        """Score what the journal lacks."""
        if self._complete:
            return
        open_session = self._opener()
        session = open_session()
        try:
            auditor = Auditor(
                len(self._task.cells),
                self._task.donors,
                self._task.vocab_size,
                session.facts.dtype,
                (self._journal.audit_seed, self._seed),
            )
            if self._start is None:
                self._journal.append(start_entry(self._seed, session, self._fit))
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

    def _opener(self) -> Callable[[], Session]:
        """Fit, and return a function that opens a session with a fresh copy."""
        setup = self._task.setup
        context = setup.context(self._seed, _log)
        refit = self._task.options.refit and not self._kept
        if setup.isolate:
            self._fit = fitted_in_child(setup, context, refit=refit)
            check_fit(self._start, self._fit)
            return lambda: ChildSession(setup, context, self._fit)
        fit = fitted(setup, context, refit=refit)
        self._fit = fit.record
        check_fit(self._start, self._fit)
        return lambda: LocalSession(fit.make(), context, setup.sealed, setup.loaded.tracker)

    def _score(self, index: int, session: Session, auditor: Auditor) -> None:
        """Adapt to one cell's support, score its songs, audit, and write the entry."""
        task, protocol = self._task, self._task.options.protocol
        cell = task.cells[index]
        groups = len(groups_of(cell, protocol, task.vocab_size))
        audited = auditor.choose(index, groups)
        seconds = Seconds(session.adapt(cell.support, cell.seed(self._seed)))
        scored: list[Scored] = []
        checks: list[Check] = []
        batches = score(session, cell, protocol, task.vocab_size)
        for number in range(groups):
            start = perf_counter()
            scored.append(next(batches))
            middle = perf_counter()
            if number == audited:
                self._check_seal()
                checks += auditor.check(index, session, scored[-1])
            seconds.score += middle - start
            seconds.audit += perf_counter() - middle
        if perf_counter() - self._sealed_at > SEAL_SECONDS:
            self._check_seal()
        fresh, inputs = index in auditor.fresh, session.new_inputs()
        entry = cell_entry(self._seed, index, task, scored, checks, seconds, inputs, fresh=fresh)
        self._kept[index] = entry
        self._journal.append(entry)
        nats = sum(entry.nats) / sum(map(len, cell.queries))
        self._shown.set_postfix_str(f"{nats:.3f} nats/token", refresh=False)
        self._shown.update()

    def _audit_state(self, session: Session, auditor: Auditor) -> None:
        """Score some cells with a fresh copy, the last first, redrawn songs before the true ones."""
        start = perf_counter()
        task, protocol = self._task, self._task.options.protocol
        checks: list[Check] = []
        for index in reversed(auditor.fresh):
            cell, entry = task.cells[index], self._kept[index]
            nats = tuple(np.array(found) for found in entry.tokens or ())
            recorded = Scored(cell.names, cell.queries, nats, getattr(torch, entry.dtype or ""))
            session.adapt(cell.support, cell.seed(self._seed))
            first = groups_of(cell, protocol, task.vocab_size)[0]
            redrawn = auditor.redrawn(index, session, recorded.part(first))
            done = 0
            for again in score(session, cell, protocol, task.vocab_size):
                part = recorded.part(range(done, done + len(again.songs)))
                checks += auditor.compare("state", part, again)
                done += len(again.songs)
            checks += auditor.compare("causality", *redrawn)
        self._check_seal()
        self._journal.append(StateEntry(seed=self._seed, checks=tuple(checks), audit=perf_counter() - start))

    def _check_seal(self) -> None:
        if not self._task.setup.isolate:
            self._seal.check()
        self._sealed_at = perf_counter()
