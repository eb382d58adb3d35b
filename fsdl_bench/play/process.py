"""The studio in a process of its own: the server stays responsive, and the model can be stopped.

    server ──(method, arguments)──▶ process ──event──▶ ... ──None──▶ server

A model may not read the songs of its track. This is watched for a whole process, and the server reads them.
"""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from fsdl_bench.errors import BadInput
from fsdl_bench.play.orders import Model
from fsdl_bench.workers import end_with_parent

Event = dict[str, Any]


class StudioProcess:
    """A `Studio` in another process. Calls are served one after the other."""

    def __init__(self) -> None:
        self._context: Any = multiprocessing.get_context("spawn")
        self._lock = threading.Lock()
        self._process: Any = None
        self._line: Any = None
        self._stop: Any = None
        self._current: tuple[Model, threading.Event] | None = None

    def call(self, method: str, model: Model, *args: Any, stop: threading.Event) -> Iterator[Event]:
        """Yield the events of a method of `Studio`.

        A call that was stopped still ends the step that it is at, such as a fit, which is then cached. It is
        killed if another model is asked for meanwhile.

        Args:
            method: its name.
            model: its first argument.
            args: its other arguments but `emit`.
            stop: ends the call early once it is set.

        Raises:
            BadInput: the method raised it, or the process died.
        """
        while not self._lock.acquire(timeout=0.2):
            current = self._current
            if stop.is_set():
                return
            if current is not None and current[1].is_set() and current[0] != model:
                self._end()
        try:
            self._current = (model, stop)
            yield from self._events((method, (model, *args)), stop)
        finally:
            self._current = None
            self._lock.release()

    def _events(self, call: tuple[str, tuple[Any, ...]], stop: threading.Event) -> Iterator[Event]:
        if stop.is_set():
            return
        line = self._started()
        finished = False
        try:
            self._stop.clear()
            line.send(call)
            while (event := self._next(line, stop)) is not None:
                if isinstance(event, Exception):
                    finished = True
                    raise event
                yield event
            finished = True
        except (EOFError, OSError):
            finished = True
            self._end()
            raise BadInput("the model's process ended; it may have run out of memory. Try again") from None
        finally:
            if not finished:  # the caller wants no more events
                self._stop.set()
                with suppress(EOFError, OSError):
                    while isinstance(line.recv(), dict):
                        pass

    def close(self) -> None:
        """End the process, whatever it does."""
        self._end()

    def _next(self, line: Connection, stop: threading.Event) -> Any:
        while not line.poll(0.2):
            if stop.is_set():
                self._stop.set()
        return line.recv()

    def _started(self) -> Any:
        if self._line is not None and self._process.is_alive():
            return self._line
        self._end()
        here, there = self._context.Pipe()
        self._stop = self._context.Event()
        self._process = self._context.Process(target=_serve, args=(there, self._stop), daemon=True)
        self._process.start()
        there.close()
        self._line = here
        return here

    def _end(self) -> None:
        process, line = self._process, self._line
        self._process = self._line = None
        if process is not None:
            process.kill()
            process.join()
        if line is not None:
            line.close()


class _Stopped(Exception):
    """Nobody waits for more events."""


def _serve(line: Connection, stop: Any) -> None:
    """Answer calls until the parent hangs up."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then ends this process
    threading.Thread(target=end_with_parent, daemon=True).start()
    from fsdl_bench.play.studio import Studio

    studio = Studio()

    def emit(event: Event) -> None:
        if stop.is_set():
            raise _Stopped
        line.send(event)

    with suppress(EOFError, OSError):
        while True:
            method, args = line.recv()
            try:
                getattr(studio, method)(*args, emit)
                outcome: Exception | None = None
            except _Stopped:
                outcome = None
            except BadInput as error:
                outcome = BadInput(str(error))
            except Exception as error:  # noqa: BLE001 (a submission may raise anything; the page shows it)
                outcome = BadInput(f"the model failed: {type(error).__name__}: {error}")
            line.send(outcome)
