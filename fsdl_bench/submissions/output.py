"""The output of a submission: forwarded to standard error without control characters, up to a limit.

The submission's process has no terminal: it could otherwise put words into the user's input (TIOCSTI), or
hide what it prints with escape sequences.
"""

from __future__ import annotations

import os
import threading
from typing import IO

MOST = 1 << 20
"""Bytes that are forwarded."""

_KEPT = bytes(byte for byte in range(256) if (byte >= 32 and byte != 127) or byte in b"\n\r\t")
_DROPPED = bytes(set(range(256)) - set(_KEPT))


class Forwarder:
    """A thread that forwards a pipe to standard error until the pipe ends.

    Args:
        pipe: the reading end.
    """

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        left = MOST
        with self._pipe:
            while data := os.read(self._pipe.fileno(), 1 << 16):
                clean = data.translate(None, _DROPPED)
                if left > 0:
                    os.write(2, clean[:left])
                    left -= len(clean)
                    if left <= 0:
                        os.write(2, b"\nthe submission has printed more than 1 MiB; the rest is dropped\n")

    def join(self) -> None:
        """Wait for the end of the pipe, but not for a process that keeps it open."""
        self._thread.join(timeout=2)
