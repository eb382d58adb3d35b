"""The commands for data: build, list, show, check."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fsdl_bench.errors import BadInput

if TYPE_CHECKING:
    from fsdl_bench.tracks.definition import TrackDefinition

_FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("tracks", nargs=-1)
@click.option(
    "--from", "source", type=_FOLDER, help="Build a track of your own from this folder or csv file."
)
@click.option("--kind", type=click.Choice(["lyrics", "midi"]), help="What the songs of --from are.")
@click.option("--name", help="The name of the track that --from makes.")
@click.option("--layout", help="How --from is laid out: folder (default), lakh, maestro, lyrics_csv, ...")
@click.option("--set", "options", multiple=True, metavar="KEY=VALUE", help="An option of the layout.")
@click.option("--mirror", metavar="URL-OR-DIR", help="Take the archives from here.")
@click.option(
    "--workers",
    type=click.IntRange(0),
    help="Worker processes; by default one a core. 0 works in this process.",
)
@click.option("--out", type=_FOLDER, help="Where the track goes, in place of FSDL_BENCH_HOME/tracks/<name>.")
def build(
    tracks: tuple[str, ...],
    source: Path | None,
    kind: Any,
    name: str | None,
    layout: str | None,
    options: tuple[str, ...],
    mirror: str | None,
    workers: int | None,
    out: Path | None,
) -> None:
    """Build TRACKS; without any, the two synthetic ones, which need no network.

    A track of your own: --from DIR --kind lyrics|midi --name NAME.
    """
    from fsdl_bench.builder.pipeline import build_track
    from fsdl_bench.cli.describe import print_build

    definitions = _definitions(tracks, source, kind, name, layout, options)
    if source is not None and source.is_file():
        source = source.parent
    if out is not None and len(definitions) > 1:
        raise BadInput("--out names the folder of one track, but several are to be built")
    for definition in definitions:
        report = build_track(definition, source_dir=source, mirror=mirror, workers=workers, out=out)
        print_build(report)


def _definitions(
    tracks: tuple[str, ...],
    source: Path | None,
    kind: Any,
    name: str | None,
    layout: str | None,
    options: tuple[str, ...],
) -> list[TrackDefinition]:
    """The definitions that the arguments of `build` ask for."""
    from fsdl_bench.tracks.definition import load_definition, user_definition

    if source is None:
        if kind or name or layout or options:
            raise BadInput("--kind, --name, --layout and --set go with --from, the folder of your songs")
        return [load_definition(track) for track in tracks or ("lyrics-synthetic", "midi-synthetic")]
    if not source.exists():
        raise BadInput(f"--from {source}: there is no such folder or file")
    settings = _settings(options)
    if source.is_file():
        settings["file"] = source.name
    if len(tracks) == 1 and not (kind or name or layout):
        return [_with_settings(load_definition(tracks[0]), settings)]
    if tracks or not kind or not name:
        raise BadInput(
            "--from needs --kind lyrics|midi and --name NAME, or the one recipe track that reads it"
        )
    return [
        user_definition(name, kind, layout or ("lyrics_csv" if source.is_file() else "folder"), **settings)
    ]


def _with_settings(definition: TrackDefinition, settings: dict[str, Any]) -> TrackDefinition:
    """The definition with more options for its source."""
    first, *others = definition.sources
    first = first.model_copy(update={"options": first.options | settings})
    return definition.model_copy(update={"sources": [first, *others]})


def _settings(options: tuple[str, ...]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not (key and equals):
            raise BadInput(f"--set {option}: expected KEY=VALUE")
        settings[key] = value
        with suppress(ValueError):  # a number, true, false or a list
            settings[key] = json.loads(value)
    return settings


@click.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List all tracks: what they are, and which are built."""
    from fsdl_bench.cli.describe import overview, overview_table
    from fsdl_bench.cli.tables import print_json, print_table

    rows = overview()
    if as_json:
        print_json(rows)
    else:
        print_table(overview_table(rows))


@click.command()
@click.argument("track", required=False)
@click.option("--table", is_flag=True, help="Print the markdown table of all built tracks and stop.")
@click.option("--images", type=_FOLDER, help="Where piano rolls go; FSDL_BENCH_HOME/images by default.")
def show(track: str | None, table: bool, images: Path | None) -> None:
    """Show statistics of TRACK, what was left out, and three example songs."""
    from fsdl_bench.cli import describe
    from fsdl_bench.paths import home
    from fsdl_bench.tracks.track import load_track

    if table:
        click.echo(describe.markdown())
        return
    if track is None:
        raise click.UsageError("Missing argument 'TRACK' (`fsdl-bench list` names them).")
    opened = load_track(track)
    describe.print_statistics(opened)
    describe.print_examples(opened, images or home() / "images")


@click.command()
@click.argument("tracks", nargs=-1, required=True)
@click.pass_context
def check(ctx: click.Context, tracks: tuple[str, ...]) -> None:
    """Verify every file, row and digest of TRACKS; exit 1 if something is wrong."""
    from fsdl_bench.cli.describe import frozen_state
    from fsdl_bench.tracks.check import check_track

    healthy = True
    for name in tracks:
        report = check_track(name, progress=True)
        for problem in report.problems:
            click.echo(problem, err=True)
        state = "all is well" if report.ok else f"{len(report.problems)} problems"
        frozen = frozen_state(report.digest, report.frozen)
        click.echo(
            f"{report.name}: {report.files} files, {report.songs:,} songs, digest "
            f"{report.digest[:16] or 'unknown'} ({frozen}): {state}"
        )
        healthy &= report.ok
    ctx.exit(0 if healthy else 1)


COMMANDS = (build, list_, show, check)
