"""The commands `compress` and `decompress`: songs as bits under a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fsdl_bench.codecs.base import Codec, Tokens

_SUBMISSION = click.option(
    "--submission",
    required=True,
    metavar="MODEL",
    help="path.py[:Class], package.module:Class or fsdl_bench:MODEL.",
)
_SETTINGS = click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="A constructor argument."
)


@click.command()
@_SUBMISSION
@click.option("--track", required=True, help="The name or the folder of a built track.")
@click.option("--artist", required=True, help="The key of a test artist.")
@click.option("--episode", type=click.IntRange(0), default=0, show_default=True, help="Its episode.")
@click.option("--shots", type=click.IntRange(0), help="Support songs; the headline number by default.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The seed of the fit.")
@_SETTINGS
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The file.")
def compress(
    submission: str,
    track: str,
    artist: str,
    episode: int,
    shots: int | None,
    seed: int,
    settings: tuple[str, ...],
    out: Path,
) -> None:
    """Compress the query songs of an episode to as many bits as the model's NLL promises.

    The file holds the songs for whoever has the model and the support.
    """
    from fsdl_bench.evaluation.archive import compress as run

    found = run(
        submission, track, out, artist=artist, episode=episode, shots=shots, seed=seed, settings=settings
    )
    click.echo(
        f"{found.bits:,} bits; -log2 p is {found.ideal:,.1f} bits "
        f"({found.bits / found.ideal - 1:+.2%}). File: {out}"
    )


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_SUBMISSION
@click.option("--track", default="", help="The built track; as the file says by default.")
@_SETTINGS
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="The folder.")
def decompress(file: Path, submission: str, track: str, settings: tuple[str, ...], out: Path) -> None:
    """Restore the songs of FILE, which `compress` wrote, as .txt or .mid."""
    from fsdl_bench.errors import BadInput
    from fsdl_bench.evaluation.archive import decompress as run
    from fsdl_bench.paths import atomic_write

    setup, songs = run(file, submission, track=track, settings=settings)
    files = dict(
        _file(out / f"song-{number}", song, setup.codec) for number, song in enumerate(songs, start=1)
    )
    for place, data in files.items():
        if place.exists() and place.read_bytes() != data:
            raise BadInput(f"{place}: expected no file or this song, found another file; give another --out")
    for place, data in files.items():
        atomic_write(place, data)
        click.echo(place)


def _file(path: Path, song: Tokens, codec: Codec) -> tuple[Path, bytes]:
    """Return the place and the content of a song's file."""
    content = codec.decode(song)
    if codec.kind == "lyrics":
        return path.with_suffix(".txt"), content.encode()
    from fsdl_bench.music.writing import write_midi

    return path.with_suffix(".mid"), write_midi(content)


COMMANDS = (compress, decompress)
