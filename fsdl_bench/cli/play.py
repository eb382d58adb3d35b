"""The command `play`: the musician's page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command()
@click.option("--track", "tracks", multiple=True, help="A built track to offer. Repeatable. [default: all]")
@click.option(
    "--submission",
    metavar="MODEL",
    help="A model to offer first: path.py[:Class], package.module:Class or fsdl_bench:MODEL.",
)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="An argument of --submission.")
@click.option("--host", default="127.0.0.1", help="Address to listen on.", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8088, help="0 for any.", show_default=True)
@click.option(
    "--allow-host", "allow_hosts", multiple=True, help="A name by which other machines may reach the page."
)
@click.option(
    "--soundfont", type=click.Path(path_type=Path), help="A .sf2 or .sf3 file. [default: installed]"
)
@click.option("--browser/--no-browser", default=True, help="Open the page.", show_default=True)
def play(**options: Any) -> None:
    """Open a local page: drop songs, hear new ones, swap a song, and hear the difference.

    Nothing leaves this machine. The page needs `pip install 'fsdl-bench[play]'` and a built track, such as
    lyrics-verse or midi-scores.
    """
    try:
        from fsdl_bench.play.serve import serve
    except ModuleNotFoundError as error:
        from fsdl_bench.errors import BadInput

        if error.name not in ("jinja2", "starlette", "uvicorn"):
            raise
        raise BadInput(f"play needs {error.name}: pip install 'fsdl-bench[play]'") from None

    def ready(url: str) -> None:
        click.echo(f"Open {url} in a browser. Ctrl-C ends the server.")

    try:
        serve(ready=ready, **options)
    except KeyboardInterrupt:
        click.echo("The server has ended.", err=True)


COMMANDS = (play,)
