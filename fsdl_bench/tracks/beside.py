"""A file beside a split's shards: one row per song, in their order, and no part of the digest."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from fsdl_bench.errors import BadInput


class Beside:
    """A Parquet file that is verified and read when its table is first asked for.

    Args:
        path: the file.
        sha256: of its content.
    """

    def __init__(self, path: Path, sha256: str) -> None:
        self.path, self._sha256 = path, sha256

    @cached_property
    def table(self) -> pa.Table:
        """All rows.

        Raises:
            BadInput: the file is missing or damaged.
        """
        import pyarrow.parquet as pq

        data = self.path.read_bytes() if self.path.is_file() else b""
        if hashlib.sha256(data).hexdigest() != self._sha256:
            raise BadInput(f"{self.path} is missing, damaged or of another build; build the track again")
        return pq.read_table(pa.BufferReader(data))

    def __reduce__(self) -> tuple[Any, ...]:
        return Beside, (self.path, self._sha256)
