"""The progress bar of a run, on standard error: cells scored, time left, the NLL so far."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar


class Progress:
    """A context manager; with `shown` false it only prints what is logged.

    Args:
        title: what is evaluated.
        total: how many steps there are.
        done: how many of them an earlier run made.
        shown: whether to draw the bar.
    """

    def __init__(self, title: str, total: int, done: int, shown: bool) -> None:
        self._console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self._bar = Bar(*columns, console=self._console, disable=not shown, transient=True)
        self._task = self._bar.add_task(title, total=total, completed=done, note="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def advance(self, note: str) -> None:
        """One step is done; `note` stands at the end of the line."""
        self._bar.update(self._task, advance=1, note=note)

    def log(self, message: object) -> None:
        """Print a line above the bar."""
        self._console.print(str(message), markup=False, highlight=False)
