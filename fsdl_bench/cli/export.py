"""The command `export`: tracks and results in other projects' formats."""

from __future__ import annotations

import json
from pathlib import Path

import click

_FOLDER = click.Path(path_type=Path)


@click.group()
def export() -> None:
    """Write a track or results in another project's format. Nothing is uploaded."""


@export.command()
@click.argument("track")
@click.option("--out", type=_FOLDER, required=True, help="The folder of the repository.")
def hub(track: str, out: Path) -> None:
    """Write TRACK as a dataset repository of the Hugging Face Hub."""
    from fsdl_bench.tracks.hub import export_hub

    names = export_hub(track, out)
    click.echo(f"{out}: {len(names)} files. To upload them: hf upload --repo-type dataset OWNER/NAME {out}")


@export.command()
@click.argument("results", nargs=-1, required=True, type=_FOLDER)
@click.option("--out", type=_FOLDER, required=True, help="The folder of the records.")
@click.option("--developer", default="fsdl-bench", show_default=True, help="Who made the models.")
def results(results: tuple[Path, ...], out: Path, developer: str) -> None:
    """Write RESULTS (.json files) in the schema of Every Eval Ever."""
    from fsdl_bench.paths import atomic_write
    from fsdl_bench.results import read_result
    from fsdl_bench.results.every_eval import every_eval, file_name

    records = [every_eval(read_result(path).result, developer) for path in results]
    for record in records:
        path = out / file_name(record)
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, json.dumps(record, ensure_ascii=False, indent=1) + "\n")
        click.echo(str(path))


COMMANDS = (export,)
