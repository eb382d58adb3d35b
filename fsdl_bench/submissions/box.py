"""Running a submission in a process of its own, which gets the songs to be scored and nothing else.

    harness ──support, songs──▶ child: adapt, logits ──raw scores──▶ harness: normalises, counts, records

The child starts in an empty folder with a scrubbed environment. Where the kernel has Landlock (`sandbox`) it
can read the Python installation, its own folder, the files that its arguments name and, while it fits, the
training and validation songs; no test song, no source archive, no network. No submission code runs in the
harness's process, so nothing there can be replaced or looked into, and what comes back is read as plain
numbers, never unpickled.

The submission is handed each query song whole, as `logits` wants it; what it makes of later tokens is the
causality audit's business. The fresh copy of the `state` audit is another process, which has not met the true
songs before the redrawn ones.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import torch

from fsdl_bench.codecs.base import Tokens
from fsdl_bench.errors import BadInput, RuleBreach
from fsdl_bench.submissions import landlock
from fsdl_bench.submissions.checking import FLOATS, ContractError
from fsdl_bench.submissions.contract import FitContext
from fsdl_bench.submissions.fitting import fit_seconds, stored_fit
from fsdl_bench.submissions.loading import LoadedSubmission
from fsdl_bench.submissions.session import Facts
from fsdl_bench.tracks.split import Split

_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "TZ")
_KEPT_FAMILIES = ("CUDA", "NVIDIA", "OMP_", "MKL_", "OPENBLAS_", "KMP_", "TORCH", "PYTORCH", "HIP_", "ROCR_")
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/opt", "/proc", "/sys", "/run", "/nix", "/dev")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/dri", "/dev/kfd", *map(str, Path("/dev").glob("nvidia*")))
_SHARED = Path("/dev/shm")
"""For the workers of a fit; closed while scoring, so that no process leaves a note for the next."""

_START = "import sys; from fsdl_bench.submissions.landlock import start; start(int(sys.argv[1]), sys.argv[2])"


class ChildSession:
    """A submission in a process of its own; a `Session`.

    Args:
        loaded: the submission.
        stored: its fit; None if it has no `fit`.
        context: what `prepare` is told.
        sealed: folders that it must not be able to read.
    """

    def __init__(
        self, loaded: LoadedSubmission, stored: Path | None, context: FitContext, sealed: Sequence[Path]
    ) -> None:
        self._vocab_size = context.vocab_size
        self._child = _Child(loaded, [] if stored is None else [stored], [], sealed)
        plain = replace(context, log=print)
        try:
            self._child.send("open", loaded.spec, loaded.settings, stored, plain, torch.get_num_threads())
            self.facts = _facts(self._child.answer())
        except BaseException:
            self.close()
            raise
        lock = "locked out of all song files" if self._child.locked else "no lock on files: no Landlock here"
        self.sealing = f"in a process of its own, {lock}"

    def adapt(self, support: Sequence[Tokens], seed: int) -> float:
        """Make the predictor for a support the current one; returns the seconds it took."""
        self._child.send("adapt", tuple(support), seed)
        return float(self._child.answer()["seconds"])

    def scores(self, songs: Sequence[Tokens]) -> torch.Tensor:
        """The current predictor's scores for a batch: float [B, T, V], T the longest song; on the CPU."""
        self._child.send("scores", tuple(songs))
        return self._child.tensor((len(songs), max(map(len, songs)), self._vocab_size))

    def stream_scores(self, song: Tokens) -> torch.Tensor | None:
        """The same for one song, token by token: float [T, V]; None if the predictor has no `stream`."""
        self._child.send("stream", song)
        return self._child.tensor((len(song), self._vocab_size)) if self._child.answer()["offered"] else None

    def observe(self, song: Tokens) -> None:
        """Hand the current predictor a song that was scored, if it wants it."""
        self._child.send("observe", song)
        self._child.answer()

    def close(self) -> None:
        """End the process."""
        self._child.close()


def fitted_in_child(
    loaded: LoadedSubmission,
    splits: Sequence[Split],
    context: FitContext,
    sealed: Sequence[Path],
    *,
    refit: bool = False,
) -> tuple[Path | None, float | None]:
    """Fit in a process of its own unless a fit is kept: (where it is kept, how long it took).

    Both are None for a submission without `fit`.

    Raises:
        BadInput: the submission breaks the contract, or its fit cannot be stored.
    """
    stored = stored_fit(loaded, context, refit)
    if stored is None:
        raise BadInput("a submission given as an object cannot be isolated: name its file and class")
    if not stored.exists():
        write = [stored.parent, *([context.parts.folder] if context.parts else [])]
        for folder in write:
            folder.mkdir(parents=True, exist_ok=True)
        files = [path for split in splits if (path := split._arrays.path) is not None]
        child = _Child(loaded, files, [*write, _SHARED], sealed)
        try:
            plain = replace(context, log=print)
            threads = torch.get_num_threads()
            child.send("fit", loaded.spec, loaded.settings, stored, tuple(splits), plain, threads)
            if not child.answer()["fits"]:
                return None, None
        finally:
            child.close()
    return stored, fit_seconds(stored)


