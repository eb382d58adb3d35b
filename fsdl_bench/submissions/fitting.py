"""Fitting once: the outcome of `fit` is kept under a key and taken from there afterwards.

    key = BLAKE2b(the submission's files, its arguments, the track's digest, the seed)

Arguments that name a file count with its content. A fresh fit is read back from the store as well, so that a
run does not depend on whether its fit was found or made.
"""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from fsdl_bench import fingerprint
from fsdl_bench.errors import BadInput
from fsdl_bench.paths import atomic_file, atomic_write, home
from fsdl_bench.submissions import checking
from fsdl_bench.submissions.contract import FitContext, SupportsFit
from fsdl_bench.submissions.loading import LoadedSubmission
from fsdl_bench.submissions.parts import Parts
from fsdl_bench.submissions.seeding import seeded
from fsdl_bench.submissions.watch import watched
from fsdl_bench.tracks.split import Split

FIT_MAY_READ = ("train", "validation")
"""What files of the track begin with that `fit` may read: those of the splits that it is handed."""


@dataclass(frozen=True)
class Fitted:
    """A submission that is ready for a session.

    Attributes:
        make: gives a fresh copy, as `fit` left it.
        stored: where it is kept; None if it has no `fit`, or could not be stored.
        seconds: how long the fit took, whenever it was made; None without a `fit`.
    """

    make: Callable[[], Any]
    stored: Path | None
    seconds: float | None


def fit_key(loaded: LoadedSubmission, track_digest: str, seed: int) -> str:
    """The name under which a fit is kept: 32 hex digits."""
    parts = [loaded.digest, arguments_digest(loaded), track_digest, seed]
    return blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


def arguments_digest(loaded: LoadedSubmission) -> str:
    """A hash of the arguments, and of the content of every file that one of them names."""
    state = blake2b(digest_size=16)
    for key, value in sorted(loaded.arguments.items()):
        state.update(f"{key}={value!r}\n".encode())
        if isinstance(value, str | Path) and len(str(value)) < 1000 and Path(value).is_file():
            state.update(blake2b(Path(value).read_bytes()).digest())
    return state.hexdigest()


def fit_folder(loaded: LoadedSubmission, track_digest: str, seed: int) -> Path:
    """Where a fit is kept, with its checkpoints."""
    return home() / "fits" / fit_key(loaded, track_digest, seed)


def shared_parts(loaded: LoadedSubmission, isolate: bool) -> Parts:
    """Return the store behind `FitContext.once`.

    A stored part can run code when it is loaded, so an isolated submission shares parts only with isolated
    submissions from the same folder.
    """
    name = f"isolated-{fingerprint.key(str(loaded.root))}" if isolate else "shared"
    return Parts(home() / "parts" / name, loaded.root, loaded.package)


def fitted(
    loaded: LoadedSubmission,
    splits: Sequence[Split],
    context: FitContext,
    *,
    refit: bool = False,
    sealed: Sequence[Path] = (),
) -> Fitted:
    """Fit in this process, or take the fit that is kept.

    Args:
        loaded: the submission.
        splits: the meta-training and the validation split.
        context: what `fit` is told.
        refit: fit again even if one is kept.
        sealed: folders of songs that may not be read.

    Raises:
        BadInput: the submission breaks the contract, or can be neither stored nor copied.
    """
    submission = loaded.construct()
    checking.check_submission(submission)
    if not isinstance(submission, SupportsFit):
        return Fitted(loaded.construct, None, None)
    stored = stored_fit(loaded, context, refit)
    if stored is None or not stored.exists():
        seconds = run_fit(submission, splits, context, sealed)
        try:
            if stored is None:
                raise pickle.PicklingError("it was given as an object, not as a file")
            store(submission, stored, seconds)
        except (pickle.PicklingError, TypeError, AttributeError, RuntimeError) as error:
            context.log(f"the fit is not kept, and will be made again next time: {error}")
            return Fitted(_copier(submission), None, seconds)
    return Fitted(lambda: restore(stored, context.device), stored, fit_seconds(stored))


def stored_fit(loaded: LoadedSubmission, context: FitContext, refit: bool) -> Path | None:
    """Where the fit is or will be kept; None for a submission that was given as an object."""
    if not loaded.spec:
        return None
    stored = fit_folder(loaded, context.digest, context.seed) / "submission.pt"
    if refit:
        stored.unlink(missing_ok=True)
    return stored


def run_fit(
    submission: SupportsFit, splits: Sequence[Split], context: FitContext, sealed: Sequence[Path]
) -> float:
    """Call `fit` with its seeds set; returns the seconds it took."""
    train, validation = splits
    context.checkpoints.mkdir(parents=True, exist_ok=True)
    start = perf_counter()
    with seeded(context.seed), watched(sealed, FIT_MAY_READ):
        submission.fit(train, validation, context)
    return perf_counter() - start


def store(submission: Any, path: Path, seconds: float) -> None:
    """Keep a fitted submission, and how long its fit took."""
    atomic_write(path.with_name("fit.json"), json.dumps({"seconds": seconds}))
    with atomic_file(path) as temporary:
        torch.save(submission, temporary)


def restore(path: Path, device: torch.device) -> Any:
    """A kept submission, its tensors on the device."""
    try:
        return torch.load(path, map_location=device, weights_only=False)
    except (OSError, RuntimeError, pickle.UnpicklingError, AttributeError, ImportError, EOFError) as error:
        raise BadInput(f"the fit kept in {path} cannot be read ({error}); fit again with --refit") from error


def fit_seconds(path: Path) -> float | None:
    """How long a kept fit took."""
    try:
        return float(json.loads(path.with_name("fit.json").read_text())["seconds"])
    except (OSError, ValueError, KeyError):
        return None


def _copier(submission: Any) -> Callable[[], Any]:
    try:
        pristine = copy.deepcopy(submission)
    except (TypeError, AttributeError, RuntimeError) as error:
        raise checking.ContractError(
            f"{type(submission).__name__} can be neither stored nor copied after `fit` ({error}); "
            "say with `__getstate__` and `__setstate__` what makes it up"
        ) from error
    return lambda: copy.deepcopy(pristine)
