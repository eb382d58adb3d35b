"""Parts that several submissions share, such as one trained LSTM: made by the first, reused by the others.

    FSDL_BENCH_HOME/parts/<who>/<name>-<key>/part.pt     see `stored`
    key = hash(settings, code of `make`, track digest, seed)

A training that was interrupted is resumed by whichever submission asks next.

Submissions reach this through `FitContext.once`.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from fsdl_bench import fingerprint
from fsdl_bench.errors import BadInput
from fsdl_bench.submissions.inputs import Tracker
from fsdl_bench.submissions.seeding import seeded
from fsdl_bench.submissions.stored import now, prepare_checkpoints, reusable, save
from fsdl_bench.submissions.watch import recorder, recording, unrecorded


@dataclass(frozen=True)
class Parts:
    """The store of shared parts, as the harness hands it to a submission.

    Attributes:
        folder: where parts are kept.
        root: the folder that the submission's imports are resolved in.
        package: follow only imports of this package when hashing code; all below `root` if empty.
    """

    folder: Path
    root: Path
    package: str = ""

    def key(
        self, settings: Mapping[str, Any], make: Callable[..., Any], digest: str, seed: int
    ) -> str | None:
        """Return 32 hex digits over all that a part depends on; None if `make` comes from no file."""
        with unrecorded():
            code = self._code(make)
        if code is None:
            return None
        try:
            return fingerprint.key(dict(settings), code, digest, seed)
        except TypeError as error:
            raise BadInput(f"context.once: expected settings that JSON can write: {error}") from None

    def take(
        self,
        name: str,
        key: str,
        make: Callable[[Path], Any],
        *,
        seed: int,
        device: torch.device,
        log: Callable[[str], None],
    ) -> Any:
        """Return the stored part; make and store it if it is missing or damaged.

        Args:
            name: starts the folder's name and is used in messages.
            key: from `key`.
            make: called with the folder for its checkpoints.
            seed: the global random generators are set from it while `make` runs.
            device: where tensors are loaded.
            log: prints a line.

        Raises:
            PermissionError: the part is not there, and this process may not write to the folder.
        """
        place = self.folder / f"{name}-{key}"
        part = place / "part.pt"
        what = f"the part {name}"
        if not part.exists():
            place.mkdir(parents=True, exist_ok=True)
        with _locked(place / "lock", name, log):
            record = reusable(part, what, log)
            outer = recorder()
            own = {} if record is None else {place.name: record.own_seconds}
            if record is None:
                tracker = Tracker(self.root / self.package, [self.folder])
                prepare_checkpoints(place, tracker, log)
                log(f"making {what}")
                start = now()
                with seeded(seed), recording(tracker):
                    value = make(place / "checkpoints")
                record = save(value, part, now().since(start), tracker)
            if isinstance(outer, Tracker):  # what the part came from, the fit that uses it comes from too
                outer.add(record.inputs)
                outer.reused |= record.reused | own
            return torch.load(part, map_location=device, weights_only=False)

    def _code(self, make: Callable[..., Any]) -> str | None:
        """A hash of the module that `make` is defined in, and of everything that it imports."""
        while isinstance(make, functools.partial):
            make = make.func
        module = sys.modules.get(getattr(make, "__module__", None) or "")
        file = Path(getattr(module, "__file__", None) or "")
        if module is None or not file.is_file():
            return None
        file = file.absolute()
        if file.is_relative_to(self.root):
            return fingerprint.code(file, self.root, self.package)
        depth = module.__name__.count(".") + (file.name == "__init__.py")
        return fingerprint.code(file, file.parents[depth], module.__name__.split(".")[0])


@contextmanager
def _locked(path: Path, name: str, log: Callable[[str], None]) -> Iterator[None]:
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log(f"{name} is being made by another process; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