class _Child:
    """The process and the line to it."""

    def __init__(
        self, loaded: LoadedSubmission, read: Sequence[Path], write: Sequence[Path], sealed: Sequence[Path]
    ) -> None:
        if os.name != "posix":
            raise BadInput("--isolate needs Linux or macOS")
        self._folder = tempfile.mkdtemp(prefix="fsdl-bench-")
        reads = _readable(loaded, read)
        _check_apart(reads, sealed, read)
        paths = {"read": reads, "write": [self._folder, *_DEVICES, *map(str, write)]}
        here, there = Pipe()
        with there:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START, str(there.fileno()), json.dumps(paths)],
                pass_fds=[there.fileno()],
                cwd=self._folder,
                env=_environment(self._folder),
                stdin=subprocess.DEVNULL,
                stdout=2,
            )
        self._line = here
        self.locked = bool(self.answer()["locked"])

    def send(self, *request: Any) -> None:
        """Send a request; what comes from this side may be pickled."""
        try:
            self._line.send(request)
        except (BrokenPipeError, ConnectionError):
            self._died()

    def answer(self) -> dict[str, Any]:
        """Wait for the answer; raises what the child says went wrong."""
        try:
            answer = json.loads(self._line.recv_bytes())
        except (EOFError, ConnectionError):
            self._died()
        if not isinstance(answer, dict):
            raise ContractError("the submission's process answered out of turn")
        if "error" in answer:
            message = str(answer["error"])
            if answer.get("rule"):
                raise RuleBreach(str(answer["rule"]), message)
            raise BadInput(message)
        return answer

    def tensor(self, shape: tuple[int, ...]) -> torch.Tensor:
        """Wait for a tensor of this shape."""
        answer = self.answer()
        dtype = getattr(torch, str(answer["dtype"]), None)
        if tuple(answer["shape"]) != shape or dtype not in FLOATS:
            raise ContractError(
                f"the submission's process sent {answer}; expected floats of shape {list(shape)}"
            )
        scores = torch.empty(shape, dtype=dtype)
        self._line.recv_bytes_into(scores.view(torch.uint8).numpy().reshape(-1).data)
        return scores

    def close(self) -> None:
        """End the process and remove its folder."""
        self._line.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _died(self) -> Any:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        self.close()
        raise BadInput(
            f"the submission's process ended unexpectedly (exit status {self._process.returncode})"
        ) from None


def _facts(answer: dict[str, Any]) -> Facts:
    """What the child says of the submission, as far as it has the right form."""
    precision, parameters, notes = (answer.get(key) for key in ("precision", "parameters", "notes"))
    dtype = getattr(torch, precision, None) if isinstance(precision, str) else None
    return Facts(
        name=str(answer.get("name")),
        family=str(answer.get("family", "")),
        description=str(answer.get("description", "")),
        exact=answer.get("exact") is not False,
        parameters=parameters if isinstance(parameters, int) else None,
        precision=dtype if isinstance(dtype, torch.dtype) and dtype.is_floating_point else None,
        notes=notes if isinstance(notes, dict) else {},
    )


def _readable(loaded: LoadedSubmission, more: Sequence[Path]) -> list[str]:
    """What the child may read: Python, this package, the system, the submission's folder, and `more`."""
    own = [loaded.file.parent] if loaded.file else []
    named = [Path(value) for value in loaded.arguments.values() if isinstance(value, str | Path)]
    python = [Path(path) for path in (*sys.path, sys.prefix, sys.base_prefix, sys.exec_prefix) if path]
    package = Path(__file__).parents[2]
    places = [*map(Path, _SYSTEM), *python, package, *own, *(p for p in named if p.exists()), *more]
    return list(dict.fromkeys(str(place.absolute()) for place in places))


def _check_apart(readable: Sequence[str], sealed: Sequence[Path], handed: Sequence[Path]) -> None:
    """Raise `BadInput` if what must be readable holds what must not be; a lock only knows what is allowed."""
    if not landlock.version():
        return
    for place in {Path(path).resolve() for path in readable} - {path.resolve() for path in handed}:
        for folder in sealed:
            if folder.is_relative_to(place) or place.is_relative_to(folder):
                raise BadInput(
                    f"--isolate: the songs in {folder} cannot be locked away from a submission that "
                    f"needs {place}; move the submission to a folder of its own, or FSDL_BENCH_HOME elsewhere"
                )


def _environment(folder: str) -> dict[str, str]:
    """The child's environment: what the system and torch need, and nothing that leads to the songs."""
    kept = {k: v for k, v in os.environ.items() if k in _KEPT or k.startswith(_KEPT_FAMILIES)}
    python = os.pathsep.join([str(Path(__file__).parents[2]), *(path for path in sys.path if path)])
    own = dict.fromkeys(("HOME", "TMPDIR"), folder) | {"FSDL_BENCH_HOME": str(Path(folder, "home"))}
    return kept | own | {"PYTHONPATH": python, "FSDL_BENCH_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
