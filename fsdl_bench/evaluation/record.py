"""From the journal of a finished run to its record: song rows, cost, verdicts.

Everything in a result is computed from the journal's entries, whether or not the run was interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean

from fsdl_bench.episodes import episodes_digest
from fsdl_bench.evaluation.audit import Check
from fsdl_bench.evaluation.entries import CellEntry, Entry, StartEntry, StateEntry
from fsdl_bench.evaluation.optimum import optimum
from fsdl_bench.evaluation.plan import Task
from fsdl_bench.evaluation.provenance import environment, peak_memory_mib
from fsdl_bench.evaluation.scoring import Scored, kind_sums
from fsdl_bench.evaluation.verdicts import BY_CONSTRUCTION, FINITE, FULL, SEALED, verdicts
from fsdl_bench.results import AuditVerdict, Cost, Run, SongRow, SubmissionInfo, TrackInfo
from fsdl_bench.submissions.inputs import Input
from fsdl_bench.submissions.session import Opened
from fsdl_bench.submissions.stored import Record


@dataclass
class Seconds:
    """The times of the parts of a cell, in seconds."""

    adapt: float
    score: float = 0.0
    audit: float = 0.0


def start_entry(seed: int, session: Opened, fit: Record | None) -> StartEntry:
    """Return the journal's entry for the beginning of a seed."""
    return StartEntry(
        seed=seed,
        facts=session.facts,
        sealing=session.sealing,
        fit_seconds=fit.seconds if fit else None,
        fit_processor_seconds=fit.processor_seconds if fit else None,
        fit=fit.checksum if fit else None,
        inputs=session.new_inputs(),
    )


def cell_entry(
    seed: int,
    index: int,
    task: Task,
    batches: Sequence[Scored],
    checks: Sequence[Check],
    seconds: Seconds,
    inputs: tuple[Input, ...],
    *,
    fresh: bool,
    layers: tuple[str, ...] = (),
) -> CellEntry:
    """Return the journal's entry for a scored cell.

    Args:
        seed: of the fit.
        index: of the cell in the plan.
        task: the run.
        batches: the query songs in order, as they were scored.
        checks: the audits that held.
        seconds: how long the parts took.
        inputs: the files that the submission used for the first time.
        fresh: whether to keep the nats of every token for the `state` audit.
        layers: what isolated the cell, in a verified run.
    """
    scored = [(song, nats) for batch in batches for song, nats in zip(batch.songs, batch.nats, strict=True)]
    return CellEntry(
        seed=seed,
        cell=index,
        nats=tuple(float(nats.sum()) for _, nats in scored),
        kinds=tuple({} if batches[0].bounds else kind_sums(nats, song, task.codec) for song, nats in scored),
        checks=tuple(checks),
        adapt=seconds.adapt,
        score=seconds.score,
        audit=seconds.audit,
        inputs=inputs,
        tokens=tuple(tuple(nats.tolist()) for _, nats in scored) if fresh else None,
        dtype=str(batches[0].dtype).removeprefix("torch.") if fresh else None,
        layers=layers,
    )


def rows_of(task: Task, entries: Sequence[Entry]) -> list[SongRow]:
    """Return one row for each scored song."""
    optimal = optimum(task.track, task.options.protocol)
    measure = getattr(task.codec, "seconds", None)
    rows = []
    for entry in _cells(entries):
        cell = task.cells[entry.cell]
        for song, nats, kinds, least in zip(
            cell.episode.query, entry.nats, entry.kinds, optimal(cell), strict=True
        ):
            rows.append(
                SongRow(
                    seed=entry.seed,
                    condition=cell.condition,
                    shots=cell.shots,
                    artist=cell.episode.artist,
                    episode=cell.episode.index,
                    song_id=song.id,
                    nats=nats,
                    tokens=len(song.tokens),
                    units=song.units,
                    seconds=float(measure(song.tokens)) if measure else None,
                    kinds=kinds,
                    optimal_nats=least,
                )
            )
    return rows


