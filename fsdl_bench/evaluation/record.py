"""From the journal of a finished run to its record: song rows, cost, verdicts.

Everything in a result is computed from the journal's entries, whether or not the run was interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

from fsdl_bench.episodes import episodes_digest
from fsdl_bench.errors import BadInput
from fsdl_bench.evaluation.audit import Check, verdicts
from fsdl_bench.evaluation.cells import Cell
from fsdl_bench.evaluation.plan import Task
from fsdl_bench.evaluation.provenance import environment, peak_memory_mib
from fsdl_bench.evaluation.scoring import Scored, kind_sums
from fsdl_bench.results import AuditVerdict, Cost, Run, SongRow, SubmissionInfo, TrackInfo
from fsdl_bench.submissions.session import Session, plain

Entry = dict[str, Any]


def start_entry(seed: int, session: Session, fit_seconds: float | None) -> Entry:
    """What the journal keeps of a seed's beginning."""
    facts = asdict(session.facts) | {"precision": None}
    return {"seed": seed, "facts": facts, "sealing": session.sealing, "fit_seconds": fit_seconds}


def cell_entry(
    seed: int,
    index: int,
    task: Task,
    batches: Sequence[Scored],
    checks: Sequence[Check],
    seconds: Mapping[str, float],
) -> Entry:
    """What the journal keeps of a scored cell."""
    scored = [(song, nats) for batch in batches for song, nats in zip(batch.songs, batch.nats, strict=True)]
    return {
        "seed": seed,
        "cell": index,
        "nats": [float(nats.sum()) for _, nats in scored],
        "kinds": [kind_sums(nats, song, task.codec) for song, nats in scored],
        "checks": [asdict(check) for check in checks],
        **seconds,
    }


def rows_of(task: Task, entries: Sequence[Entry]) -> list[SongRow]:
    """One row a scored song."""
    optimal = _optimum(task)
    measure = getattr(task.codec, "seconds", None)
    rows = []
    for entry in entries:
        if "cell" not in entry:
            continue
        cell = task.cells[entry["cell"]]
        best = optimal(cell)
        for song, nats, kinds, least in zip(
            cell.episode.query, entry["nats"], entry["kinds"], best, strict=True
        ):
            rows.append(
                SongRow(
                    seed=entry["seed"],
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


def run_of(task: Task, entries: Sequence[Entry], *, name: str, audit_seed: int) -> Run:
    """Everything else of the result.

    Raises:
        RuleBreach: the audits of the whole run together show a breach.
    """
    design = task.track.definition
    facts = next(entry["facts"] for entry in entries if "facts" in entry)
    folder = task.loaded.file.parent if task.loaded.file else Path.cwd()
    return Run(
        track=TrackInfo(
            name=task.track.name,
            kind=task.track.kind,
            digest=task.track.digest,
            version=design.version,
            codec=task.codec.name,
            unit=task.codec.unit,
            split="validation" if task.split == "validation" else "test",
            episodes_digest=episodes_digest(task.episodes),
            headline_shot=design.headline_shot,
            queries=design.queries,
            episodes=design.episodes,
        ),
        protocol=task.protocol,
        submission=SubmissionInfo(
            name=name or facts["name"],
            family=facts["family"],
            description=facts["description"],
            exact=facts["exact"],
            source=task.source,
            sha256=task.loaded.sha256,
            arguments={key: plain(value) for key, value in task.loaded.arguments.items()},
            parameters=facts["parameters"],
            notes=facts["notes"],
        ),
        seeds=task.seeds,
        smoke=task.limit is not None,
        status="self-reported",
        created=datetime.now(UTC).replace(microsecond=0),
        cost=_cost(task, entries),
        environment=environment(task.device, folder),
        audits=_audits(entries, audit_seed),
    )


def _audits(entries: Sequence[Entry], audit_seed: int) -> tuple[AuditVerdict, ...]:
    checks = [Check(**found) for entry in entries for found in entry.get("checks", ())]
    scored = sum(len(entry["nats"]) for entry in entries if "cell" in entry)
    always = {
        "a full distribution": "every token of every song had a finite score",
        "sealed songs": next(entry["sealing"] for entry in entries if "sealing" in entry),
    }
    return (
        *verdicts(checks, f"audit seed {audit_seed}"),
        *(
            AuditVerdict(rule=rule, passed=True, checks=scored, worst=None, tolerance=None, detail=detail)
            for rule, detail in always.items()
        ),
    )


def _cost(task: Task, entries: Sequence[Entry]) -> Cost:
    scored = [entry for entry in entries if "cell" in entry]
    headline = task.track.definition.headline_shot
    supported = [e["adapt"] for e in scored if task.cells[e["cell"]].shots == headline]
    tokens = sum(len(song) for entry in scored for song in task.cells[entry["cell"]].queries)
    fits = [e["fit_seconds"] for e in entries if e.get("fit_seconds") is not None]
    seconds = sum(entry["score"] for entry in scored)
    return Cost(
        fit_seconds=fmean(fits) if fits else None,
        adapt_ms=1000 * fmean(supported or [entry["adapt"] for entry in scored]),
        tokens_per_second=tokens / seconds if seconds else None,
        audit_seconds=sum(entry.get("audit", 0.0) for entry in entries),
        peak_memory_mib=peak_memory_mib(task.device),
    )


def _optimum(task: Task) -> Callable[[Cell], list[float | None]]:
    """What the Bayes-optimal predictor pays for each query song of a cell; None where no truth is known."""
    from fsdl_bench.synthetic import synthetic_model

    try:
        model = synthetic_model(task.track.name)
    except BadInput:
        return lambda cell: [None] * len(cell.queries)
    known: dict[tuple[Any, ...], list[float | None]] = {}

    def optimal(cell: Cell) -> list[float | None]:
        key = (cell.episode.artist, cell.episode.index, cell.shots, cell.condition)
        if key not in known:
            predictive = model.bayes_optimal(cell.support)
            found: list[float | None] = []
            for song in cell.queries:
                found.append(predictive.nll(song))
                if task.protocol == "streaming":
                    predictive = predictive.given(song)
            known[key] = found
        return known[key]

    return optimal
