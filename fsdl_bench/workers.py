"""Worker processes with one pipe each, so that the parent knows which task a lost worker was at.

    parent ──(function, task)──▶ worker: runs its tasks in turn ──result──▶ parent

No lock and no queue is shared between workers, so a worker that is killed leaves no lock behind that blocks
the others. A worker answers in the order in which it was given its tasks: the oldest task without an answer
is the one it runs. When the worker is lost, that task fails, and the tasks behind it go to other workers.
"""

from __future__ import annotations

import multiprocessing
import pickle
import queue
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, Literal

from fsdl_bench.errors import BadInput

LOOK_AHEAD = 3
"""Tasks that a worker is given at a time: one to run, and enough in waiting that it is never idle."""

START_SECONDS = 300.0
"""The time that a worker may take to start, imports from a slow disk included."""


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
    """A process, the parent's end of its pipe, its tasks in order, and when it must answer next."""

    process: Any
    line: Connection
    deadline: float
    ready: bool = False
    tasks: deque[_Task] = field(default_factory=deque)


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
        self._again: deque[_Task] = deque()
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
                        self._again.append(_Task(number, pickle.dumps((function, task))))
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
        """Give waiting tasks to the workers with the fewest, starting processes as they are needed."""
        while self._again:
            if len(self._workers) < self._count and all(worker.tasks for worker in self._workers):
                self._workers.append(self._started())
            worker = min(self._workers, key=lambda one: len(one.tasks))
            if len(worker.tasks) >= LOOK_AHEAD:
                return
            task = self._again.popleft()
            if worker.ready and not worker.tasks:
                worker.deadline = self._deadline()
            worker.tasks.append(task)
            try:
                worker.line.send_bytes(task.data)
            except OSError:
                self._lost(worker, "crashed")

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
        first = min(worker.deadline for worker in self._workers if worker.tasks)
        seconds = None if first == float("inf") else max(0.0, first - time.monotonic())
        came = wait([worker.line for worker in self._workers], seconds)
        for worker in [worker for worker in self._workers if worker.line in came]:
            self._read(worker)
        now = time.monotonic()
        for worker in [worker for worker in self._workers if worker.tasks and worker.deadline <= now]:
            if not worker.ready:
                raise _cannot_start(f"no sign of life after {START_SECONDS:g} s")
            worker.process.kill()
            self._lost(worker, "timed out")

    def _read(self, worker: _Worker) -> None:
        """Take one message of a worker; a closed line means that it has died."""
        try:
            message = pickle.loads(worker.line.recv_bytes())
        except (EOFError, OSError):
            self._lost(worker, "crashed")
            return
        if not worker.ready:
            worker.ready = True
        else:
            self._outcomes[worker.tasks.popleft().index] = message
        worker.deadline = self._deadline()

    def _lost(self, worker: _Worker, how: Literal["crashed", "timed out"]) -> None:
        """The task that the worker was at has failed; those behind it are handed out again."""
        with suppress(EOFError, OSError):  # answers that were sent before it died
            while worker.tasks and worker.line.poll():
                message = pickle.loads(worker.line.recv_bytes())
                if worker.ready:
                    self._outcomes[worker.tasks.popleft().index] = message
                worker.ready = True
        worker.process.join()
        worker.line.close()
        self._workers.remove(worker)
        code = worker.process.exitcode
        if not worker.ready:
            raise _cannot_start(f"exit code {code}")
        if worker.tasks:
            self._outcomes[worker.tasks.popleft().index] = (True, Lost(how, code))
        self._again.extendleft(reversed(worker.tasks))


def _cannot_start(why: str) -> BadInput:
    return BadInput(
        f"worker processes cannot start ({why}). In a script, put the call under "
        "`if __name__ == '__main__':`; or work in this process with workers=0"
    )


def _serve(line: Connection, prepare: Callable[[bytes], None], start: bytes) -> None:
    """Answer tasks in turn until the parent hangs up."""
    prepare(start)
    line.send_bytes(pickle.dumps(None))
    waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    # Tasks are read by a thread of their own: the parent's next task never waits for an answer to be sent.
    threading.Thread(target=_receive, args=(line, waiting), daemon=True).start()
    while (data := waiting.get()) is not None:
        with suppress(BrokenPipeError):
            line.send_bytes(_answer(data))


def _receive(line: Connection, waiting: queue.SimpleQueue[bytes | None]) -> None:
    try:
        while True:
            waiting.put(line.recv_bytes())
    except (EOFError, OSError):
        waiting.put(None)


def _answer(data: bytes) -> bytes:
    """Return the pickled (whether the function returned, value or exception)."""
    try:
        function, task = pickle.loads(data)
        answer = (True, function(task))
    except Exception as error:  # noqa: BLE001 (raised again in the parent)
        answer = (False, error)
    try:
        packed = pickle.dumps(answer)
        if not answer[0]:
            pickle.loads(packed)  # some exceptions can be pickled and not read back
        return packed
    except Exception:  # noqa: BLE001
        return pickle.dumps((False, RuntimeError(f"cannot be sent to the parent:\n{traceback.format_exc()}")))
