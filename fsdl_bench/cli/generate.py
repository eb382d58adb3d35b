"""The command `generate`: new songs given the user's songs, or those of a test episode."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import click


class _ManyValues(click.Command):
    """Accepts `--support a.mid b.mid` for `--support a.mid --support b.mid`."""

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
    "--submission",
    metavar="MODEL",
    help="path.py[:Class], package.module:Class or fsdl_bench:MODEL. [default: one with shipped weights]",
)
@click.option("--track", required=True, help="Name or folder of a built track.")
@click.option(
    "--support",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH...",
    help="Your own songs: MIDI, MusicXML, ABC or .txt files, or folders.",
)
@click.option(
    "--episode",
    "episodes",
    multiple=True,
    metavar="ARTIST[:INDEX]",
    help="Instead of --support: the songs of a frozen test episode. Repeatable.",
)
@click.option("--shots", type=click.IntRange(0), help="Support songs of an episode. [default: headline]")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="A new folder, or one of an earlier call."
)
@click.option("-n", type=click.IntRange(1), default=4, help="Number of songs to write.", show_default=True)
@click.option(
    "--temperature",
    type=float,
    default=1.0,
    help="Below 1 sharper, above 1 flatter, 0 greedy.",
    show_default=True,
)
@click.option("--top-p", type=float, default=1.0, help="Nucleus sampling; 1 turns it off.", show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, help="Seed of the first song.", show_default=True)
@click.option("--max-notes", type=click.IntRange(1), help="Limit in notes, for MIDI. [default: 512]")
@click.option("--max-tokens", type=click.IntRange(1), help="Limit in tokens. [default: 512 for lyrics]")
@click.option(
    "--keep-instruments", is_flag=True, help="Use only instruments of the support, and its programs."
)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A constructor argument.")
@click.option(
    "--fit-seed",
    type=click.IntRange(0),
    default=0,
    help="Seed of the fit, as in evaluate --seeds.",
    show_default=True,
)
@click.option("--refit", is_flag=True, help="Train again: use no weights that ship and no cached fit.")
@click.option("--device", default="cpu", help="cpu, cuda, cuda:1, mps.", show_default=True)
@click.option("--name", default="", help="Name of the model on the page.")
@click.option(
    "--preview-seconds",
    type=float,
    default=30.0,
    help="Length of the .wav files in seconds; 0 for none.",
    show_default=True,
)
@click.option("--preview-rate", type=int, default=22_050, help="Their sample rate in Hz.", show_default=True)
def generate(out: Path, **options: Any) -> None:
    """Adapt a submission to a few songs and write new ones.

    MIDI songs are written as .mid, a piano roll and a .wav preview, lyrics as .txt. index.html shows support
    and samples side by side. The cached fit of an evaluation on the track is reused.
    """
    from fsdl_bench.generation.run import generate as run
    from fsdl_bench.generation.writing import PAGE

    try:
        with redirect_stdout(sys.stderr):  # prints of the submission are not output of this command
            samples = run(out=out, **options)
    except KeyboardInterrupt:
        click.echo(f"Interrupted; {out} is unchanged. Run the same command again.", err=True)
        raise click.exceptions.Exit(130) from None
    for episode in samples.episodes:
        for song in episode.samples:
            click.echo(
                f"{episode.artist}, {song.title}: {song.units:,} {samples.unit}s, "
                f"{song.nats_per_unit:.3f} nats/{samples.unit}"
            )
    click.echo(f"Open {out / PAGE}")


COMMANDS = (generate,)
