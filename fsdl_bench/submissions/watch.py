"""Watch which files a submission opens through Python while it runs in the harness's own process.

The watch is an audit hook. It sees files that are opened or listed through Python, and nothing that a library
opens by itself. Only a separate process keeps those out: see `box`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fsdl_bench.errors import RuleBreach


class _Watch:
    """The one audit hook of the process; Python has no way to take one out again."""

    def __init__(self) -> None:
        self.installed = False
        self.forbidden: Callable[[str], bool] | None = None
        self.met: list[str] = []

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        if self.forbidden is None or event not in ("open", "os.listdir", "os.scandir"):
            return
        place = args[0] if args else None
        if not isinstance(place, str | bytes | os.PathLike):
            return
        forbidden, self.forbidden = self.forbidden, None  # resolving a path must not come back here
        try:
            path = os.path.realpath(os.fsdecode(place))
            if forbidden(path):
                self.met.append(path)
                raise PermissionError(f"{path} holds songs that a submission may not read")
        finally:
            self.forbidden = forbidden


_watch = _Watch()


@contextmanager
def watched(roots: Sequence[Path], allowed: Sequence[str] = ()) -> Iterator[None]:
    """While the block runs, files under `roots` may not be opened or listed through Python.

    Args:
        roots: folders that hold songs, as `Path.resolve` gives them.
        allowed: beginnings of file names that are exempt, such as "train".

    Raises:
        RuleBreach: the block tried to, whether or not it caught the error that it met.
    """
    if not roots:
        yield
        return
    if not _watch.installed:
        sys.addaudithook(_watch.hook)
        _watch.installed = True
    folders = [str(root) for root in roots]

    def forbidden(path: str) -> bool:
        inside = any(path == folder or path.startswith(folder + os.sep) for folder in folders)
        return inside and not (allowed and Path(path).name.startswith(tuple(allowed)))

    _watch.met.clear()
    _watch.forbidden = forbidden
    try:
        yield
    finally:
        _watch.forbidden = None
        if _watch.met:
            raise RuleBreach("sealed songs", f"The submission tried to read {_watch.met[0]}.")