def run_of(task: Task, entries: Sequence[Entry], *, audit_seed: int) -> Run:
    """Return everything else of the result.

    Raises:
        RuleBreach: the audits of the whole run together show a breach.
    """
    design, track, loaded = task.track.definition, task.track, task.setup.loaded
    facts = _starts(entries)[0].facts
    folder = loaded.file.parent if loaded.file else Path.cwd()
    return Run(
        track=TrackInfo(
            name=track.name,
            kind=track.kind,
            digest=track.digest,
            version=design.version,
            codec=task.codec.name,
            unit=task.codec.unit,
            split="validation" if task.options.split == "validation" else "test",
            episodes_digest=episodes_digest(task.episodes),
            headline_shot=design.headline_shot,
            queries=design.queries,
            episodes=design.episodes,
        ),
        protocol=task.options.protocol,
        submission=SubmissionInfo(
            name=task.options.name or facts.name,
            family=facts.family,
            description=facts.description,
            exact=facts.exact,
            source=task.setup.source,
            sha256=loaded.sha256,
            code=loaded.digest,
            arguments={key: one.plain for key, one in loaded.arguments.items()},
            parameters=facts.parameters,
            notes=facts.notes,
            budget=facts.budget,
            outside_data=facts.outside_data,
            system=facts.system,
            precision=facts.precision,
        ),
        seeds=tuple(task.options.seeds),
        smoke=task.options.limit is not None,
        status="self-reported",
        mode="verified" if task.options.verified else "batched",
        guarantees=_guarantees(task, entries),
        compression=next((one.compression for one in _ends(entries) if one.compression), None),
        created=datetime.now(UTC).replace(microsecond=0),
        cost=_cost(task, entries),
        environment=environment(task.setup.device, folder),
        audits=_audits(task, entries, audit_seed),
    )


def _starts(entries: Sequence[Entry]) -> list[StartEntry]:
    return [entry for entry in entries if isinstance(entry, StartEntry)]


def _cells(entries: Sequence[Entry]) -> list[CellEntry]:
    return [entry for entry in entries if isinstance(entry, CellEntry)]


def _ends(entries: Sequence[Entry]) -> list[StateEntry]:
    return [entry for entry in entries if isinstance(entry, StateEntry)]


def _audited(entries: Sequence[Entry]) -> list[CellEntry | StateEntry]:
    return [entry for entry in entries if isinstance(entry, CellEntry | StateEntry)]


def _guarantees(task: Task, entries: Sequence[Entry]) -> tuple[str, ...]:
    """Return how a verified run isolated its cells; empty for a batched run."""
    if not task.options.verified:
        return ()
    layers = [set(entry.layers) for entry in _cells(entries)]
    held = sorted(set.intersection(*layers)) if layers else []
    songs = "each query song alone" if task.options.alone else "query songs of a cell in lock-step"
    return (_starts(entries)[0].sealing, songs, *(f"layer: {layer}" for layer in held))


def _audits(task: Task, entries: Sequence[Entry], audit_seed: int) -> tuple[AuditVerdict, ...]:
    checks = [check for entry in _audited(entries) for check in entry.checks]
    scored = sum(len(entry.nats) for entry in _cells(entries))
    start = _starts(entries)[0]
    always = {FULL: "every token of every song had a finite score"}
    if not start.facts.exact:
        always = {FINITE: "the submission's own figure was finite and not negative for every song"}
    always[SEALED] = start.sealing
    if task.options.verified:
        always |= dict.fromkeys(
            BY_CONSTRUCTION, "by construction: each token was sent after its scores had arrived"
        )
        always["state"] = "by construction: each cell ran in a process that had met no other cell"
    return (
        *verdicts(checks, f"audit seed {audit_seed}"),
        *(
            AuditVerdict(rule=rule, passed=True, checks=scored, worst=None, tolerance=None, detail=detail)
            for rule, detail in always.items()
        ),
    )


def _cost(task: Task, entries: Sequence[Entry]) -> Cost:
    scored = _cells(entries)
    headline = task.track.definition.headline_shot
    supported = [entry.adapt for entry in scored if task.cells[entry.cell].shots == headline]
    tokens = sum(len(song) for entry in scored for song in task.cells[entry.cell].queries)
    starts = _starts(entries)
    fits = [entry.fit_seconds for entry in starts if entry.fit_seconds is not None]
    training = [e.fit_processor_seconds for e in starts if e.fit_processor_seconds is not None]
    seconds = sum(entry.score for entry in scored)
    return Cost(
        fit_seconds=fmean(fits) if fits else None,
        fit_processor_seconds=fmean(training) if training else None,
        adapt_ms=1000 * fmean(supported or [entry.adapt for entry in scored]),
        tokens_per_second=tokens / seconds if seconds else None,
        audit_seconds=sum(entry.audit for entry in _audited(entries)),
        peak_memory_mib=peak_memory_mib(task.setup.device),
    )
