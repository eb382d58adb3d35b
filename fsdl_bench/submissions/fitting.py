"""Cached fits: `fit` runs once, and its outcome is verified and reused afterwards.

    FSDL_BENCH_HOME/fits/<key>/submission.pt    the fitted submission; see `stored`

The key is that of `identity.Identity`. A fresh fit is read back from the cache as well, so a run does not
depend on whether its fit was cached.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from fsdl_bench.errors import BadInput
from fsdl_bench.submissions import checking
from fsdl_bench.submissions.context import FitContext
from fsdl_bench.submissions.contract import SupportsFit
from fsdl_bench.submissions.inputs import Tracker
from fsdl_bench.submissions.seeding import seeded
from fsdl_bench.submissions.setup import Setup
from fsdl_bench.submissions.stored import Record, Spent, new_record, now, prepare_checkpoints, reusable, save
from fsdl_bench.submissions.watch import recording, watched
from fsdl_bench.tracks.split import Split

FIT_MAY_READ = ("train", "validation")
"""The first parts of the names of the track's files that `fit` may read: those of the splits it gets."""


FIT = "submission.pt"
"""The name of a cached fit in its folder."""


@dataclass(frozen=True)
class Fitted:
    """A submission that is ready for a session.

    Attributes:
        make: returns a fresh copy, as `fit` left it.
        record: what is known about its fit; None without a `fit`.
    """

    make: Callable[[], Any]
    record: Record | None


def fitted(setup: Setup, context: FitContext) -> Fitted:
    """Fit in this process, or reuse the cached fit.

    Args:
        setup: the submission and its track.
        context: what `fit` is told.

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
    record = cached_fit(setup, context) if loaded.spec else None
    if record is None:
        spent = run_fit(submission, setup.splits, context, loaded.tracker, setup.sealed)
        try:
            if not loaded.spec:
                raise pickle.PicklingError("it was given as an object, not as a file")
            record = save(submission, folder / FIT, spent, loaded.tracker)
        except (pickle.PicklingError, TypeError, AttributeError, RuntimeError) as error:
            context.log(f"the fit is not cached and will be made again next time: {error}")
            return Fitted(_copier(submission), new_record(spent, loaded.tracker))
    loaded.tracker.add(record.inputs)
    return Fitted(lambda: restore(folder, context.device, loaded.tracker), record)


def cached_fit(setup: Setup, context: FitContext) -> Record | None:
    """Return the record of the cached fit if it may be reused; otherwise remove it and say why."""
    what = f"the fit of {setup.loaded.name} on {context.track}, seed {context.seed}"
    return reusable(context.checkpoints.parent / FIT, what, context.log, again=context.refit)


def run_fit(
    submission: SupportsFit,
    splits: tuple[Split, Split],
    context: FitContext,
    tracker: Tracker,
    sealed: tuple[Path, ...] = (),
) -> Spent:
    """Call `fit` with its seeds set; return the time it took."""
    train, validation = splits
    context.log(f"fitting {type(submission).__name__} on {context.track}, seed {context.seed}")
    prepare_checkpoints(context.checkpoints.parent, tracker, context.log)
    start = now()
    with seeded(context.seed), watched(sealed, FIT_MAY_READ), recording(tracker):
        submission.fit(train, validation, context)
    return now().since(start)


def restore(folder: Path, device: torch.device, tracker: Tracker) -> Any:
    """Return the submission cached in a folder, its tensors on the device."""
    path = folder / FIT
    try:
        with recording(tracker):
            return torch.load(path, map_location=device, weights_only=False)
    except (OSError, RuntimeError, pickle.UnpicklingError, AttributeError, ImportError, EOFError) as error:
        raise BadInput(
            f"{path}: the cached fit cannot be loaded ({error}); fit again with --refit"
        ) from error


def _copier(submission: Any) -> Callable[[], Any]:
    try:
        pristine = copy.deepcopy(submission)
    except (TypeError, AttributeError, RuntimeError) as error:
        raise checking.ContractError(
            f"{type(submission).__name__} can be neither stored nor copied after `fit` ({error}); "
            "define `__getstate__` and `__setstate__`"
        ) from error
    return lambda: copy.deepcopy(pristine)
