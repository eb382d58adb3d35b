"""Batched evaluation, for development: whole songs are scored in batches, and audits check samples.

for each seed:   fit or cached fit ─▶ N workers: each cell: adapt, score, audit ─▶ journal
                                      a fresh copy: the `state` audits
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import torch

from fsdl_bench.evaluation.audit import Auditor, Check
from fsdl_bench.evaluation.cells import groups_of, score
from fsdl_bench.evaluation.entries import CellEntry, StateEntry
from fsdl_bench.evaluation.journal import Journal, check_fit
from fsdl_bench.evaluation.parallel import here, scored
from fsdl_bench.evaluation.plan import Task
from fsdl_bench.evaluation.record import Seconds, cell_entry, start_entry
from fsdl_bench.evaluation.scoring import Scored
from fsdl_bench.evaluation.sealing import Seal
from fsdl_bench.progress import log
from fsdl_bench.submissions.box import ChildSession, fitted_in_child
from fsdl_bench.submissions.fitting import fitted
from fsdl_bench.submissions.session import LocalSession, Session
from fsdl_bench.submissions.stored import Record

SEAL_SECONDS = 1.0
"""The number of checks of the seal on the scorer, besides the end of every seed."""


class BatchedSeed:
    """All cells of one seed of a batched run.

    Args:
        task: the run.
        seed: of the fit.
        journal: of the run.
        seal: on the harness's arithmetic.
        shown: the progress bar.
        log: prints a line.
    """

    def __init__(
        self, task: Task, seed: int, journal: Journal, seal: Seal, shown: Any, log: Callable[[str], None]
    ) -> None:
        self._task, self._seed, self._journal, self._seal, self._shown = task, seed, journal, seal, shown
        self._log = log
        self._fit: Record | None = None
        self._start, self._kept, audited = journal.of_seed(seed)
        self._complete = audited and len(self._kept) == len(task.cells)

    def run(self) -> None:
        """Score what the journal lacks."""
        if self._complete:
            return
        task = self._task
        open_session = self._opener()
        session = open_session()
        try:
            auditor = auditor_of(task, self._journal.audit_seed, self._seed)
            if self._start is None:
                self._journal.append(start_entry(self._seed, session, self._fit))
            missing = [index for index in range(len(task.cells)) if index not in self._kept]
            workers = min(task.options.workers, max(1, len(missing)))
            make = partial(CellScorer, task, self._seed, self._journal.audit_seed, self._fit)
            if here(workers):
                make = partial(make, session, self._check_seal)
            for entries in scored(make, missing, workers):
                for entry in entries:
                    self._keep(entry)
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
        refit = self._task.options.refit and not self._kept
        context = setup.context(self._seed, self._log, refit=refit)
        if setup.isolate:
            self._fit = fitted_in_child(setup, context)
            check_fit(self._start, self._fit)
            return lambda: ChildSession(setup, context, self._fit)
        fit = fitted(setup, context)
        self._fit = fit.record
        check_fit(self._start, self._fit)
        return lambda: LocalSession(fit.make(), context, setup.sealed, setup.loaded.tracker)

    def _keep(self, entry: CellEntry) -> None:
        self._kept[entry.cell] = entry
        self._journal.append(entry)
        nats = sum(entry.nats) / sum(map(len, self._task.cells[entry.cell].queries))
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
            first = recorded.part(groups_of(cell, protocol, task.vocab_size)[0])
            redrawn = auditor.redrawn(index, session, first) if session.facts.exact else None
            done = 0
            for again in score(session, cell, protocol, task.vocab_size):
                part = recorded.part(range(done, done + len(again.songs)))
                checks += auditor.compare("state", part, again)
                done += len(again.songs)
            if redrawn is not None:
                checks += auditor.compare("causality", *redrawn)
        self._check_seal()
        self._journal.append(StateEntry(seed=self._seed, checks=tuple(checks), audit=perf_counter() - start))

    def _check_seal(self) -> None:
        if not self._task.setup.isolate:
            self._seal.check()


def auditor_of(task: Task, audit_seed: int, seed: int) -> Auditor:
    """Return the auditor of one seed."""
    return Auditor(len(task.cells), task.donors, task.vocab_size, (audit_seed, seed))


class CellScorer:
    """Scores and audits the cells of one seed with one session; a `parallel.Scorer`.

    Args:
        task: the run.
        seed: of the fit.
        audit_seed: of the run.
        record: of the fit.
        session: to use; opened here by default.
        check_seal: called before an audit, and now and then.
    """

    def __init__(
        self,
        task: Task,
        seed: int,
        audit_seed: int,
        record: Record | None,
        session: Session | None = None,
        check_seal: Callable[[], None] = lambda: None,
    ) -> None:
        self._task, self._seed, self._check_seal = task, seed, check_seal
        self._own = session is None
        self._session = session or ChildSession(task.setup, task.setup.context(seed, log), record)
        self._auditor = auditor_of(task, audit_seed, seed)
        self._sealed_at = perf_counter()

    def __call__(self, index: int) -> Sequence[CellEntry]:
        """Adapt to one cell's support, score its songs and audit."""
        task, protocol = self._task, self._task.options.protocol
        cell = task.cells[index]
        groups = len(groups_of(cell, protocol, task.vocab_size))
        audited = self._auditor.choose(index, groups)
        seconds = Seconds(self._session.adapt(cell.support, cell.seed(self._seed)))
        found: list[Scored] = []
        checks: list[Check] = []
        batches = score(self._session, cell, protocol, task.vocab_size)
        for number in range(groups):
            start = perf_counter()
            found.append(next(batches))
            middle = perf_counter()
            if number == audited:
                self._check_seal()
                checks += self._auditor.check(index, self._session, found[-1])
            seconds.score += middle - start
            seconds.audit += perf_counter() - middle
        if perf_counter() - self._sealed_at > SEAL_SECONDS:
            self._check_seal()
            self._sealed_at = perf_counter()
        fresh, inputs = index in self._auditor.fresh, self._session.new_inputs()
        return [cell_entry(self._seed, index, task, found, checks, seconds, inputs, fresh=fresh)]

    def close(self) -> None:
        """End the session, if it was opened here."""
        if self._own:
            self._session.close()
