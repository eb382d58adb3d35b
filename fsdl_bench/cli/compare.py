"""The command `compare`: paired differences between results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fsdl_bench.comparison import Compared, Comparison


@click.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--shots", type=click.IntRange(0), help="Number of support songs. [default: the headline shot]")
@click.option("--against", metavar="NAME", help="Take differences to this result. [default: the best]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print a markdown table.")
def compare(
    results: tuple[Path, ...], shots: int | None, against: str | None, as_json: bool, as_markdown: bool
) -> None:
    """Compare RESULTS (.json files) of one track and protocol, best first.

    Differences are paired by artist and have 95% intervals. The p-values come from the sign-flip test, with
    Holm's correction.
    """
    from fsdl_bench import comparison
    from fsdl_bench.cli.tables import markdown_table, print_table, table_of
    from fsdl_bench.results import read_result

    found = comparison.compare([read_result(path) for path in results], shots=shots, against=against)
    if as_json:
        click.echo(found.model_dump_json(indent=2))
        return
    columns, rows = _columns(found), [_cells(result) for result in found.results]
    if as_markdown:
        click.echo(markdown_table(columns, rows))
    else:
        title = f"{found.track}, {found.protocol}, {found.shots} shots, {found.artists} artists"
        print_table(table_of(title, columns, rows))
        click.echo(
            "Differences: + is worse. * tied with the best: not significantly worse at 5% after Holm's "
            "correction."
        )


def _columns(found: Comparison) -> list[str]:
    unit = "bits/byte" if found.unit == "byte" else "nats/note"
    return ["model", unit, "", f"minus {found.reference}", "p", "gain over 0 shots", "wrong - right artist"]


def _cells(result: Compared) -> list[str]:
    return [
        result.name,
        ("" if result.exact else "<= ") + result.nll.text(),
        "*" if result.tied else "",
        result.difference.text(sign=True) if result.difference else "",
        f"{result.p:.2g}" if result.p is not None else "",
        result.gain.text(sign=True) if result.gain else "",
        result.control_gain.text(sign=True) if result.control_gain else "",
    ]


COMMANDS = (compare,)
