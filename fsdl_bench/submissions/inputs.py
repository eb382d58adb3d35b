"""The files that a submission uses besides its code, so that a cached fit is never reused after one changed.

A `Tracker` records what the submission opens, lists and looks up. `inputs` returns it with the state in which
the submission met it:

    file      a hash of the content, or "absent"
    listing   a hash of the names in a folder, or "absent"
    lookup    "file", "folder", "other" or "absent", as `exists()` or `stat()` found it

A file that changed between its first use and the moment of recording gets a state that never matches, unless
the submission itself wrote it. Python's installation, the system's files, the code
of this package and the harness's own folders (which have digests and checksums) are not recorded.
"""

from __future__ import annotations

import json
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

    def change(self, *, quick: bool = False) -> str:
        """Return how the file differs from the recorded state, such as "changed"; "" if it does not.

        Args:
            quick: the recorded state is one of `Tracker.write_into`.
        """
        now = (_glance if quick else _state)(self.path, self.kind)
        if now == self.state:
            return ""
        if now == ABSENT:
            return "is missing"
        if self.state == ABSENT:
            return "is new"
        return "changed"


def first_change(inputs: Iterable[Input], *, quick: bool = False) -> str:
    """Return the first input that differs from its recorded state, as "PATH changed"; "" if none does."""
    return next((f"{one.path} {change}" for one in inputs if (change := one.change(quick=quick))), "")


class Tracker:
    """Records the inputs of one submission; a `Recorder` for `watch.recording`.

    Args:
        own: the submission's folder; recorded even inside Python's installation.
        ignored: more folders that are not recorded.
        known: inputs that are already recorded.

    Attributes:
        reused: the processor time of each training that was reused, by a name of its own.
    """

    def __init__(self, own: Path | None, ignored: Sequence[Path] = (), known: Iterable[Input] = ()) -> None:
        self._recorded = {_prefix(place): False for place in [*_python(), *map(Path, _SYSTEM)]}
        self._recorded |= {_prefix(Path("/dev/shm")): True}
        if own is not None:
            self._recorded |= {_prefix(own): True}
        own_folders = [*(home() / name for name in _HARNESS), fingerprint.PACKAGE, *ignored]
        self.ignore(*own_folders)
        self._recorded |= {_prefix(fingerprint.PRETRAINED): True}
        self._known = {(one.path, one.kind): one for one in known}
        self._met: dict[tuple[str, Kind], str] = {}
        self._written: set[str] = set()
        self._list: Path | None = None
        self._elsewhere = True
        self.reused: dict[str, float] = {}

    def ignore(self, *folders: Path) -> None:
        """Do not record what is used below these folders from now on."""
        for folder in folders:
            self._recorded |= {_prefix(folder): False, _prefix(Path(os.path.realpath(folder))): False}

    def only(self, *places: Path) -> None:
        """Record only what is used below these places: for a process in which nothing else exists."""
        self._elsewhere = False
        self._recorded |= {_prefix(place): True for place in places}
        self._known = {key: one for key, one in self._known.items() if self.counts(one.path)}

    def write_into(self, path: Path) -> None:
        """Append every input to a file as soon as it is met, for the case that this process is killed.

        A line is a JSON list: path, kind, and a state that is quick to take (of a file its size and time);
        the kind is "written" if the submission wrote the file itself.
        """
        self._list = path
        path.touch()
        for name, kind in [*self._known, *self._met]:
            self._append(name, kind)

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
        path = _absolute(path)
        self._written.add(path)
        if {(path, "file"), (path, "lookup")} & self._met.keys():
            self._append(path, "written")

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
        if (path, kind) not in self._met:
            self._met[path, kind] = _glance(path, kind)
            self._append(path, kind)

    def _append(self, path: str, kind: Kind | Literal["written"]) -> None:
        if self._list is not None:
            state = "" if kind == "written" else _glance(path, kind)
            with self._list.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps([path, kind, state]) + "\n")

    def counts(self, path: str) -> bool:
        """Return whether a path is recorded: the longest known folder around it decides."""
        lexical = os.path.normpath(path) + os.sep
        around = [folder for folder in self._recorded if lexical.startswith(folder)]
        return self._recorded[max(around, key=len)] if around else self._elsewhere

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
