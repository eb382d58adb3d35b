"""The commands `evaluate` and `verify`: evaluate a submission on a track, and verify a result."""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from fsdl_bench.results import Result, ShotSummary, StoredResult


def _numbers(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    try:
        return tuple(int(number) for number in value.split(",")) if value is not None else None
    except ValueError:
        raise click.BadParameter(f"expected numbers such as 0,1,5, found {value!r}", ctx, param) from None


@click.command()
@click.option(
    "--submission",
    required=True,
    metavar="MODEL",
    help="path.py[:Class], package.module:Class or fsdl_bench:MODEL.",
)
@click.option("--track", required=True, help="The name or the folder of a built track.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A constructor argument.")
@click.option("--protocol", type=click.Choice(["independent", "streaming"]), default="independent")
@click.option("--shots", callback=_numbers, metavar="K,K,...", help="Some of the track's support sizes.")
@click.option(
    "--seeds", callback=_numbers, metavar="N,N,...", default="0", help="Fit and score once for each seed."
)
@click.option("--device", default="cpu", help="cpu, cuda, cuda:1, mps.", show_default=True)
@click.option("--split", type=click.Choice(["test", "validation"]), default="test", show_default=True)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Only N episodes: a smoke run, no result.")
@click.option("--refit", is_flag=True, help="Train again: use no weights that ship and no cached fit.")
@click.option("--resume/--restart", default=None, help="Continue an unfinished run, or start over.")
@click.option(
    "--isolate/--in-process",
    default=os.name == "posix",
    help="Run the submission in processes that cannot read the songs (default), or in this one, to debug it.",
)
@click.option(
    "--verified", is_flag=True, help="Reveal each token after its scores; a new process for each cell."
)
@click.option("--alone", is_flag=True, help="With --verified: a new process for each query song.")
@click.option("--workers", type=click.IntRange(1), default=1, help="Cells at a time.", show_default=True)
@click.option("--name", default="", help="The model's name in the result.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="The result's file; by default results/TRACK/NAME.json."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result's JSON.")
def evaluate(as_json: bool, **options: Any) -> None:
    """Evaluate a submission on a track, audit it and write its result.

    Prints the NLL for each number of support songs, with 95% intervals over artists.
    """
    from fsdl_bench.evaluation.runner import evaluate as run

    try:
        with redirect_stdout(sys.stderr):  # keeps what the submission prints out of the JSON
            stored = run(**options)
    except KeyboardInterrupt:
        click.echo("Interrupted. Add --resume to continue this run.", err=True)
        raise click.exceptions.Exit(130) from None
    if as_json:
        click.echo(stored.result.model_dump_json(indent=1))
        return
    _print_table(stored.result)
    _print_standing(stored)
    click.echo(f"Result: {stored.path}")


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--submission", default="", metavar="MODEL", help="Where the submission is now.")
@click.option("--track", default="", help="The name or the folder of the built track.")
@click.option("--workers", type=click.IntRange(1), default=1, help="Cells at a time.", show_default=True)
@click.option("--alone", is_flag=True, help="A new process for each query song.")
@click.option("--resume/--restart", default=None, help="Continue an unfinished run, or start over.")
@click.option("--out", type=click.Path(path_type=Path), help="The verified result's file.")
@click.option("--fresh", is_flag=True, help="Also score it on a synthetic track that nobody has seen.")
@click.option("--by", default="", help="Who verifies: the name for the list of verified results.")
@click.option(
    "--list", "place", type=click.Path(path_type=Path), help="With --by: add the entry to this verified.toml."
)
def verify(result: Path, by: str, place: Path | None, fresh: bool, **options: Any) -> None:
    """Run the submission of a result with reveal scoring, and compare song by song.

    With --by, proposes the entry of the result in the list of verified results. Exits with 1 if a song's nats
    differ by more than rounding explains, or if --fresh shows that it knew the songs of its track.
    """
    from fsdl_bench.evaluation.verify import TOLERANCE
    from fsdl_bench.evaluation.verify import verify as run

    try:
        with redirect_stdout(sys.stderr):
            found = run(result, **options)
    except KeyboardInterrupt:
        click.echo("Interrupted. Add --resume to continue this run.", err=True)
        raise click.exceptions.Exit(130) from None
    _print_table(found.verified.result)
    click.echo(f"Result: {found.verified.path}")
    click.echo(
        f"{found.songs:,} songs compared; the largest difference is {found.largest:.1e} nats per token "
        f"({found.where})."
    )
    if not found.holds:
        click.echo(f"{found.differing:,} songs differ by more than {TOLERANCE:g} nats per token.")
        raise click.exceptions.Exit(1)
    if fresh:
        _verify_fresh(result, options)
    if by:
        _propose(result, found.verified, by, place)


@click.command("run")
@click.argument("board", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--workers", type=click.IntRange(1), default=1, help="Cells at a time.", show_default=True)
@click.option("--only", default="", metavar="TEXT", help="Only results such as 'lstm on midi-scores'.")
def run_board(board: Path, workers: int, only: str) -> None:
    """Evaluate everything that a BOARD (.toml) lists, and leave alone what is there already.

    Exits with 1 if a result could not be made.
    """
    from fsdl_bench.cli.tables import print_table, table_of
    from fsdl_bench.evaluation.board import run_board as run

    with redirect_stdout(sys.stderr):
        outcomes = list(run(board, workers=workers, only=only))
    rows = []
    for one in outcomes:
        headline = one.stored.result.headline if one.stored else None
        nll = headline.nll.text() if headline else ""
        rows.append([one.job.run.name, one.job.track, one.job.protocol, nll, one.error])
    print_table(table_of(str(board), ["model", "track", "protocol", "NLL", "error"], rows))
    if any(one.error for one in outcomes):
        raise click.exceptions.Exit(1)


def _verify_fresh(path: Path, options: dict[str, Any]) -> None:
    from fsdl_bench.evaluation.fresh import evaluate_fresh, suspicious
    from fsdl_bench.results import read_result

    stated = read_result(path).result
    submission = options["submission"] or stated.submission.source
    with redirect_stdout(sys.stderr):
        found = evaluate_fresh(
            submission,
            stated.track.kind,
            settings=stated.submission.arguments,
            workers=options["workers"],
            name=stated.submission.name,
            out=path.with_name(path.stem + ".fresh.json"),
        )
    _print_table(found.result)
    click.echo(f"Result: {found.path}")
    if reason := suspicious(stated, found.result):
        click.echo(f"The result is not to be trusted: {reason}.")
        raise click.exceptions.Exit(1)


def _propose(path: Path, run: StoredResult, by: str, place: Path | None) -> None:
    from fsdl_bench.results import read_result
    from fsdl_bench.site.verified import add_verified, proposal, toml_of

    entry = proposal(read_result(path), run, by)
    click.echo(toml_of([entry]))
    if place is not None:
        add_verified(place, [entry])
        click.echo(f"{place}: the entry is added; commit the file.")


def _print_table(result: Result) -> None:
    from fsdl_bench.cli.tables import print_table, table_of

    unit = "bits/byte" if result.track.unit == "byte" else "nats/note"
    columns = ["shots", unit, "nats/token", "gain over 0 shots", "wrong - right artist"]
    shots = result.aggregates.shots
    if optimum := any(shot.to_optimum for shot in shots):
        columns.append("above optimum")
    smoke = ", SMOKE RUN" if result.smoke else ""
    title = f"{result.submission.name} on {result.track.name}, {result.protocol}{smoke}"
    print_table(table_of(title, columns, [_cells(result, shot)[: 5 + optimum] for shot in shots]))
    cost, counts = result.cost, result.aggregates
    parts = [
        f"{counts.artists} artists, {counts.episodes} episodes, {counts.songs} songs",
        f"{result.submission.parameters:,} parameters" if result.submission.parameters is not None else "",
        f"fit {cost.fit_seconds:,.0f} s" if cost.fit_seconds is not None else "",
        f"adapt {cost.adapt_ms:,.1f} ms" if cost.adapt_ms is not None else "",
        f"{cost.tokens_per_second:,.0f} tokens/s" if cost.tokens_per_second is not None else "",
        f"audits {cost.audit_seconds:,.1f} s" if cost.audit_seconds is not None else "",
        f"{cost.peak_memory_mib:,.0f} MiB" if cost.peak_memory_mib is not None else "",
    ]
    click.echo("; ".join(part for part in parts if part) + f"; {result.environment.device}")
    checks = sum(verdict.checks for verdict in result.audits if verdict.worst is not None)
    click.echo(f"Audits held: {checks:,} songs scored again, {len(result.audits)} rules.")


def _print_standing(stored: StoredResult) -> None:
    from fsdl_bench.reference import standing

    if found := standing(stored):
        difference = found.mine.difference
        click.echo(
            f"Rank {found.rank} of {found.total} with the reference models on {stored.result.track.name} at "
            f"{found.shots} shots; minus {found.best}, the best of them: "
            f"{difference.text(sign=True) if difference else ''}"
            f"{f' (p = {found.mine.p:.2g})' if found.mine.p is not None else ''}."
        )


def _cells(result: Result, shot: ShotSummary) -> list[object]:
    control = result.aggregates.control
    return [
        shot.shots,
        ("" if result.submission.exact else "<= ") + shot.nll.text(),
        f"{shot.nats_per_token.mean:.4f}",
        shot.gain.text(sign=True) if shot.gain else "",
        control.gain.text(sign=True) if control and control.shots == shot.shots else "",
        shot.to_optimum.text(sign=True) if shot.to_optimum else "",
    ]


COMMANDS = (evaluate, verify, run_board)
