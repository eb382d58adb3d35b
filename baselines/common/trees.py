"""Apply a function to every tensor of a nested state: tuples, lists and dicts of tensors, or None."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

Tree = Any
"""A tensor, None, or a tuple, list or dict of trees."""


def tree_map(function: Callable[[Tensor], Tensor], tree: Tree) -> Tree:
    """Return a tree of the same shape with `function` applied to each tensor.

    Raises:
        TypeError: the tree holds something else.
    """
    if tree is None:
        return None
    if isinstance(tree, Tensor):
        return function(tree)
    if isinstance(tree, (tuple, list)):
        return type(tree)(tree_map(function, part) for part in tree)
    if isinstance(tree, dict):
        return {name: tree_map(function, part) for name, part in tree.items()}
    raise TypeError(f"state: expected tensors in tuples, lists or dicts, found {type(tree).__name__}")


def detach(tree: Tree) -> Tree:
    """Return the state without its history, for truncated backpropagation."""
    return tree_map(Tensor.detach, tree)


def repeat_rows(tree: Tree, rows: int) -> Tree:
    """Return a state of one row, each tensor [1, ...], for several rows: [rows, ...]."""
    return tree_map(lambda part: part.expand(rows, *part.shape[1:]).contiguous(), tree)
