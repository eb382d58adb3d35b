"""A seal on the scorer, against tampering in the harness's own process.

It finds functions of the harness, torch, numpy or Python that were replaced, and a torch mode that was left
on. Code in the same process can do more than that: read the harness's frames, or open files from a library
(see `submissions.watch` for files opened through Python). Only a separate process prevents it; see
`submissions.box`.
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
    """Remembers the parts of the harness's arithmetic before a submission is loaded."""

    def __init__(self) -> None:
        self._parts = dict(_parts())

    def check(self) -> None:
        """Raise `RuleBreach` if a part was replaced or a torch mode is on."""
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
