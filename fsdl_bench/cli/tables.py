"""Print tables for the terminal, markdown for the documentation, and JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDE = 200  # columns of a table in a file or pipe, where no text needs to be cut


def print_table(table: Table) -> None:
    """Print a table to standard output."""
    console = Console(soft_wrap=False)
    if not console.is_terminal:
        console = Console(width=_WIDE)
    console.print(table)


def print_json(value: Any) -> None:
    """Print JSON to standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def table_of(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Return a table in which columns of numbers are aligned to the right."""
    cells = [list(row) for row in rows]
    table = Table(title=Text(title), title_justify="left", title_style="bold")
    for index, column in enumerate(columns):
        numeric = all(isinstance(row[index], int | float | None) for row in cells)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        table.add_row(*(Text(_cell(cell)) for cell in row))  # rich reads brackets in a str as markup
    return table


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return the rows as a markdown table."""
    lines = [columns, ["---"] * len(columns), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: object) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int | float) else str(value)
