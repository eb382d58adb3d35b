"""The files that a submission uses besides its code, so that a cached fit is never reused after one changed.

A `Tracker` records what the submission opens, lists and looks up. `inputs` returns it with the state in which
the submission met it:

    file      a hash of the content, or "absent"
    listing   a hash of the names in a folder, or "absent"
    lookup    "file", "folder", "other" or "absent", as `exists()` or `stat()` found it

A file that changed between its first use and the moment of recording gets a state that never matches, unless
the submission itself wrote it. Python's installation, the system's files, this package and the harness's own
folders (whose content has digests and checksums of its own) are not recorded.
"""

from __future__ import annotations

import os
import site
import stat
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from importlib.util import source_from_cache
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from fsdl_bench import fingerprint
from fsdl_bench.paths import home

Kind: TypeAlias = Literal["file", "listing", "lookup"]

ABSENT = "absent"
UNREADABLE = "unreadable"
UNSTABLE = "changed while it was in use"

_SYSTEM = (
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/sbin",
    "/etc",
    "/proc",
    "/sys",
    "/dev",
    "/nix",
    "/System",
    "/Library",
)
_HARNESS = ("tracks", "sources", "converted", "fits", "parts", "runs")


class Input(BaseModel):
    """One file or folder that a submission used, and the state that it found.

    Attributes:
        path: absolute, as the submission named it (symbolic links are not resolved).
        kind: how it was used.
        state: see the module's docstring.
    """

    model_config = ConfigDict(frozen=True)

    path: str
    kind: Kind
    state: str

    @property
    def change(self) -> str:
        """How the file differs from the recorded state, such as "changed"; "" if it does not."""
        now = _state(self.path, self.kind)
        if now == self.state:
            return ""
        if now == ABSENT:
            return "is missing"
        if self.state == ABSENT:
            return "is new"
        return "changed"


def first_change(inputs: Iterable[Input]) -> str:
    """Return the first input that differs from its recorded state, as "PATH changed"; "" if none does."""
    return next((f"{one.path} {change}" for one in inputs if (change := one.change)), "")


class Tracker:
    """Records the inputs of one submission; a `Recorder` for `watch.recording`.

    Args:
        own: the submission's folder; recorded even inside Python's installation.
        ignored: more folders that are not recorded.
        known: inputs that are already recorded.
    """

    def __init__(self, own: Path | None, ignored: Sequence[Path] = (), known: Iterable[Input] = ()) -> None:
        self._recorded = {_prefix(place): False for place in [*_python(), *map(Path, _SYSTEM)]}
        self._recorded |= {_prefix(Path("/dev/shm")): True}
        if own is not None:
            self._recorded |= {_prefix(own): True}
        own_folders = [*(home() / name for name in _HARNESS), fingerprint.PACKAGE, *ignored]
        self.ignore(*own_folders)
        self._known = {(one.path, one.kind): one for one in known}
        self._met: dict[tuple[str, Kind], str] = {}
        self._written: set[str] = set()

    def ignore(self, *folders: Path) -> None:
        """Do not record what is used below these folders from now on."""
        for folder in folders:
            self._recorded |= {_prefix(folder): False, _prefix(Path(os.path.realpath(folder))): False}

    def opened(self, path: str) -> None:
        """Record a file that is read; for Python's bytecode the source that it was compiled from."""
        if path.endswith(".pyc"):
            try:
                path = source_from_cache(path)
            except ValueError:
                return
        self._meet(path, "file")

    def listed(self, path: str) -> None:
        """Record the names in a folder."""
        self._meet(path, "listing")

    def looked_up(self, path: str, by: str) -> None:
        """Record whether a path exists if the submission's own code asks; libraries look up too much."""
        if not by.startswith("<") and self.counts(_absolute(by)):
            self._meet(path, "lookup")

    def written(self, path: str) -> None:
        """Remember that the submission wrote this path itself."""
        self._written.add(_absolute(path))

    def add(self, inputs: Iterable[Input]) -> None:
        """Record what was found by another tracker."""
        for one in inputs:
            self._known.setdefault((one.path, one.kind), one)

    def inputs(self) -> tuple[Input, ...]:
        """Return everything that was used so far, each with the state in which the submission left it."""
        self.news()
        files = {path for path, kind in self._known if kind != "lookup"}
        return tuple(one for one in self._known.values() if one.kind != "lookup" or one.path not in files)

    def news(self) -> tuple[Input, ...]:
        """Return what was used since the last call of this method or of `inputs`."""
        found = []
        for (path, kind), met in self._met.items():
            state = _state(path, kind)
            own = path in self._written or self._made_here(path, kind, met)
            if not own and _glance(path, kind) != met:
                state = UNSTABLE
            if state == UNREADABLE:  # in a locked process; what it could not read did not matter
                kind, state = "lookup", _state(path, "lookup")
            found.append(Input(path=path, kind=kind, state=state))
        self._known |= {(one.path, one.kind): one for one in found}
        self._met.clear()
        return tuple(found)

    def _meet(self, path: str, kind: Kind) -> None:
        path = _absolute(path)
        if (path, kind) in self._met or (path, kind) in self._known or not self.counts(path):
            return
        if kind == "file" and not _regular(path):
            kind = "lookup"
        self._met.setdefault((path, kind), _glance(path, kind))

    def counts(self, path: str) -> bool:
        """Return whether a path is recorded: the longest known folder around it decides."""
        lexical = os.path.normpath(path) + os.sep
        around = [folder for folder in self._recorded if lexical.startswith(folder)]
        return not around or self._recorded[max(around, key=len)]

    def _made_here(self, path: str, kind: Kind, met: str) -> bool:
        """Whether a listing differs only by files that the submission itself wrote."""
        if kind != "listing" or ABSENT in (met, now := _glance(path, kind)):
            return False
        changed = set(met.split("\0")) ^ set(now.split("\0"))
        return all(str(Path(path, name)) in self._written for name in changed)


def _glance(path: str, kind: Kind) -> str:
    """A state that is quick to take: of a file its size and time, of a folder its names."""
    if kind == "listing":
        return _names(path)
    if kind == "lookup":
        return _state(path, kind)
    try:
        found = Path(path).stat()
    except OSError:
        return ABSENT
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns}"


def _state(path: str, kind: Kind) -> str:
    if kind == "listing":
        names = _names(path)
        return names if names == ABSENT else fingerprint.key(names)
    try:
        if kind == "file":
            return fingerprint.content(Path(path))
        mode = Path(path).stat().st_mode
    except FileNotFoundError:
        return ABSENT
    except OSError:
        return UNREADABLE
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "other"


def _names(path: str) -> str:
    try:
        return "\0".join(sorted(one.name for one in Path(path).iterdir() if one.name != "__pycache__"))
    except OSError:
        return ABSENT


def _regular(path: str) -> bool:
    """Whether a file can be hashed; pipes and devices cannot."""
    try:
        return stat.S_ISREG(Path(path).stat().st_mode)
    except OSError:
        return False


def _absolute(path: str) -> str:
    return str(Path(path).absolute())  # not normalised: `a/../b` differs from `b` behind a link


def _prefix(folder: Path) -> str:
    return os.path.normpath(folder.absolute()).rstrip(os.sep) + os.sep


def _python() -> list[Path]:
    """The folders of Python and of installed packages."""
    places = [sys.prefix, sys.base_prefix, sys.exec_prefix, *sysconfig.get_paths().values()]
    return [Path(place) for place in [*places, *site.getsitepackages(), site.getusersitepackages()] if place]
