"""Cached fits: `fit` runs once, and its outcome is verified and reused afterwards.

    FSDL_BENCH_HOME/fits/<key>/submission.pt    the fitted submission, written with torch.save
    FSDL_BENCH_HOME/fits/<key>/fit.json         a `FitRecord`: when, how long, the checksum, the files it used

The key is that of `identity.Identity`. A cached fit is reused only if both files are intact and no file that
the submission used has changed; otherwise the submission is fitted again, with a message. A fresh fit is read
back from the cache as well, so a run does not depend on whether its fit was cached.
"""

from __future__ import annotations

import copy
import pickle
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from fsdl_bench.checked import checksum, read_checked, remove_checked, write_checked
from fsdl_bench.errors import BadInput
from fsdl_bench.paths import atomic_file
from fsdl_bench.submissions import checking
from fsdl_bench.submissions.contract import FitContext, SupportsFit
from fsdl_bench.submissions.inputs import Input, Tracker, first_change
from fsdl_bench.submissions.seeding import seeded
from fsdl_bench.submissions.setup import Setup
from fsdl_bench.submissions.watch import recording, watched
from fsdl_bench.tracks.split import Split

FIT_MAY_READ = ("train", "validation")
"""How the names of the track's files begin that `fit` may read: those of the splits that it is handed."""


class FitRecord(BaseModel):
    """What is known about a fit.

    Attributes:
        made: when it was finished.
        seconds: how long `fit` took.
        checksum: XXH3-128 of `submission.pt`; "" if the fit is not cached.
        inputs: the files that the submission used until the end of `fit`.
    """

    model_config = ConfigDict(frozen=True)

    made: datetime
    seconds: float
    checksum: str
    inputs: tuple[Input, ...]


@dataclass(frozen=True)
class Fitted:
    """A submission that is ready for a session.

    Attributes:
        make: returns a fresh copy, as `fit` left it.
        record: what is known about its fit; None without a `fit`.
    """

    make: Callable[[], Any]
    record: FitRecord | None


def fitted(setup: Setup, context: FitContext, *, refit: bool = False) -> Fitted:
    """Fit in this process, or reuse the cached fit.

    Args:
        setup: the submission and its track.
        context: what `fit` is told.
        refit: fit again even if a fit is cached.

    Raises:
        BadInput: the submission breaks the contract, or can be neither stored nor copied.
        RuleBreach: `fit` tried to read the test songs.
    """
    loaded = setup.loaded
    folder = context.checkpoints.parent
    loaded.tracker.ignore(folder, *setup.sealed)
    submission = loaded.construct()
    checking.check_submission(submission)
    if not isinstance(submission, SupportsFit):
        return Fitted(loaded.construct, None)
    record = cached_fit(setup, context, refit=refit) if loaded.spec else None
    if record is None:
        seconds = run_fit(submission, setup.splits, context, loaded.tracker, setup.sealed)
        try:
            if not loaded.spec:
                raise pickle.PicklingError("it was given as an object, not as a file")
            record = store(submission, folder, seconds, loaded.tracker.inputs())
        except (pickle.PicklingError, TypeError, AttributeError, RuntimeError) as error:
            context.log(f"the fit is not cached and will be made again next time: {error}")
            return Fitted(_copier(submission), _record(seconds, "", loaded.tracker.inputs()))
    loaded.tracker.add(record.inputs)
    return Fitted(lambda: restore(folder, context.device, loaded.tracker), record)


def cached_fit(setup: Setup, context: FitContext, *, refit: bool) -> FitRecord | None:
    """Return the record of the cached fit if it may be reused; otherwise remove it and say why."""
    folder = context.checkpoints.parent
    what = f"{setup.loaded.name} on {context.track}, seed {context.seed}"
    if not (folder / "fit.json").exists() and not (folder / "submission.pt").exists():
        return None
    record = read_record(folder)
    change = first_change(record.inputs) if record else ""
    if record and not refit and not change:
        context.log(f"reusing the fit of {what}, made {_age(record.made)} ago ({folder})")
        return record
    if change:
        shutil.rmtree(context.checkpoints, ignore_errors=True)  # of a training that used the old file
    if not refit:
        context.log(f"{change} since the last fit" if change else f"{folder}: the cached fit is damaged")
    remove_checked(folder / "fit.json")
    (folder / "submission.pt").unlink(missing_ok=True)
    return None


def read_record(folder: Path) -> FitRecord | None:
    """Return the record of the fit in a folder; None if it or the fit is missing or damaged."""
    data = read_checked(folder / "fit.json")
    if data is None:
        return None
    with suppress(ValidationError, OSError):
        record = FitRecord.model_validate_json(data)
        return record if checksum(folder / "submission.pt") == record.checksum else None
    return None


def run_fit(
    submission: SupportsFit,
    splits: tuple[Split, Split],
    context: FitContext,
    tracker: Tracker,
    sealed: tuple[Path, ...] = (),
) -> float:
    """Call `fit` with its seeds set; return the seconds it took."""
    train, validation = splits
    context.log(f"fitting {type(submission).__name__} on {context.track}, seed {context.seed}")
    context.checkpoints.mkdir(parents=True, exist_ok=True)
    start = perf_counter()
    with seeded(context.seed), watched(sealed, FIT_MAY_READ), recording(tracker):
        submission.fit(train, validation, context)
    return perf_counter() - start


def store(submission: Any, folder: Path, seconds: float, inputs: tuple[Input, ...]) -> FitRecord:
    """Cache a fitted submission and return its record; its checkpoints are no longer needed and removed."""
    path = folder / "submission.pt"
    with atomic_file(path) as temporary:
        with temporary.open("wb") as stream:  # through a stream the bytes do not depend on the file's name
            torch.save(submission, stream)
        record = _record(seconds, checksum(temporary), inputs)
    with write_checked(folder / "fit.json") as temporary:
        temporary.write_text(record.model_dump_json(), "utf-8")
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return record


def restore(folder: Path, device: torch.device, tracker: Tracker) -> Any:
    """Return the submission cached in a folder, its tensors on the device."""
    path = folder / "submission.pt"
    try:
        with recording(tracker):
            return torch.load(path, map_location=device, weights_only=False)
    except (OSError, RuntimeError, pickle.UnpicklingError, AttributeError, ImportError, EOFError) as error:
        raise BadInput(
            f"{path}: the cached fit cannot be loaded ({error}); fit again with --refit"
        ) from error


def _record(seconds: float, found: str, inputs: tuple[Input, ...]) -> FitRecord:
    return FitRecord(made=datetime.now(UTC), seconds=seconds, checksum=found, inputs=inputs)


def _age(made: datetime) -> str:
    """How long ago, in the largest unit of which there are at least two."""
    seconds = max(0, round((datetime.now(UTC) - made).total_seconds()))
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _copier(submission: Any) -> Callable[[], Any]:
    try:
        pristine = copy.deepcopy(submission)
    except (TypeError, AttributeError, RuntimeError) as error:
        raise checking.ContractError(
            f"{type(submission).__name__} can be neither stored nor copied after `fit` ({error}); "
            "define `__getstate__` and `__setstate__`"
        ) from error
    return lambda: copy.deepcopy(pristine)
