"""Progress bars on stderr: what is done, how fast, and how long it will take."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

LOG_SECONDS = 30.0
"""How often a bar writes a line where stderr is no terminal, such as a cluster's log."""


def bar(
    what: str,
    unit: str,
    shown: bool,
    items: Iterable[Any] | None = None,
    *,
    total: int | None = None,
    done: int = 0,
) -> Any:
    """A tqdm bar over `items`, or one that the caller moves on with `update`.

    Args:
        what: the work, in the progressive ("reading").
        unit: of what is counted.
        shown: false for none.
        items: what is gone through.
        total: how many there are, where `items` cannot tell.
        done: how many of the total were done before.
    """
    from tqdm import tqdm

    every = 0.1 if sys.stderr.isatty() else LOG_SECONDS
    return tqdm(
        items,
        desc=what,
        total=total,
        initial=done,
        unit=unit,
        leave=False,
        disable=not shown,
        mininterval=every,
        maxinterval=every,
    )


def note(message: str, shown: bool) -> None:
    """A line above the bars."""
    from tqdm import tqdm

    if shown:
        tqdm.write(message, file=sys.stderr)
