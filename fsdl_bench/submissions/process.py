"""The process of an isolated submission: its folder, its environment, its lock, and the line to it.

Requests to the child are pickled. Its answers are JSON, with the raw bytes of a tensor behind them, and are
never unpickled. The child has a session of its own: Ctrl-C reaches the harness alone, which then ends it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from secrets import token_hex
from typing import Any, NoReturn

import torch
from filelock import BaseFileLock, FileLock, Timeout

from fsdl_bench.errors import BadInput
from fsdl_bench.submissions import landlock
from fsdl_bench.submissions.identity import paths
from fsdl_bench.submissions.loading import LoadedSubmission
from fsdl_bench.submissions.output import Forwarder
from fsdl_bench.submissions.wire import dtype_of, read_answer, receive

_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "TZ")
_KEPT_FAMILIES = ("CUDA", "NVIDIA", "OMP_", "MKL_", "OPENBLAS_", "KMP_", "TORCH", "PYTORCH", "HIP_", "ROCR_")
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/opt", "/proc", "/sys", "/run", "/nix", "/dev")
_PREFIX = "fsdl-bench-box-"

_START = "import sys; from fsdl_bench.submissions.boot import start; start(int(sys.argv[1]), sys.argv[2])"


class Child:
    """A process that runs `child.serve`, and the line to it.

    Args:
        loaded: the submission.
        read: more files and folders that it may read.
        write: files and folders that it may write.
        sealed: folders that it must not be able to read.

    Attributes:
        locked: whether the kernel locks it out of everything else.
    """

    def __init__(
        self, loaded: LoadedSubmission, read: Sequence[Path], write: Sequence[Path], sealed: Sequence[Path]
    ) -> None:
        if os.name != "posix":
            raise BadInput("--isolate: needs Linux or macOS")
        reads = readable(loaded, read)
        check_apart(reads, sealed, read)
        self._folder, self._lock = own_folder()
        allowed = {"read": reads, "write": [str(self._folder), *landlock.DEVICES, *map(str, write)]}
        here, there = Pipe()
        with there:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START, str(there.fileno()), json.dumps(allowed)],
                pass_fds=[there.fileno()],
                cwd=self._folder,
                env=environment(str(self._folder)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        assert self._process.stdout is not None, "it is a pipe"
        self._output = Forwarder(self._process.stdout)
        self._line = here
        try:
            self.locked = bool(self.answer()["locked"])
        except BaseException:
            self.close()
            raise

    @property
    def line(self) -> Connection:
        """The line to the child."""
        return self._line

    @property
    def pid(self) -> int:
        """The child's process."""
        return self._process.pid

    def send(self, *request: Any) -> None:
        """Send a request: the name of a method of the child, and its arguments."""
        try:
            self._line.send(request)
        except (BrokenPipeError, ConnectionError):
            self._died()

    def answer(self) -> dict[str, Any]:
        """Wait for the answer.

        Raises:
            BadInput: the child says that something went wrong, or it ended.
            RuleBreach: the child says that the submission broke a rule.
        """
        try:
            return read_answer(self._line)
        except (EOFError, OSError):
            self._died()

    def tensor(self, shape: tuple[int, ...]) -> torch.Tensor:
        """Wait for a tensor of this shape.

        Raises:
            ContractError: the child announces no floating-point type, or sends another number of bytes.
        """
        scores = torch.empty(shape, dtype=dtype_of(self.answer()))
        try:
            receive(self._line, scores)
        except (EOFError, OSError):
            self._died()
        return scores

    def close(self) -> None:
        """End the process and everything that it started, and remove its folder."""
        self._line.close()
        try:
            self._process.wait(timeout=0 if isinstance(sys.exception(), KeyboardInterrupt) else 5)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            pass
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._output.join()
            shutil.rmtree(self._folder, ignore_errors=True)
            remove_lock(self._lock)

    def _died(self) -> NoReturn:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        self.close()
        raise BadInput(
            f"the submission's process ended unexpectedly (exit status {self._process.returncode})"
        ) from None


def own_folder() -> tuple[Path, BaseFileLock]:
    """Make a folder for a child, and lock a file beside it for as long as this process lives.

    Folders whose lock is free were left by a process that was killed; they are removed first.
    """
    place = Path(tempfile.gettempdir())
    for path in place.glob(f"{_PREFIX}*.lock"):
        stale = FileLock(path)
        with suppress(Timeout, OSError):  # in use, or another user's
            stale.acquire(timeout=0)
            shutil.rmtree(path.with_suffix(""), ignore_errors=True)
            remove_lock(stale)
    folder = place / f"{_PREFIX}{token_hex(8)}"
    lock = FileLock(folder.with_name(folder.name + ".lock"))
    lock.acquire()
    folder.mkdir(mode=0o700)
    return folder, lock


def remove_lock(lock: BaseFileLock) -> None:
    """Remove the file of a lock that this process holds, then release it."""
    Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()


def readable(loaded: LoadedSubmission, more: Sequence[Path]) -> list[str]:
    """Return what the child may read: Python, the system, the submission's folder and arguments, `more`."""
    own = [loaded.file.parent] if loaded.file else []
    python = [Path(path) for path in (*sys.path, sys.prefix, sys.base_prefix, sys.exec_prefix) if path]
    package = Path(__file__).parents[2]
    named = paths(list(loaded.arguments.values()))
    places = [*map(Path, _SYSTEM), *python, package, *own, *named, *more]
    return list(dict.fromkeys(str(place.absolute()) for place in places))


def check_apart(read: Sequence[str], sealed: Sequence[Path], handed: Sequence[Path]) -> None:
    """Check that nothing that the child may read contains sealed songs; a lock only knows what is allowed.

    Raises:
        BadInput: it does.
    """
    if not landlock.version():
        return
    for place in {Path(path).resolve() for path in read} - {path.resolve() for path in handed}:
        for folder in sealed:
            if folder.is_relative_to(place) or place.is_relative_to(folder):
                raise BadInput(
                    f"--isolate: the songs in {folder} cannot be locked away from a submission that "
                    f"needs {place}; move the submission to a folder of its own, or FSDL_BENCH_HOME elsewhere"
                )


def environment(folder: str) -> dict[str, str]:
    """Return the child's environment: what the system and torch need, and nothing that leads to the songs."""
    kept = {k: v for k, v in os.environ.items() if k in _KEPT or k.startswith(_KEPT_FAMILIES)}
    python = os.pathsep.join([str(Path(__file__).parents[2]), *(path for path in sys.path if path)])
    own = dict.fromkeys(("HOME", "TMPDIR"), folder) | {"FSDL_BENCH_HOME": str(Path(folder, "home"))}
    return kept | own | {"PYTHONPATH": python, "FSDL_BENCH_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
