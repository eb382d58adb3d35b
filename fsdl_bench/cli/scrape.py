"""The command `scrape`: songs of a site, politely, into a folder that `build --from` reads."""

from __future__ import annotations

from pathlib import Path

import click

from fsdl_bench.cli.pairs import pairs


@click.command()
@click.argument("recipe")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="The folder to fill."
)
@click.option("--contact", required=True, help="Your address or page, for the site's owner.")
@click.option(
    "--set", "options", multiple=True, metavar="KEY=VALUE", help="An option of the recipe. Repeatable."
)
@click.option("--pages", type=click.IntRange(1), help="The most pages to ask for.")
@click.option(
    "--timeout", type=click.FloatRange(0.1), default=60.0, show_default=True, help="Seconds for one page."
)
@click.option(
    "--delay",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="Seconds between pages, at least.",
)
def scrape(
    recipe: str,
    out: Path,
    contact: str,
    options: tuple[str, ...],
    pages: int | None,
    timeout: float,
    delay: float,
) -> None:
    """Fill a folder with songs by RECIPE: mutopia, wikisource or your own .toml file.

    Obeys robots.txt, asks a site for one page at a time, and waits as long as it asks. Only songs with a
    licence that the recipe names are taken. Run the same command again to continue after an interruption.
    """
    from fsdl_bench.scrape.run import TABLE
    from fsdl_bench.scrape.run import scrape as run

    settings = pairs(options, "--set")
    found = run(recipe, out, contact=contact, options=settings, pages=pages, timeout=timeout, delay=delay)
    interrupted = found.pop("interrupted", 0)
    click.echo(f"{out}: {found.pop('taken', 0):,} songs. {out / TABLE} lists them, and what was left out:")
    for reason, count in found.most_common():
        click.echo(f"  {count:,} {reason}")
    if interrupted:
        click.echo("Interrupted. Run the same command again to continue.", err=True)
        raise click.exceptions.Exit(130)


COMMANDS = (scrape,)
