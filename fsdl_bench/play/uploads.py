"""Read uploaded files in a worker process, with limits on their size and on the time.

A file that a stranger made can make a parser crash, hang or use much memory. So it is read in a process of
its own, which is killed when the time is over, and replaced.
"""

from __future__ import annotations

import multiprocessing
import threading
from multiprocessing.connection import Connection
from typing import Any

from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.music import formats
from fsdl_bench.play.songs import Content, read_upload
from fsdl_bench.songs import Kind

LARGEST = 10_000_000
"""The largest file in bytes."""

SECONDS = 20.0
"""The time that reading one file may take. The conversion of a score has the same time before."""

_START_SECONDS = 120.0
_MEMORY = 4 << 30


class Reader:
    """A worker process that reads one file at a time. It starts with the first file, or with `start`.

    Args:
        seconds: the time that one file may take.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        fresh = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        self._context: Any = multiprocessing.get_context(fresh)
        self._seconds = seconds
        self._lock = threading.Lock()
        self._process: Any = None
        self._line: Any = None

    def start(self) -> None:
        """Start the process, so that the first file does not wait for it."""
        with self._lock:
            self._started()

    def read(self, data: bytes, name: str, kind: Kind) -> list[Content]:
        """Return the songs of a file. Several threads may call this; each waits for its turn.

        Raises:
            BadInput: the file is too large, or cannot be read; the message names it.
        """
        if len(data) > LARGEST:
            raise BadInput(too_large(name))
        try:
            if kind == "midi" and name.lower().endswith(formats.SCORES) and data:
                data = self._converted(data, name)
            with self._lock:
                return self._ask((data, name, kind))
        except Rejected as error:
            raise BadInput(f"{name}: {error}") from None

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _converted(self, data: bytes, name: str) -> bytes:
        """The MIDI file of a score."""
        from fsdl_bench.music.scores import convert_scores, score_to_midi

        convert_scores([name], lambda _: data, workers=1, progress=False, time_limit=self._seconds)
        return score_to_midi(data)

    def _ask(self, task: tuple[bytes, str, Kind]) -> list[Content]:
        line = self._started()
        try:
            line.send(task)
            if not line.poll(self._seconds):
                self._end()
                raise Rejected(f"reading it took more than {self._seconds:g} s")
            found = line.recv()
        except (EOFError, OSError):
            self._end()
            raise Rejected("damaged file", "the reader crashed") from None
        if isinstance(found, Exception):
            raise found
        songs: list[Content] = found
        return songs

    def _started(self) -> Any:
        if self._line is not None and self._process.is_alive():
            return self._line
        self._end()
        here, there = self._context.Pipe()
        self._process = self._context.Process(target=_serve, args=(there,), daemon=True)
        self._process.start()
        there.close()
        self._line = here
        if not here.poll(_START_SECONDS):
            self._end()
            raise BadInput("the process that reads files did not start")
        here.recv()
        return here

    def _end(self) -> None:
        if self._line is not None:
            self._line.close()
            self._process.kill()
            self._process.join()
        self._line = self._process = None


def too_large(name: str) -> str:
    """Return the message about a file that is too large."""
    return f"{name}: the file is too large; expected at most {LARGEST // 1_000_000} MB"


def _serve(line: Connection) -> None:
    """Answer with the songs of a file or with an exception, until the parent hangs up."""
    import pretty_midi  # noqa: F401 (now, not with the first file)
    import symusic  # noqa: F401

    _limit_memory()
    try:
        line.send(None)
        while True:
            data, name, kind = line.recv()
            try:
                line.send(read_upload(data, name, kind))
            except Rejected as error:
                line.send(error)
            except Exception as error:  # noqa: BLE001 (a parser may raise anything; the file is at fault)
                line.send(Rejected("damaged file", f"{type(error).__name__}: {error}"))
    except (EOFError, OSError, KeyboardInterrupt):
        return


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
