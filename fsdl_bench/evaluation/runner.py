"""Evaluate a submission on a track: fit, score every episode with every support, write the result.

    for each seed:   `batched`, for development, or `verified` ─▶ journal ─▶ result

A cell is an episode with one support. It enters the journal when its audits have held, so a run that was
killed can be resumed, and everything in the result is computed from the journal.
"""

from __future__ import annotations

import inspect
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

from fsdl_bench.errors import BadInput
from fsdl_bench.evaluation.batched import BatchedSeed
from fsdl_bench.evaluation.entries import CellEntry, StartEntry
from fsdl_bench.evaluation.journal import Journal, open_journal
from fsdl_bench.evaluation.plan import EvaluationOptions, Task
from fsdl_bench.evaluation.record import rows_of, run_of
from fsdl_bench.evaluation.sealing import Seal
from fsdl_bench.evaluation.verified import VerifiedSeed
from fsdl_bench.progress import bar, log
from fsdl_bench.results import StoredResult, write_result
from fsdl_bench.submissions.contract import Submission
from fsdl_bench.submissions.inputs import first_change
from fsdl_bench.submissions.setup import RunTrack, set_up


def evaluate(
    submission: str | os.PathLike[str] | Submission,
    track: str | os.PathLike[str] | RunTrack,
    **options: Any,
) -> StoredResult:
    """Evaluate a submission, write its result and return it.

    Args:
        submission: `path.py`, `path.py:ClassName`, `package.module:ClassName`, `fsdl_bench:MODEL`
            for a reference model, or an object with `adapt`.
        track: the name or the folder of a built track, or an opened one.
        **options: see `EvaluationOptions`: settings, protocol, shots, seeds, device, split, limit, refit,
            resume, isolate, verified, alone, workers, name, out, progress.

    Raises:
        RuleBreach: the submission broke a rule of the benchmark.
        BadInput: an option asks for something that does not exist, or the submission breaks the contract.
        TypeError: there is no such option.
    """
    seal = Seal()
    for name in ("shots", "seeds"):
        if isinstance(options.get(name), int):
            options[name] = (options[name],)
    chosen = EvaluationOptions(**options)
    isolate = chosen.isolate or chosen.verified
    setup = set_up(submission, track, settings=chosen.settings, device=chosen.device, isolate=isolate)
    chosen.check(setup.track)
    task = Task(setup, chosen)
    with open_journal(task.facts, chosen.resume, log) as journal:
        _check_inputs(journal)
        done = sum(isinstance(entry, CellEntry) for entry in journal.entries)
        total = len(task.cells) * len(chosen.seeds)
        title = f"{setup.source} on {setup.track.name}"
        with bar(title, "cell", chosen.progress, total=total, done=done) as shown:
            for seed in chosen.seeds:
                if chosen.verified:
                    VerifiedSeed(task, seed, journal, shown, log).run()
                else:
                    BatchedSeed(task, seed, journal, seal, shown, log).run()
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


def _check_inputs(journal: Journal) -> None:
    """Raise `BadInput` if a file that the kept scores came from has changed."""
    inputs = (
        one for entry in journal.entries if isinstance(entry, StartEntry | CellEntry) for one in entry.inputs
    )
    if change := first_change(inputs):
        raise BadInput(
            f"{change} since the unfinished run used it, so that run cannot be resumed: "
            "restore the file, or start over with --restart"
        )
