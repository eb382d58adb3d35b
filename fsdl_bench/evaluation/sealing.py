"""A seal on the scorer, against tampering in the harness's own process.

Code in the same process can in the end do anything, so this finds what is done plainly: functions of the
harness, of torch, of numpy or of Python itself that were replaced, a torch mode that was left on, and files
of the track that were opened or listed through Python. What it cannot see (a library that opens files itself,
a look into the harness's frames) only a process of its own keeps out: see `isolation`.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import numpy as np
import torch

from fsdl_bench.errors import RuleBreach

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
