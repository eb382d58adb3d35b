"""The commands for data: build, list, show, check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fsdl_bench.cli.pairs import pairs
from fsdl_bench.errors import BadInput

if TYPE_CHECKING:
    from fsdl_bench.tracks.definition import TrackDefinition

_FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("tracks", nargs=-1)
@click.option("--from", "source", type=_FOLDER, help="Build your own track from this folder or csv file.")
@click.option("--kind", type=click.Choice(["lyrics", "midi"]), help="The kind of the songs in --from.")
@click.option("--name", help="The name of your own track.")
@click.option("--layout", help="The layout of --from: folder (default), lakh, maestro, lyrics_csv, ...")
@click.option(
    "--set", "options", multiple=True, metavar="KEY=VALUE", help="Set an option of the layout. Repeatable."
)
@click.option(
    "--label",
    help="Draw episodes by another field: form, genre, collection, language, decade, year, key, meter.",
)
@click.option(
    "--alias",
    "aliases",
    multiple=True,
    metavar="OTHER=NAME",
    help="Another spelling of an artist. Repeatable.",
)
@click.option(
    "--mirror", metavar="URL-OR-DIR", help="Read the archives from here instead of the public hosts."
)
@click.option(
    "--workers",
    type=click.IntRange(0),
    help="Number of worker processes; one per core by default, 0 for none.",
)
@click.option("--out", type=_FOLDER, help="The track's folder; FSDL_BENCH_HOME/tracks/<name> by default.")
def build(
    tracks: tuple[str, ...],
    source: Path | None,
    kind: Any,
    name: str | None,
    layout: str | None,
    options: tuple[str, ...],
    label: str | None,
    aliases: tuple[str, ...],
    mirror: str | None,
    workers: int | None,
    out: Path | None,
) -> None:
    """Build TRACKS. Without TRACKS, build the two synthetic tracks, which need no network.

    To build your own track: --from DIR --kind lyrics|midi --name NAME. Music may be MIDI (also inside RIFF),
    ABC and, with fsdl-bench[scores], MusicXML, MEI and kern. Lyrics are text files or the rows of csv files.
    """
    from fsdl_bench.builder.pipeline import build_track
    from fsdl_bench.cli.describe import print_build

    definitions = _definitions(tracks, source, kind, name, layout, options, label, aliases)
    if source is not None and source.is_file():
        source = source.parent
    if out is not None and len(definitions) > 1:
        raise BadInput(
            "--out is the folder of one track, but several tracks are given; build them one by one"
        )
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
    label: str | None,
    aliases: tuple[str, ...],
) -> list[TrackDefinition]:
    """Return the definitions that the arguments of `build` ask for."""
    from fsdl_bench.sources.common.guess import guess_layout
    from fsdl_bench.tracks.definition import load_definition, user_definition

    if source is None:
        if kind or name or layout or options or label or aliases:
            raise BadInput(
                "--kind, --name, --layout, --set, --label and --alias need --from, the folder of your songs"
            )
        return [load_definition(track) for track in tracks or ("lyrics-synthetic", "midi-synthetic")]
    if not source.exists():
        raise BadInput(f"--from {source}: there is no such folder or file")
    settings = pairs(options, "--set")
    names = pairs(aliases, "--alias", "OTHER=NAME")
    if not all(names.values()):
        raise BadInput(f"--alias: expected OTHER=NAME, found {' '.join(aliases)}")
    if source.is_file():
        if settings.get("file", source.name) != source.name:
            raise BadInput(f"--set file={settings['file']}: --from names a file already, {source.name}")
        settings["file"] = source.name
    if len(tracks) == 1 and not (kind or name or layout or label or aliases):
        return [_with_settings(load_definition(tracks[0]), settings)]
    if tracks or not kind or not name:
        raise BadInput("--from needs --kind lyrics|midi and --name NAME, or one recipe track")
    layout = layout or guess_layout(source, kind, settings)
    definition = user_definition(name, kind, layout, label=label or "artist", aliases=names)
    return [_with_settings(definition, settings)]


def _with_settings(definition: TrackDefinition, settings: dict[str, str]) -> TrackDefinition:
    """Return the definition with more options for its first source."""
    first, *others = definition.sources
    first = first.model_copy(update={"options": first.options | settings})
    return definition.model_copy(update={"sources": [first, *others]})


@click.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List all tracks, and show which are built."""
    from fsdl_bench.cli.describe import overview, overview_table
    from fsdl_bench.cli.tables import print_json, print_table

    rows = overview()
    if as_json:
        print_json(rows)
    else:
        print_table(overview_table(rows))


@click.command()
@click.argument("track", required=False)
@click.option("--table", is_flag=True, help="Print a markdown table of all built tracks instead.")
@click.option("--images", type=_FOLDER, help="The folder for piano rolls; FSDL_BENCH_HOME/images by default.")
def show(track: str | None, table: bool, images: Path | None) -> None:
    """Show the statistics of TRACK, the number of songs left out, and three example songs."""
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
    """Verify every file, row and digest of TRACKS. The exit code is 1 if something is wrong."""
    from fsdl_bench.cli.describe import frozen_state
    from fsdl_bench.tracks.check import check_track

    healthy = True
    for name in tracks:
        report = check_track(name, progress=True)
        for problem in report.problems:
            click.echo(problem, err=True)
        state = (
            "all is well"
            if report.ok
            else f"{len(report.problems)} problem{'s' * (len(report.problems) > 1)}"
        )
        frozen = frozen_state(report.digest, report.frozen)
        click.echo(
            f"{report.name}: {report.files} files, {report.songs:,} songs, digest "
            f"{report.digest[:16] or 'unknown'} ({frozen}): {state}"
        )
        healthy &= report.ok
    ctx.exit(0 if healthy else 1)


COMMANDS = (build, list_, show, check)
