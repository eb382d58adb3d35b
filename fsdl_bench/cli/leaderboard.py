"""The commands `leaderboard build` and `leaderboard check`."""

from __future__ import annotations

from pathlib import Path

import click

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group()
def leaderboard() -> None:
    """Build the leaderboard's pages, or check a result before it is sent."""


@leaderboard.command()
@click.option(
    "--results", type=_FOLDER, default="leaderboard/results", show_default=True, help="Where results lie."
)
@click.option(
    "--out", type=_FOLDER, default="build-output/leaderboard", show_default=True, help="Where the site goes."
)
def build(results: Path, out: Path) -> None:
    """Render all results below a folder into one static site, which opens without a server.

    Samples (`samples/`) and the removal log (`removed.toml`) are taken from beside the folder of results.
    """
    from fsdl_bench.site.render import build_site

    board = build_site(results, out)
    models = sum(len(track.models()) for track in board.tracks)
    click.echo(f"{len(board.tracks)} tracks, {models} model pages: {out / 'index.html'}")


@leaderboard.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
def check(results: tuple[Path, ...]) -> None:
    """Check RESULTS (.json) as the maintainers will before they stand on the leaderboard.

    Prints each finding; exits 2 if a result may not stand.
    """
    from fsdl_bench.site.checking import check_result

    good = True
    for path in results:
        click.echo(str(path))
        for finding in check_result(path):
            click.echo(f"  {'ok  ' if finding.passed else 'FAIL'}  {finding.rule}: {finding.detail}")
            good &= finding.passed
    if not good:
        raise click.exceptions.Exit(2)


COMMANDS = (leaderboard,)
