"""The submission's side of reveal scoring: one cell, in a process that has met no other cell.

    zygote: submission loaded and fitted ──fork──▶ cell: adapt(support), then score token by token ──▶ exit

The zygote (`child`) runs no submission code after its first fork, so every cell starts from the same state.
The cell closes the line of the zygote, enters namespaces of its own where the kernel allows it, and may write
only to a folder that is removed afterwards. In a PID namespace all processes of the cell end with it;
elsewhere the zygote adopts and kills what the cell leaves behind.

The conversation on the cell's line: requests are pickled tuples from the harness; answers are JSON. After
`reveal` each message is raw: tokens int64 [B] to the cell, scores [B, V] back, until an empty message.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import psutil
import torch

from fsdl_bench.errors import BadInput
from fsdl_bench.submissions import landlock
from fsdl_bench.submissions.session import LocalSession
from fsdl_bench.submissions.streams import next_scores, open_stream
from fsdl_bench.submissions.wire import answer, failure

GRACE = 2.0
"""Seconds that a cell has to exit after the harness has closed its line."""

PROCESSES = 256
"""Processes and threads of a cell, at most."""

COUNT_SECONDS = 1.0
"""How often they are counted."""

FILE_BYTES = 1 << 30
"""Bytes of a file that a cell writes, at most."""

MEMORY = 0.8
"""The share of the machine's memory that a process of a cell may use."""

PROCESSOR_SECONDS = 86_400
"""Processor time of a process of a cell, at most."""

_NAMESPACES = {"pid": 0x20000000, "ipc": 0x08000000, "net": 0x40000000, "user": 0x10000000}
_SUBREAPER, _DUMPABLE, _PARENT_DEATH = 36, 4, 1


def become_zygote() -> None:
    """Prepare this process for forking cells: adopt what they leave, and hide from their view."""
    if sys.platform.startswith("linux"):
        _prctl(_SUBREAPER, 1)
        _prctl(_DUMPABLE, 0)  # nobody reads its memory or descriptors through /proc


def run_cell(
    control: Connection, line: Connection, session: LocalSession, *, threads: int, locked: bool
) -> list[str]:
    """Fork a cell that serves `line`, wait until it has ended, and return the layers of its isolation.

    Args:
        control: the zygote's own line; the harness writes to it when the cell should end.
        line: the cell's line; closed in this process.
        session: the submission, never adapted in this process.
        threads: of torch in the cell.
        locked: whether this process is locked by Landlock.
    """
    folder = Path.cwd() / "cell"
    folder.mkdir()
    ready, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ready)
        control.close()
        _guarded(lambda: _enter(line, session, folder, tell, threads=threads, locked=locked))
    line.close()
    os.close(tell)
    with os.fdopen(ready) as stream:
        layers = stream.read().split()
    _wait(pid, control)
    _kill_orphans()
    shutil.rmtree(folder, ignore_errors=True)
    return layers


def _enter(
    line: Connection, session: LocalSession, folder: Path, tell: int, *, threads: int, locked: bool
) -> None:
    """Isolate this process, then serve; in a PID namespace of its own, through one more fork."""
    _prctl(_PARENT_DEATH, signal.SIGKILL)
    layers = _unshare()
    if "user" in layers:  # elsewhere the limit on processes counts those of the whole user
        _limit()
        layers.append("rlimits")
    os.chdir(folder)
    # The zygote's folder is closed to this process, and with it the caches that libraries chose there.
    os.environ.update(
        {
            name: value.replace(str(folder.parent), str(folder))
            for name, value in os.environ.items()
            if value.startswith(str(folder.parent))
        }
    )
    os.environ.update(dict.fromkeys(("HOME", "TMPDIR"), str(folder)))
    tempfile.tempdir = None
    if locked and landlock.lock(["/"], [str(folder), *landlock.DEVICES]):
        layers.append("landlock")
    if "pid" in layers and (pid := os.fork()):
        os.close(tell)
        line.close()
        os.waitpid(pid, 0)
        return
    _prctl(_PARENT_DEATH, signal.SIGKILL)
    os.write(tell, " ".join(layers).encode())
    os.close(tell)
    torch.set_num_threads(threads)
    answer(line)
    serve_cell(line, session)


def _guarded(action: Callable[[], None]) -> None:
    """Run and exit, without the cleanup that belongs to the zygote."""
    status = 1
    try:
        action()
        status = 0
    finally:
        os._exit(status)


def _unshare() -> list[str]:
    """Enter new namespaces; return which.

    In a user namespace of its own a process has no rights over anything outside, even as root, and its
    keyrings are its own.
    """
    if not sys.platform.startswith("linux"):
        return []
    libc = ctypes.CDLL(None, use_errno=True)
    for names in (["user", "pid", "ipc", "net"], ["pid", "ipc", "net"]):
        if libc.unshare(ctypes.c_int(sum(_NAMESPACES[name] for name in names))) == 0:
            return names
    return []


def _limit() -> None:
    """Limit processes, files, memory and processor time, so that one cell cannot stop the machine."""
    import resource

    memory = int(MEMORY * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for kind, most in (
        (resource.RLIMIT_NPROC, PROCESSES),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_CPU, PROCESSOR_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (least, least))


def _prctl(option: int, value: int) -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(ctypes.c_int(option), *map(ctypes.c_ulong, (value, 0, 0, 0)))


def _wait(pid: int, control: Connection) -> None:
    """Wait for the cell; once the harness has written to `control`, for `GRACE` seconds at most.

    The cell ends at once if it has too many processes: the kernel's limit does not count those of root.
    """
    deadline, count_at = float("inf"), time.monotonic() + COUNT_SECONDS
    while os.waitpid(pid, os.WNOHANG)[0] == 0:
        if deadline == float("inf"):
            with suppress(EOFError, OSError):
                if control.poll(0.05):
                    deadline = time.monotonic() + GRACE
        else:
            time.sleep(0.001)
        now = time.monotonic()
        if now > count_at:
            count_at = now + COUNT_SECONDS
            if len(psutil.Process().children(recursive=True)) > PROCESSES:
                deadline = now
        if now > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return


def _kill_orphans() -> None:
    """Kill what the cell has left behind, which this process has adopted."""
    children = Path("/proc/self/task") / str(os.getpid()) / "children"
    with suppress(OSError):
        while pids := children.read_text().split():
            for pid in map(int, pids):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(-1, 0)


def serve_cell(line: Connection, session: LocalSession) -> None:
    """Answer the harness's requests until it hangs up."""
    while True:
        try:
            name, *arguments = line.recv()
        except (EOFError, ConnectionError):
            return
        try:
            if name == "adapt":
                session.adapt(*arguments)
                answer(line)
            elif name == "observe":
                session.observe(*arguments)
                answer(line)
            elif name == "reveal":
                _reveal(line, session, *arguments)
            else:
                raise BadInput(f"the harness asked for {name!r}")
        except (EOFError, ConnectionError):
            return
        except Exception as error:  # noqa: BLE001 (whatever the submission raises is told to the harness)
            failure(line, error)


def _reveal(line: Connection, session: LocalSession, songs: int) -> None:
    with session.scoring() as (predictor, vocab_size, device):
        stream = open_stream(predictor, songs, vocab_size, device)
        first = True
        while data := line.recv_bytes():
            tokens = torch.from_numpy(np.frombuffer(data, np.int64).copy()).to(device)
            scores = next_scores(stream, tokens, vocab_size).to("cpu").contiguous()
            if first:
                answer(line, dtype=str(scores.dtype).removeprefix("torch."))
                first = False
            line.send_bytes(scores.view(torch.uint8).numpy().reshape(-1).data)
