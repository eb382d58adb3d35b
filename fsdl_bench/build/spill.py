"""Spill: records sorted into parts on disk, so that each part fits in memory later.

spill.add(parts, records)  ...  for part in range(spill.parts): spill.read(part)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Records = npt.NDArray[Any]

PARTS = 64
BUFFER_BYTES = 1 << 27
"""Held in memory before anything is written; a small collection never touches the disk."""


class Spill:
    """Records of one dtype in `PARTS` parts.

    Args:
        folder: where the files go; made when the first is written.
        name: what the files are called.
        dtype: of the records.
    """

    def __init__(self, folder: Path, name: str, dtype: npt.DTypeLike) -> None:
        self._folder = folder
        self._name = name
        self._dtype = np.dtype(dtype)
        self._buffers: list[list[Records]] = [[] for _ in range(PARTS)]
        self._held = 0

    def add(self, parts: npt.NDArray[np.uint8], records: Records) -> None:
        """Put each record into its part, in order."""
        order = np.argsort(parts, kind="stable")
        ends = np.searchsorted(parts[order], np.arange(1, PARTS, dtype=np.uint8))
        for buffer, piece in zip(self._buffers, np.split(records[order], ends), strict=True):
            if len(piece):
                buffer.append(piece)
        self._held += records.nbytes
        if self._held > BUFFER_BYTES:
            self._flush()

    def read(self, part: int) -> Records:
        """All records of a part, in the order in which they came; afterwards the part is empty."""
        path = self._path(part)
        stored = np.fromfile(path, self._dtype) if path.exists() else np.empty(0, self._dtype)
        path.unlink(missing_ok=True)
        held, self._buffers[part] = self._buffers[part], []
        return np.concatenate([stored, *held])

    def _flush(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for part, buffer in enumerate(self._buffers):
            with self._path(part).open("ab") as stream:
                # Through `write`, not `tofile`: the latter hides the reason when the disk is full.
                for piece in buffer:
                    stream.write(piece.data)
            buffer.clear()
        self._held = 0

    def _path(self, part: int) -> Path:
        return self._folder / f"{self._name}-{part:02d}.bin"
