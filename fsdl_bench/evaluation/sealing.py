"""Against tampering in the harness's own process: a seal on the scorer, and a watch on the songs' files.

Code in the same process can in the end do anything, so this finds what is done plainly: functions of the
harness, of torch, of numpy or of Python itself that were replaced, a torch mode that was left on, and files
of the track that were opened or listed through Python. What it cannot see (a library that opens files itself,
a look into the harness's frames) only a process of its own keeps out: see `isolation`.
"""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import torch

from fsdl_bench.evaluation.scoring import RuleBreach

_OURS = ("fsdl_bench.evaluation", "fsdl_bench.results", "fsdl_bench.statistics")
_TORCH = ("from_numpy", "empty", "Tensor", "tensor", "no_grad", "enable_grad")
_TENSOR = (
    "to",
    "gather",
    "copy_",
    "sub_",
    "amax",
    "exp_",
    "sum",
    "log_",
    "cpu",
    "numpy",
    "detach",
    "as_subclass",
    "contiguous",
    "shape",
    "dtype",
)
_BUILTINS = (
    "abs",
    "enumerate",
    "float",
    "int",
    "isinstance",
    "len",
    "max",
    "min",
    "range",
    "sum",
    "tuple",
    "zip",
)
_NUMPY = ("concatenate", "isfinite", "zeros", "flatnonzero", "asarray", "minimum", "log", "exp", "abs")


class Seal:
    """What the harness's arithmetic consists of, remembered before a submission is loaded."""

    def __init__(self) -> None:
        self._parts = dict(_parts())

    def check(self) -> None:
        """Raise `RuleBreach` if anything is not what it was."""
        now = dict(_parts())
        changed = [name for name, part in self._parts.items() if now.get(name) != part]
        if changed:
            raise RuleBreach("scorer", f"While the submission ran, {changed[0]} was replaced.")
        if torch._C._len_torch_function_stack() or torch._C._len_torch_dispatch_stack():
            raise RuleBreach("scorer", "The submission left a mode on that changes what torch computes.")


def _parts() -> Iterator[tuple[str, Any]]:
    """Names, and what may not change under them."""
    for owner, names in ((torch, _TORCH), (torch.Tensor, _TENSOR), (np, _NUMPY), (builtins, _BUILTINS)):
        for name in names:
            yield f"{owner.__name__}.{name}", getattr(owner, name)
    for name, module in list(sys.modules.items()):
        if name.startswith(_OURS):
            for key, value in list(vars(module).items()):
                yield f"{name}.{key}", value if isinstance(value, int | float | type) else id(value)
                yield from _code(f"{name}.{key}", value)


def _code(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, FunctionType):
        yield f"{name}.__code__", (value.__code__, value.__defaults__, id(value.__kwdefaults__))
    elif isinstance(value, type) and value.__module__.startswith(_OURS):
        for key, method in list(vars(value).items()):
            if isinstance(method, FunctionType | property):
                yield f"{name}.{key}", method
                yield from _code(f"{name}.{key}", method)


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
