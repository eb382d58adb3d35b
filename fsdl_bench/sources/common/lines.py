"""Read a file line by line for the csv reader, with the position of each line and the option to go back."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

MAX_ROW = 8 * 2**20
"""The longest row in bytes. It limits how far a stray quote is followed."""


class RowTooLong(Exception):
    """A row does not end within `MAX_ROW` bytes."""


@dataclass(frozen=True, slots=True)
class LineForm:
    r"""The storage of lines in a file.

    Attributes:
        wide: the codec of a file in UTF-16 or UTF-32, without its mark; empty for all other encodings.
        end: what a line ends with, `\n` (also after `\r`) or `\r`.
    """

    wide: str = ""
    end: str = "\n"

    def lines(self, stream: IO[bytes]) -> Iterator[str]:
        r"""Yield the lines from the stream's position on, their bytes as Latin-1, with `\n` as their end.

        A wide file's lines are the Latin-1 of their UTF-8.
        """
        if not self.wide and self.end == "\n":
            while line := stream.readline(MAX_ROW):
                yield line.decode("latin-1")
            return
        decoded = io.TextIOWrapper(stream, self.wide or "latin-1", errors="replace", newline=self.end)
        try:
            while text := decoded.readline(MAX_ROW):
                plain = text.replace("\r", "\n") if self.end == "\r" else text
                yield plain.encode().decode("latin-1") if self.wide else plain
        finally:  # the stream is the caller's
            with suppress(ValueError):
                decoded.detach()

    def size(self, line: str) -> int:
        """Return the number of bytes of a line in the file."""
        return len(line.encode("latin-1").decode().encode(self.wide)) if self.wide else len(line)


class Lines:
    """The lines of a file, for a csv reader. Lines that the reader took can be put back."""

    def __init__(self, stream: IO[bytes], start: int, number: int, form: LineForm) -> None:
        self.taken: deque[str] = deque()
        self._form, self._start, self._number = form, start, number
        self._fresh = form.lines(stream)
        self._again: deque[str] = deque()
        self._size = 0

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._fresh)
        self.taken.append(line)
        self._size += len(line)
        if self._size >= MAX_ROW:
            raise RowTooLong(f"no end within {MAX_ROW} bytes")
        return line

    def commit(self, count: int) -> tuple[int, int, int]:
        """Put back all lines taken but the first `count`; return number, start and size of those."""
        size = sum(self._form.size(self.taken.popleft()) for _ in range(count))
        place = (self._number, self._start, size)
        self._number += count
        self._start += size
        self._again.extendleft(reversed(self.taken))
        self.taken.clear()
        self._size = 0
        return place
