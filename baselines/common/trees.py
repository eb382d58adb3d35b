"""Nested states: tuples, named tuples, lists and dicts of tensors, or None."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from torch import Tensor

Tree = Any
"""A tensor, None, or a tuple, named tuple, list or dict of trees."""


def tree_map(function: Callable[..., Tensor], tree: Tree, *others: Tree) -> Tree:
    """Return a tree of the same shape with `function` applied to corresponding tensors of all trees.

    Raises:
        TypeError: the tree holds something else.
    """
    if tree is None:
        return None
    if isinstance(tree, Tensor):
        return function(tree, *others)
    if isinstance(tree, dict):
        return {name: tree_map(function, tree[name], *(other[name] for other in others)) for name in tree}
    if isinstance(tree, (tuple, list)):
        parts = [tree_map(function, *group) for group in zip(tree, *others, strict=True)]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    raise TypeError(f"state: expected tensors in tuples, lists or dicts, found {type(tree).__name__}")


def leaves(tree: Tree) -> list[Tensor]:
    """Return the tensors of a tree, in a fixed order."""
    found: list[Tensor] = []

    def keep(leaf: Tensor) -> Tensor:
        found.append(leaf)
        return leaf

    tree_map(keep, tree)
    return found


def with_leaves(tree: Tree, tensors: Iterable[Tensor]) -> Tree:
    """Return a tree of the same shape with other tensors, in the order of `leaves`."""
    given: Iterator[Tensor] = iter(tensors)
    return tree_map(lambda _: next(given), tree)


def detach(tree: Tree) -> Tree:
    """Return the state without its history, for truncated backpropagation."""
    return tree_map(Tensor.detach, tree)


def repeat_interleaved(tree: Tree, count: int) -> Tree:
    """Return tensors [B, ...] with each row `count` times in a row: [B count, ...]."""
    return tree_map(lambda part: part.repeat_interleave(count, dim=0), tree)


def repeat_rows(tree: Tree, rows: int) -> Tree:
    """Return a state of one row, each tensor [1, ...], for several rows: [rows, ...]."""
    return tree_map(lambda part: part.expand(rows, *part.shape[1:]).contiguous(), tree)
