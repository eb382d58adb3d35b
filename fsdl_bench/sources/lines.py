"""Read a file line by line for the csv reader, with the position of each line and the option to go back."""

from __future__ import annotations

from collections import deque
from typing import IO

MAX_ROW = 8 * 2**20
"""The longest row in bytes. It limits how far a stray quote is followed."""


class RowTooLong(Exception):
    """A row does not end within `MAX_ROW` bytes."""


class Lines:
    """The lines of a file, for a csv reader. Lines that the reader took can be put back."""

    def __init__(self, stream: IO[bytes], start: int, number: int) -> None:
        self.taken: deque[bytes] = deque()
        self._stream, self._start, self._number = stream, start, number
        self._again: deque[bytes] = deque()
        self._size = 0

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._stream.readline(MAX_ROW)
        if not line:
            raise StopIteration
        self.taken.append(line)
        self._size += len(line)
        if self._size >= MAX_ROW:
            raise RowTooLong(f"no end within {MAX_ROW} bytes")
        return line.decode("latin-1")

    def commit(self, count: int) -> tuple[int, int, int]:
        """Put back all lines taken but the first `count`; return number, start and size of those."""
        size = sum(len(self.taken.popleft()) for _ in range(count))
        place = (self._number, self._start, size)
        self._number += count
        self._start += size
        self._again.extendleft(reversed(self.taken))
        self.taken.clear()
        self._size = 0
        return place
