"""A studio in a process of its own: the server stays responsive, and a model can be stopped.

    server ──(number, method, arguments)──▶ process ──event──▶ ... ──None──▶ server
    server ──number of a call to stop─────▶

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

_END_SECONDS = 2.0


class StudioProcess:
    """The `Studio` of one model in another process. Calls are served one after the other.

    Args:
        model: the model.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._context: Any = multiprocessing.get_context("spawn")
        self._lock = threading.Lock()
        self._process: Any = None
        self._line: Any = None
        self._halt: Any = None
        self._number = 0

    def call(self, method: str, *args: Any, stop: threading.Event) -> Iterator[Event]:
        """Yield the events of a method of `Studio`.

        A call that was stopped still ends the step that it is at, such as a fit, which is then cached.

        Args:
            method: its name.
            args: its arguments but `emit`.
            stop: ends the call early once it is set.

        Raises:
            BadInput: the method raised it, or the process died.
        """
        while not self._lock.acquire(timeout=0.2):
            if stop.is_set():
                return
        try:
            if not stop.is_set():
                yield from self._events(method, args, stop)
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the process, whatever it does."""
        process, lines = self._process, (self._line, self._halt)
        self._process = self._line = self._halt = None
        if process is not None:
            for line in lines:
                line.close()
            process.join(_END_SECONDS)  # an idle process ends by itself, and cleans up
            process.kill()
            process.join()

    def _events(self, method: str, args: tuple[Any, ...], stop: threading.Event) -> Iterator[Event]:
        line, halt = self._started()
        self._number += 1
        finished = False
        try:
            line.send((self._number, method, args))
            while True:
                while not line.poll(0.2):
                    if stop.is_set():
                        halt.send(self._number)
                event = line.recv()
                if not isinstance(event, dict):
                    finished = True
                    if event is not None:
                        raise event
                    return
                yield event
        except (EOFError, OSError):
            finished = True
            self.close()
            raise BadInput("the model's process ended; it may have run out of memory. Try again") from None
        finally:
            if not finished:  # the caller wants no more events
                with suppress(EOFError, OSError):
                    halt.send(self._number)
                    while isinstance(line.recv(), dict):
                        pass

    def _started(self) -> tuple[Any, Any]:
        if self._process is None or not self._process.is_alive():
            self.close()
            here, there = self._context.Pipe()
            told, halt = self._context.Pipe(duplex=False)
            process = self._context.Process(target=_serve, args=(self._model, there, told), daemon=True)
            process.start()
            there.close()
            told.close()
            self._process, self._line, self._halt = process, here, halt
        return self._line, self._halt


class _Stopped(Exception):
    """Nobody waits for more events."""


def _serve(model: Model, line: Connection, told: Connection) -> None:
    """Answer calls until the parent hangs up."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then ends this process
    threading.Thread(target=end_with_parent, daemon=True).start()
    from fsdl_bench.play.studio import Studio

    studio, current, stopped = Studio(model), 0, 0

    def emit(event: Event) -> None:
        nonlocal stopped
        while told.poll():
            stopped = told.recv()
        if stopped == current:
            raise _Stopped
        line.send(event)

    with suppress(EOFError, OSError):
        while True:
            current, method, args = line.recv()
            outcome: Exception | None = None
            try:
                getattr(studio, method)(*args, emit)
            except _Stopped:
                pass
            except BadInput as error:
                outcome = BadInput(str(error))
            except Exception as error:  # noqa: BLE001 (a submission may raise anything; the page shows it)
                outcome = BadInput(f"the model failed: {type(error).__name__}: {error}")
            line.send(outcome)
