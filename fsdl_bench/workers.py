"""Worker processes with one pipe each, so that the parent knows which task a lost worker was at.

    parent ──(function, task)──▶ worker: runs this one task ──result──▶ parent

No lock and no queue is shared between workers, so a worker that is killed leaves no lock behind that blocks
the others. A worker holds one task at a time. When the worker is lost, that task fails and no other one. A
worker is sent a task only while it waits for one, so a worker that hangs cannot block the parent.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Literal

from fsdl_bench.errors import BadInput

LOOK_AHEAD = 3
"""Tasks under way for each worker: one that it runs, and others in waiting or done before their turn."""

START_SECONDS = 300.0
"""The time that a worker may take to start, imports from a slow disk included."""

END_SECONDS = 5.0
"""The time that a worker with a closed pipe may take to end by itself, which tells how it died."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The outcome of a task whose worker was lost: how, and the exit code if it died by itself."""

    how: Literal["crashed", "timed out"]
    exit_code: int | None = None


@dataclass(slots=True)
class _Task:
    index: int
    data: bytes


@dataclass(slots=True, eq=False)
class _Worker:
    """A process, the parent's end of its pipe, when it must answer, and the task that it holds."""

    process: Any
    line: Connection
    deadline: float
    ready: bool = False
    task: _Task | None = None


class Workers:
    """Runs tasks in at most `count` processes. Use `run` once, then the processes are gone.

    Args:
        count: how many processes.
        prepare: called once in each process with `start`.
        start: what `prepare` is given.
        timeout: seconds that one task may take; no limit if None.
    """

    def __init__(
        self, count: int, prepare: Callable[[bytes], None], start: bytes, timeout: float | None
    ) -> None:
        # A fork of a process with threads (Arrow's, PyTorch's) may deadlock, so workers start afresh.
        fresh = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        self._context: Any = multiprocessing.get_context(fresh)
        self._count, self._prepare, self._start, self._timeout = count, prepare, start, timeout
        self._workers: list[_Worker] = []
        self._pending: deque[_Task] = deque()
        self._outcomes: dict[int, Any] = {}

    def run(self, function: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[Any]:
        """Yield the value of `function(task)`, or `Lost`, for each task, in the order of the tasks.

        Raises:
            BadInput: a worker process cannot start.
            Exception: the first exception that the function raised, in the order of the tasks.
        """
        source = enumerate(tasks)
        delivered, taken, exhausted = 0, 0, False
        try:
            while True:
                while not exhausted and taken - delivered < self._count * LOOK_AHEAD:
                    number, task = next(source, (None, None))
                    exhausted = number is None
                    if number is not None:
                        self._pending.append(_Task(number, pickle.dumps((function, task))))
                        taken += 1
                self._hand_out()
                if delivered == taken:
                    return
                if delivered not in self._outcomes:
                    self._wait()
                    continue
                good, value = self._outcomes.pop(delivered)
                delivered += 1
                if not good:
                    raise value
                yield value
        finally:
            for worker in self._workers:
                worker.process.kill()
                worker.line.close()
            for worker in self._workers:
                worker.process.join()

    def _hand_out(self) -> None:
        """Give each worker that waits the next task, and start processes for the tasks that are left."""
        for worker in [worker for worker in self._workers if worker.ready and worker.task is None]:
            if not self._pending:
                return
            worker.task = self._pending.popleft()
            worker.deadline = self._deadline()
            try:
                worker.line.send_bytes(worker.task.data)
            except OSError:
                self._lost(worker, "crashed")
        starting = sum(not worker.ready for worker in self._workers)
        for _ in range(min(len(self._pending) - starting, self._count - len(self._workers))):
            self._workers.append(self._started())

    def _started(self) -> _Worker:
        here, there = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(there, self._prepare, self._start), daemon=True)
        try:
            process.start()
        except RuntimeError as error:
            raise _cannot_start(str(error).strip().splitlines()[0]) from None
        there.close()
        return _Worker(process, here, time.monotonic() + START_SECONDS)

    def _deadline(self) -> float:
        return time.monotonic() + (float("inf") if self._timeout is None else self._timeout)

    def _wait(self) -> None:
        """Read what the workers send until something has come, and end those that are over their time."""
        first = min(worker.deadline for worker in self._workers)
        seconds = None if first == float("inf") else max(0.0, first - time.monotonic())
        ends = [end for worker in self._workers for end in (worker.line, worker.process.sentinel)]
        came = set(wait(ends, seconds))
        for worker in list(self._workers):
            ended = worker.process.sentinel in came
            if worker.line in came or (ended and worker.line.poll()):
                self._read(worker)
            elif ended:  # a process that it left behind keeps its pipe open
                self._lost(worker, "crashed")
        now = time.monotonic()
        for worker in [worker for worker in self._workers if worker.deadline <= now]:
            if worker.line.poll():  # it answered while others were read
                self._read(worker)
                continue
            if not worker.ready:
                raise _cannot_start(f"no sign of life after {START_SECONDS:g} s")
            worker.process.kill()
            self._lost(worker, "timed out")

    def _read(self, worker: _Worker) -> None:
        """Take the one message that a worker owes; a closed line means that it has died."""
        try:
            message = worker.line.recv_bytes()
        except (EOFError, OSError):
            self._lost(worker, "crashed")
            return
        worker.ready, worker.deadline = True, float("inf")
        if worker.task is not None:
            number, worker.task = worker.task.index, None
            self._outcomes[number] = _unpacked(message)

    def _lost(self, worker: _Worker, how: Literal["crashed", "timed out"]) -> None:
        """The task that the worker held has failed."""
        worker.process.join(END_SECONDS)
        worker.process.kill()
        worker.process.join()
        worker.line.close()
        self._workers.remove(worker)
        code = worker.process.exitcode
        if not worker.ready:
            raise _cannot_start(f"exit code {code}")
        if worker.task is not None:
            self._outcomes[worker.task.index] = (True, Lost(how, code))


def _unpacked(message: bytes) -> tuple[bool, Any]:
    """Return a worker's answer, or the error of reading it: the function's value is then at fault."""
    try:
        good, value = pickle.loads(message)
    except Exception as error:  # noqa: BLE001 (raised in the turn of its task)
        return False, error
    return good, value


def _cannot_start(why: str) -> BadInput:
    return BadInput(
        f"worker processes cannot start ({why}). In a script, put the call under "
        "`if __name__ == '__main__':`; or work in this process with workers=0"
    )


def _serve(line: Connection, prepare: Callable[[bytes], None], start: bytes) -> None:
    """Answer one task after the other until the parent hangs up."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    prepare(start)
    with suppress(EOFError, OSError):
        line.send_bytes(pickle.dumps(None))
        while True:
            line.send_bytes(_answer(line.recv_bytes()))


def end_with_parent() -> None:
    """End this process when its parent dies, even in the middle of a task. Run it in a thread."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def _answer(data: bytes) -> bytes:
    """Return the pickled (whether the function returned, value or exception)."""
    story = ""
    try:
        function, task = pickle.loads(data)
        answer = (True, function(task))
    except Exception as error:  # noqa: BLE001 (raised again in the parent)
        answer, story = (False, error), traceback.format_exc()
    try:
        packed = pickle.dumps(answer)
        if not answer[0]:
            pickle.loads(packed)  # some exceptions can be pickled and not read back
        return packed
    except Exception:  # noqa: BLE001
        text = story or traceback.format_exc()
        return pickle.dumps((False, RuntimeError(f"cannot be sent to the parent:\n{text}")))
