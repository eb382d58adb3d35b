"""The process of an isolated submission: its folder, its environment, its walls, and the line to it.

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

from fsdl_bench import bubblewrap
from fsdl_bench.errors import BadInput
from fsdl_bench.fingerprint import PACKAGE
from fsdl_bench.submissions import landlock
from fsdl_bench.submissions.loading import LoadedSubmission
from fsdl_bench.submissions.output import Forwarder
from fsdl_bench.submissions.wire import (
    CALL_SECONDS,
    dtype_of,
    limit_waiting,
    read_answer,
    receive,
    wait_for_answer,
)

_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "TZ")
_KEPT_FAMILIES = (
    *("CUDA", "NVIDIA", "HIP_", "ROCR_", "TORCH", "PYTORCH"),
    *("OMP_", "MKL_", "OPENBLAS_", "KMP_", "THP_"),
)
_TORCH = ("TORCH", "PYTORCH")
_PAGES = {"THP_MEM_ALLOC_ENABLE": "1"}
"""torch frees large tensors at every step, and getting them back costs time: see benchmarks/pages.py."""
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/nix/store", "/proc", "/sys")
_FILES = ("/dev/random", "/dev/urandom", "/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives")
_PREFIX = "fsdl-bench-box-"

_START = "import sys; from fsdl_bench.submissions.boot import start; start(int(sys.argv[1]), sys.argv[2])"


class Child:
    """A process that runs `child.serve`, and the line to it.

    Args:
        own: the submission's folder or package first, then the files and folders that its arguments name.
        read: more files and folders that it may read.
        write: files and folders that it may write.
        sealed: folders that it must not be able to read.

    Attributes:
        locked: whether Landlock locks it out of everything else.
        walled: whether bubblewrap does.
    """

    def __init__(
        self, own: Sequence[Path], read: Sequence[Path], write: Sequence[Path], sealed: Sequence[Path]
    ) -> None:
        if os.name != "posix":
            raise BadInput("--isolate: needs Linux or macOS")
        reads = readable(own, read)
        check_apart(reads, sealed, read)
        self._folder, self._lock = own_folder()
        folder = str(self._folder)
        listed = [str(PACKAGE.parent), *(str(place.parent) for place in own[:1])]
        writes = [str(place.absolute()) for place in write]
        allowed = {"read": reads, "write": [folder, *landlock.DEVICES, *writes], "listed": listed}
        bwrap = bubblewrap.program()
        self.walled = bwrap is not None
        wall = bubblewrap.wall(bwrap, reads, writes, folder, landlock.DEVICES) if bwrap else []
        here, there = Pipe()
        limit_waiting(here, CALL_SECONDS)
        with there:
            self._process = start(wall, there.fileno(), json.dumps(allowed), folder)
        assert self._process.stdout is not None, "it is a pipe"
        self._output = Forwarder(self._process.stdout)
        self._line = here
        try:
            self.locked = bool(self.answer()["locked"])
        except BaseException:
            self.close()
            raise

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that isolate the child."""
        held = {"bubblewrap": self.walled, "landlock": self.locked}
        return tuple(name for name, holds in held.items() if holds)

    @property
    def sealing(self) -> str:
        """A description of the layers between the child and the songs' files."""
        if self.layers:
            return f"locked out of all song files ({', '.join(self.layers)})"
        return "no lock on files: neither bubblewrap nor Landlock here"

    @property
    def line(self) -> Connection:
        """The line to the child."""
        return self._line

    @property
    def pid(self) -> int:
        """The child's process."""
        return self._process.pid

    def load(self, loaded: LoadedSubmission, ignored: Sequence[Path], threads: int) -> None:
        """Let the child load a submission.

        Args:
            loaded: the submission, as it is known here.
            ignored: folders whose use is not recorded.
            threads: of torch.
        """
        visible = loaded.places if self.walled else None
        self.send("start", loaded.spec, loaded.settings, visible, tuple(ignored), threads)
        self.answer()

    def send(self, *request: Any) -> None:
        """Send a request: the name of a method of the child, and its arguments."""
        try:
            self._line.send(request)
        except (BrokenPipeError, ConnectionError):
            self._died()

    def answer(self, seconds: float | None = CALL_SECONDS) -> dict[str, Any]:
        """Wait for the answer, for so many seconds at most; for as long as it takes if None.

        Raises:
            BadInput: the child says that something went wrong, or it ended.
            RuleBreach: the child says that the submission broke a rule.
        """
        try:
            wait_for_answer(self._line, seconds)
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


def start(wall: Sequence[str], handle: int, allowed: str, folder: str) -> subprocess.Popen[bytes]:
    """Start the process.

    Args:
        wall: the command that runs a program inside a wall; may be empty.
        handle: the file descriptor of the child's end of the line.
        allowed: JSON, the arguments of `landlock.lock`.
        folder: its own folder.
    """
    return subprocess.Popen(
        [*wall, sys.executable, "-c", _START, str(handle), allowed],
        pass_fds=[handle],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def own_folder() -> tuple[Path, BaseFileLock]:
    """Make a folder for a child, and lock a file next to it for as long as this process lives.

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


def readable(own: Sequence[Path], more: Sequence[Path]) -> list[str]:
    """Return what the child may read: Python, the system's libraries, the package, its `own`, and `more`.

    A folder on Python's path that holds this package, such as a clone of the repository, is left out.
    """
    path = [Path(place).absolute() for place in sys.path if place]
    installed = PACKAGE.parent.name == "site-packages"
    libraries = [place for place in path if installed or not PACKAGE.is_relative_to(place)]
    prefixes = map(Path, (sys.prefix, sys.base_prefix, sys.exec_prefix))
    places = [*map(Path, (*_SYSTEM, *_FILES)), *libraries, *prefixes, PACKAGE, *own, *more]
    return list(dict.fromkeys(str(place.absolute()) for place in places))


def check_apart(read: Sequence[str], sealed: Sequence[Path], handed: Sequence[Path]) -> None:
    """Check that nothing that the child may read contains sealed songs; a lock only knows what is allowed.

    Raises:
        BadInput: it does.
    """
    if not landlock.version() and not bubblewrap.program():
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
    # A cache of the user's is closed to the child; torch names its own in our environment once it is there.
    kept = {k: v for k, v in kept.items() if "CACHE" not in k and not (k.startswith(_TORCH) and os.sep in v)}
    python = os.pathsep.join([str(Path(__file__).parents[2]), *(path for path in sys.path if path)])
    own = dict.fromkeys(("HOME", "TMPDIR"), folder) | {"FSDL_BENCH_HOME": str(Path(folder, "home"))}
    return _PAGES | kept | own | {"PYTHONPATH": python, "FSDL_BENCH_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
