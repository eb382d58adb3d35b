"""Watch which files a submission uses through Python: forbid the songs' files, and record the others.

    with watched([songs]): ...          opening or listing a file there is a breach of the rules
    with recording(recorder): ...       `recorder.opened`, `.listed`, `.looked_up`, `.written` are called

The watch is an audit hook (https://peps.python.org/pep-0578). It sees files that are opened or listed through
Python. Python raises no audit event for `os.stat`, so the functions behind `exists()` are wrapped while a
recording is on. Neither sees what a library opens by itself in C, C++ or Rust.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from fsdl_bench.errors import RuleBreach

_LISTINGS = ("os.listdir", "os.scandir")
_OPENINGS = ("open", "sqlite3.connect", "ctypes.dlopen")
_CHANGES = {
    "os.rename": (0, 1),
    "os.remove": (0,),
    "os.rmdir": (0,),
    "os.mkdir": (0,),
    "os.truncate": (0,),
    "os.link": (1,),
    "os.symlink": (1,),
}
"""Events that change a folder's files, and which of their arguments are the paths that change."""

_LOOKUPS = [(os, name) for name in ("stat", "lstat", "access")] + [
    # Python functions that call `os.stat`, except on Windows from Python 3.12 on
    (os.path, name)
    for name in ("exists", "lexists", "isfile", "isdir")
    if not hasattr(getattr(os.path, name), "__code__")
]


_PATHS = ("os", "posixpath", "ntpath", "genericpath", "pathlib", "glob")
"""Modules that look paths up for others."""


class Recorder(Protocol):
    """Is told the paths that a submission uses, as the submission gave them."""

    def opened(self, path: str) -> None:
        """A file is about to be opened for reading."""
        ...

    def listed(self, path: str) -> None:
        """The names in a folder are about to be read."""
        ...

    def looked_up(self, path: str, by: str) -> None:
        """Whether a path exists, and what it is, is about to be asked by the code in file `by`."""
        ...

    def written(self, path: str) -> None:
        """A path is about to be written, made, renamed or removed."""
        ...


class _Watch:
    """The state of the one audit hook of the process; Python cannot remove an audit hook."""

    def __init__(self) -> None:
        self.installed = False
        self.busy = False
        self.forbidden: Callable[[str], bool] | None = None
        self.met: list[str] = []
        self.recorders: list[Recorder] = []

    def install(self) -> None:
        if not self.installed:
            sys.addaudithook(self.hook)
            self.installed = True

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        if self.busy or (self.forbidden is None and not self.recorders):
            return
        reads = event in _OPENINGS or event in _LISTINGS
        if not reads and event not in _CHANGES:
            return
        self.busy = True  # resolving and recording a path must not come back here
        try:
            if reads and self.forbidden is not None and (path := _path(args, 0)) is not None:
                self.refuse(os.path.realpath(path))
            if self.recorders:
                self.record(event, args)
        finally:
            self.busy = False

    def refuse(self, path: str) -> None:
        if self.forbidden is not None and self.forbidden(path):
            self.met.append(path)
            raise PermissionError(f"{path} holds songs that a submission may not read")

    def record(self, event: str, args: tuple[Any, ...]) -> None:
        recorder = self.recorders[-1]
        if event in _LISTINGS:
            if _caller().startswith(("importlib", "_frozen_importlib")):
                return  # the search for modules lists every folder on the path
            if not args or args[0] is None:
                recorder.listed(".")
            elif (folder := _path(args, 0)) is not None:
                recorder.listed(folder)
            return
        for position in _CHANGES.get(event, (0,)):
            path = _path(args, position)
            if path is None:
                continue
            flags = args[2] if event == "open" and len(args) > 2 and isinstance(args[2], int) else 0
            if event in _CHANGES or flags & (os.O_WRONLY | os.O_RDWR):
                recorder.written(path)
            elif event != "ctypes.dlopen" or os.sep in path:  # else a library's name, found by the system
                recorder.opened(path)
            if flags & os.O_RDWR and not flags & (os.O_TRUNC | os.O_EXCL):
                recorder.opened(path)

    def look_up(self, path: Any) -> None:
        if self.busy or not self.recorders or not isinstance(path, str | bytes | os.PathLike):
            return
        self.busy = True
        try:
            frame = _frame(lambda name: name == __name__ or name.split(".")[0] in _PATHS)
            self.recorders[-1].looked_up(os.fsdecode(path), frame.f_code.co_filename if frame else "")
        finally:
            self.busy = False


_watch = _Watch()


@contextmanager
def watched(roots: Sequence[Path], allowed: Sequence[str] = ()) -> Iterator[None]:
    """While the block runs, files under `roots` may not be opened or listed through Python.

    Args:
        roots: folders that hold songs, as `Path.resolve` gives them.
        allowed: beginnings of file names that are exempt, such as "train".

    Raises:
        RuleBreach: the block tried to, whether or not it caught the error.
    """
    if not roots:
        yield
        return
    _watch.install()
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


@contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """Tell `recorder` which files the block uses through Python; of nested recorders only the inner one."""
    _watch.install()
    if not _watch.recorders:
        for owner, name in _LOOKUPS:
            setattr(owner, name, _wrapped(owner, name))
    _watch.recorders.append(recorder)
    try:
        yield
    finally:
        _watch.recorders.pop()
        if not _watch.recorders:
            for owner, name in _LOOKUPS:
                setattr(owner, name, _wrapped(owner, name).__wrapped__)


@functools.cache
def _wrapped(owner: Any, name: str) -> Any:
    """The function that is put in the place of a lookup; it must pass for the original one."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def lookup(path: Any, *args: Any, **kwargs: Any) -> Any:
        _watch.look_up(path)
        return original(path, *args, **kwargs)

    for capable in (
        os.supports_fd,
        os.supports_dir_fd,
        os.supports_follow_symlinks,
        os.supports_effective_ids,
    ):
        if original in capable:  # `shutil` asks whether `os.stat` is among them
            capable.add(lookup)
    return lookup


def _path(args: tuple[Any, ...], position: int) -> str | None:
    """An argument of an audit event as a path; None if it is a file descriptor or missing."""
    place = args[position] if len(args) > position else None
    return os.fsdecode(place) if isinstance(place, str | bytes | os.PathLike) else None


@contextmanager
def unrecorded() -> Iterator[None]:
    """Record nothing within the block: for files that the harness itself reads."""
    kept, _watch.recorders = _watch.recorders, []
    try:
        yield
    finally:
        _watch.recorders = kept


def recorder() -> Recorder | None:
    """Return the recorder that is told at present."""
    return _watch.recorders[-1] if _watch.recorders else None


def _frame(skipped: Callable[[str], bool]) -> FrameType | None:
    """The innermost frame of a module that is not skipped."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and skipped(str(frame.f_globals.get("__name__"))):
        frame = frame.f_back
    return frame


def _caller() -> str:
    """The module whose call raised the audit event."""
    frame = _frame(lambda name: name == __name__)
    return str(frame.f_globals.get("__name__")) if frame else ""
