"""Spill: columns of records that are written to disk, in parts, once they exceed a buffer in memory.

    spill.add(keys, values) ... for keys, values in spill.parts(): ...

Each part holds all records of the keys in it. If all records fit in the buffer, there is one
part and no file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[Any]

PARTS = 256
BUFFER_BYTES = 1 << 25
"""Records held in memory before they are written. Writing takes about four times as much."""


class Spill:
    """Records as parallel columns.

    Args:
        folder: the folder of the files, created when the first is written.
        name: the prefix of the files' names.
        dtypes: the types of the columns; the first column is the key.
        part_of: returns for each key the number of its part, below `PARTS`.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        dtypes: tuple[npt.DTypeLike, ...],
        part_of: Callable[[Column], npt.NDArray[np.uint8]],
    ) -> None:
        self._folder = folder
        self._name = name
        self._dtypes = [np.dtype(dtype) for dtype in dtypes]
        self._part_of = part_of
        self._held: list[list[Column]] = [[] for _ in dtypes]
        self._bytes = 0
        self._spilled = False

    def add(self, *columns: Column) -> None:
        """Add records."""
        for held, column, dtype in zip(self._held, columns, self._dtypes, strict=True):
            held.append(column.astype(dtype, copy=False))
            self._bytes += held[-1].nbytes
        if self._bytes > BUFFER_BYTES:
            self._flush()

    def parts(self) -> Iterator[tuple[Column, ...]]:
        """Yield the columns part by part, records in the order of `add`. The files are removed."""
        if not self._spilled:
            yield self._take()
            return
        self._flush()
        for part in range(PARTS):
            yield tuple(self._read(part, number) for number in range(len(self._dtypes)))

    def _take(self) -> tuple[Column, ...]:
        columns = tuple(
            np.concatenate([np.empty(0, dtype), *held])
            for held, dtype in zip(self._held, self._dtypes, strict=True)
        )
        for held in self._held:
            held.clear()
        self._bytes = 0
        return columns

    def _flush(self) -> None:
        self._spilled = True
        self._folder.mkdir(parents=True, exist_ok=True)
        columns = self._take()
        parts = self._part_of(columns[0])
        order = np.argsort(parts, kind="stable")
        ends = np.searchsorted(parts[order], np.arange(1, PARTS, dtype=np.uint8))
        for number, column in enumerate(columns):
            for part, piece in enumerate(np.split(column[order], ends)):
                with self._path(part, number).open("ab") as stream:
                    stream.write(piece.data)

    def _read(self, part: int, number: int) -> Column:
        path = self._path(part, number)
        column = np.fromfile(path, self._dtypes[number])
        path.unlink()
        return column

    def _path(self, part: int, number: int) -> Path:
        return self._folder / f"{self._name}-{part:02d}-{number}.bin"
