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
    "--results", type=_FOLDER, default="leaderboard/results", show_default=True, help="Folder of results."
)
@click.option(
    "--out",
    type=_FOLDER,
    default="build-output/leaderboard",
    show_default=True,
    help="Folder of the site.",
)
def build(results: Path, out: Path) -> None:
    """Render all results below a folder as one static site. It opens without a server.

    Samples (`samples/`) and the removal log (`removed.toml`) are read from the parent of the results folder.
    """
    from fsdl_bench.generation.page import counted
    from fsdl_bench.site.render import build_site

    board = build_site(results, out)
    tracks = counted(len(board.tracks), "track")
    models = counted(sum(len(track.models()) for track in board.tracks), "model page")
    click.echo(f"{tracks}, {models}: {out / 'index.html'}")


@leaderboard.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
def check(results: tuple[Path, ...]) -> None:
    """Check RESULTS (.json) with the same rules as the maintainers.

    Prints the verdict on every rule. A question mark stands before what could not be checked here. The exit
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


COMMANDS = (leaderboard,)
