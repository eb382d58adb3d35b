"""The commands `leaderboard build` and `leaderboard check`."""

from __future__ import annotations

from pathlib import Path

import click

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group()
def leaderboard() -> None:
    """Build the leaderboard's pages, or check results before you submit them."""


@leaderboard.command()
@click.option(
    "--results", type=_FOLDER, help="Folder of results: leaderboard/results of a clone, else results."
)
@click.option(
    "--out",
    type=_FOLDER,
    default="build-output/leaderboard",
    show_default=True,
    help="Folder of the site.",
)
@click.option(
    "--reference/--alone",
    default=None,
    help="Show the results among the reference results, or alone. [default: among, outside a clone]",
)
def build(results: Path | None, out: Path, reference: bool | None) -> None:
    """Render all results below a folder as one static site. It opens without a server.

    Samples (`samples/`), the removal log (`removed.toml`) and the list of verified results (`verified.toml`)
    are read from the parent of the results folder. Without that list every acceptable result is ranked.
    """
    from contextlib import nullcontext

    from fsdl_bench.generation.page import counted
    from fsdl_bench.reference import among_reference
    from fsdl_bench.site.render import build_site

    clone = Path("leaderboard/results")
    found = results or (clone if clone.is_dir() else Path("results"))
    if reference is None:
        reference = results is None and found != clone
    with among_reference(found) if reference else nullcontext(found) as shown:
        board = build_site(shown, out)
    tracks = counted(len(board.tracks), "track")
    models = counted(sum(len(track.models()) for track in board.tracks), "model page")
    click.echo(f"{tracks}, {models}: {out / 'index.html'}")


@leaderboard.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
def check(results: tuple[Path, ...]) -> None:
    """Check RESULTS (.json) with the same rules as the maintainers.

    Prints the verdict on every rule. A question mark precedes what could not be checked here. The exit
    code is 2 if a result breaks a rule.
    """
    from fsdl_bench.site.checking import check_result

    verdicts = {True: "ok  ", False: "FAIL", None: "?   "}
    found = []
    for path in results:
        click.echo(str(path))
        for finding in check_result(path):
            click.echo(f"  {verdicts[finding.passed]}  {finding.rule}: {finding.detail}")
            found.append(finding.passed)
    if unchecked := found.count(None):
        click.echo(f"{unchecked} rules could not be checked; build the tracks to check them.")
    if False in found:
        raise click.exceptions.Exit(2)


@leaderboard.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--by", required=True, help="Who ran it.")
@click.option(
    "--list",
    "place",
    type=click.Path(path_type=Path, dir_okay=False),
    default="leaderboard/verified.toml",
    show_default=True,
    help="The list of verified results.",
)
def accept(results: tuple[Path, ...], by: str, place: Path) -> None:
    """Add RESULTS (.json) that you have run yourself with `evaluate --verified` to the list of verified ones.

    For a result that somebody else has run, use `fsdl-bench verify`.
    """
    from fsdl_bench.errors import BadInput
    from fsdl_bench.results import read_result
    from fsdl_bench.site.checking import check_result
    from fsdl_bench.site.verified import add_verified, proposal

    entries = []
    for path in results:
        if broken := [one for one in check_result(path) if one.passed is False]:
            raise BadInput(f"{path}: {broken[0].rule}: {broken[0].detail}")
        stored = read_result(path)
        entries.append(proposal(stored, stored, by))
    add_verified(place, entries)
    click.echo(f"{place}: {len(entries)} entries added; commit the file.")


@leaderboard.command()
@click.option(
    "--results", type=_FOLDER, default="leaderboard/results", show_default=True, help="Folder of results."
)
def records(results: Path) -> None:
    """Print the history of the best verified result in each budget class, for every track and protocol."""
    from fsdl_bench.cli.tables import print_table, table_of
    from fsdl_bench.site.assemble import histories

    for name, found in histories(results):
        rows = [
            [
                one.budget,
                one.date,
                one.model,
                one.nll.text(),
                f"{one.gain:+.4f}" if one.gain is not None else "",
                f"{one.p:.2g}" if one.p is not None else "",
            ]
            for one in found
        ]
        print_table(table_of(name, ["class", "date", "model", "NLL", "better by", "p"], rows))


COMMANDS = (leaderboard,)
