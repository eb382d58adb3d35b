"""The command `generate`: new songs after songs of one's own, or of a test episode."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import click


class _ManyValues(click.Command):
    """Lets `--support a.mid b.mid` stand for `--support a.mid --support b.mid`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        spread: list[str] = []
        support = False
        for arg in args:
            if support and not arg.startswith("-"):
                spread += ["--support", arg]
                continue
            support = arg == "--support"
            if not support:
                spread.append(arg)
        return super().parse_args(ctx, spread + (["--support"] if support else []))


@click.command(cls=_ManyValues)
@click.option(
    "--submission", required=True, metavar="MODEL", help="path.py, path.py:Class or package.module:Class."
)
@click.option("--track", required=True, help="The name or the folder of a built track.")
@click.option(
    "--support",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH...",
    help="Your own songs: .mid or .txt files, or folders of them.",
)
@click.option(
    "--episode",
    "episodes",
    multiple=True,
    metavar="ARTIST[:INDEX]",
    help="In place of --support, the songs of a frozen test episode; may be given several times.",
)
@click.option("--shots", type=click.IntRange(0), help="Songs of an episode; the headline shot by default.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="A new folder, or an earlier one of this."
)
@click.option("-n", type=click.IntRange(1), default=4, help="Songs to write.", show_default=True)
@click.option(
    "--temperature",
    type=float,
    default=1.0,
    help="Below 1 safer, above 1 wilder, 0 greedy.",
    show_default=True,
)
@click.option("--top-p", type=float, default=1.0, help="Nucleus sampling; 1 is off.", show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, help="Of the first song.", show_default=True)
@click.option("--max-notes", type=click.IntRange(1), help="Notes of a MIDI song; 512 by default.")
@click.option("--max-tokens", type=click.IntRange(1), help="Tokens of a song; 512 for lyrics by default.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A constructor argument.")
@click.option(
    "--fit-seed",
    type=click.IntRange(0),
    default=0,
    help="The seed of the fit, as evaluate --seeds.",
    show_default=True,
)
@click.option("--device", default="cpu", help="cpu, cuda, cuda:1, mps.", show_default=True)
@click.option("--name", default="", help="How the page calls the model.")
@click.option(
    "--preview-seconds",
    type=float,
    default=30.0,
    help="Length of the .wav files; 0 for none.",
    show_default=True,
)
@click.option("--preview-rate", type=int, default=22_050, help="Their samples a second.", show_default=True)
def generate(out: Path, **options: Any) -> None:
    """Adapt a submission to a few songs and write new ones.

    Music becomes .mid, a piano roll and a preview to listen to, lyrics become .txt; index.html shows support
    and samples side by side. A model that was evaluated on the track is not fitted again.
    """
    from fsdl_bench.generation.run import generate as run
    from fsdl_bench.generation.writing import PAGE

    try:
        with redirect_stdout(sys.stderr):  # what the submission prints is no output of this command
            samples = run(out=out, **options)
    except KeyboardInterrupt:
        click.echo(f"Interrupted; {out} is as it was. The same command writes the same songs.", err=True)
        raise click.exceptions.Exit(130) from None
    for episode in samples.episodes:
        for song in episode.samples:
            click.echo(
                f"{episode.artist}, {song.title}: {song.units:,} {samples.unit}s, "
                f"{song.nats_per_unit:.3f} nats/{samples.unit}"
            )
    click.echo(f"Open {out / PAGE}")


COMMANDS = (generate,)
