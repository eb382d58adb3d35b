"""Progress bars and messages on standard error. Every part of the package uses these two functions.

with bar("scoring", "cell", shown, total=90, done=30) as progress:
    note("going on from an earlier run", shown)       a line above the bar
    progress.update(1)                                one unit is done
    progress.set_postfix_str("1.234 nats")            text at the end of the bar
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

LOG_SECONDS = 30.0
"""How often a bar writes a line if standard error is not a terminal, as in a cluster's log."""


def bar(
    what: str,
    unit: str,
    shown: bool,
    items: Iterable[Any] | None = None,
    *,
    total: int | None = None,
    done: int = 0,
) -> Any:
    """Return a tqdm bar: an iterable over `items`, or a context manager that is moved with `update(n)`.

    Args:
        what: the work, in the progressive ("reading").
        unit: what is counted, in the singular ("song").
        shown: whether to draw the bar.
        items: what to iterate over.
        total: the number of units, if `items` has no length.
        done: how many of the total an earlier run has done.
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


def note(message: str, shown: bool = True) -> None:
    """Print a line on standard error, above all bars."""
    from tqdm import tqdm

    if shown:
        tqdm.write(message, file=sys.stderr)


def log(message: object) -> None:
    """Print a line on standard error, whatever it is."""
    note(str(message), True)
