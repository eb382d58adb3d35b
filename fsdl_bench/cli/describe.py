"""The output of the data commands: overview, statistics, sources, songs left out, examples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from fsdl_bench.cli.doubts import doubts, hints
from fsdl_bench.cli.tables import markdown_table, print_table, table_of
from fsdl_bench.errors import BadInput
from fsdl_bench.paths import tracks_dir
from fsdl_bench.tracks.definition import TrackDefinition, definition_names, load_definition
from fsdl_bench.tracks.track import Track, built_tracks, load_track

if TYPE_CHECKING:
    from fsdl_bench.builder.pipeline import BuildReport

_COLUMNS = ("name", "kind", "status", "licence", "state", "artists", "songs", "bytes", "digest", "path")


def licences(definition: TrackDefinition) -> str:
    """Return the licences of a track's sources, separated by commas."""
    return ", ".join(dict.fromkeys(source.licence for source in definition.sources if source.licence))


def frozen_state(digest: str, frozen: str) -> str:
    """Compare a digest with the one that the packaged definition expects."""
    if not frozen:
        return "not frozen"
    return "as frozen" if digest == frozen else "NOT AS FROZEN"


def frozen_digest(name: str) -> str:
    """Return the digest that the packaged definition of a track expects; empty if there is none."""
    return load_definition(name).digest if name in definition_names() else ""


def overview() -> list[dict[str, Any]]:
    """Return one record for every track that is packaged or built. Unknown values are None."""
    return [_record(name) for name in sorted({*definition_names(), *built_tracks()})]


def _record(name: str) -> dict[str, Any]:
    record = dict.fromkeys(_COLUMNS) | {"name": name, "state": "not built"}
    definition = load_definition(name) if name in definition_names() else None
    if name in built_tracks():
        try:
            track = load_track(tracks_dir() / name)
        except BadInput as error:
            return record | {"state": str(error)}
        counts = track.manifest.counts.values()
        definition = track.definition
        record |= {
            "state": frozen_state(track.digest, frozen_digest(name)),
            "artists": sum(count.artists for count in counts),
            "songs": sum(count.songs for count in counts),
            "bytes": sum(entry.bytes for entry in track.manifest.files.values()),
            "digest": track.digest,
            "path": str(track.path),
        }
    if definition:
        record |= {"kind": definition.kind, "status": definition.status, "licence": licences(definition)}
    return record


def overview_table(records: Sequence[dict[str, Any]]) -> Table:
    """Return the overview as a table for a terminal."""
    rows = [
        [record[column] for column in ("name", "kind", "status", "licence", "artists", "songs")]
        + ["" if record["bytes"] is None else f"{record['bytes'] / 1e6:,.1f} MB"]
        + [f"{(record['digest'] or '')[:12]} {record['state']}".strip()]
        for record in records
    ]
    columns = ["track", "kind", "status", "licence", "artists", "songs", "size", "digest"]
    return table_of(f"Tracks in {tracks_dir()}", columns, rows)


def left_out(track: Track) -> list[tuple[str, int]]:
    """Return the reasons for leaving files out and their counts, most frequent first."""
    return sorted(track.manifest.rejected.items(), key=lambda item: -item[1])


def split_rows(track: Track) -> list[list[object]]:
    """Return the size of each split: artists, songs, tokens, units, median length in units."""
    return [
        [name, count.artists, count.songs, count.tokens, count.units, round(count.median_units)]
        for name, count in track.manifest.counts.items()
    ]


def split_columns(track: Track) -> list[str]:
    """Return the names of the columns of `split_rows`."""
    unit = f"{track.codec.unit}s"
    return ["split", "artists", "songs", "tokens", unit, f"median {unit}"]


def print_build(report: BuildReport) -> None:
    """Print the result of a build."""
    resumed = f", {report.resumed:,} read by an earlier run" if report.resumed else ""
    click.echo(
        f"Built {report.name} in {report.seconds:.1f} s: {report.songs:,} songs found{resumed}, "
        f"{report.kept:,} kept, {sum(report.rejected.values()):,} left out.\n"
    )
    track = load_track(report.path)
    print_statistics(track)
    for warning in doubts(track):
        click.echo(f"Warning: {warning}", err=True)
    for hint in hints(track):
        click.echo(f"Hint: {hint}", err=True)


def print_statistics(track: Track) -> None:
    """Print a built track's description, splits, sources and songs left out."""
    definition = track.definition
    click.echo(f"{track.name}: {track.kind}, {definition.status}, codec {track.manifest.codec}")
    if definition.description:
        click.echo(f"{definition.description.strip()}\n")
    print_table(table_of("Splits", split_columns(track), split_rows(track)))
    print_table(
        table_of(
            "Sources",
            ["source", "title", "licence", "pinned at"],
            [[s.source, s.title, s.licence, s.commit[:12] or s.sha256[:12]] for s in definition.sources],
        )
    )
    if track.manifest.cleaned:
        print_table(table_of("Removed from lyrics", ["what", "songs"], [*track.manifest.cleaned.items()]))
    if track.manifest.rejected:
        print_table(table_of("Left out", ["reason", "files"], left_out(track)))
        click.echo(f"All files that were left out: {track.path / 'rejected.parquet'}")
    click.echo(f"Folder: {track.path}")
    click.echo(f"Digest: {track.digest} ({frozen_state(track.digest, frozen_digest(track.name))})")


def print_examples(track: Track, images: Path) -> None:
    """Print three songs of the training split. For MIDI, draw their piano rolls in the folder `images`."""
    artists = track.train.artists
    for number in range(min(3, len(artists))):
        artist = artists[(2 * number + 1) * len(artists) // 6 if len(artists) >= 3 else number]
        song = artist.songs[len(artist.songs) // 2]
        size = f"{song.units:,} {track.codec.unit}s scored"
        click.echo(f"\n{song.title} ({song.artist}): {size}, from {song.origin}")
        if track.kind == "lyrics":
            lines = song.text.split("\n")
            click.echo("\n".join(f"  {line}" for line in lines[:12]))
            if len(lines) > 12:
                click.echo(f"  ... {len(lines) - 12} more lines")
        else:
            path = images / f"{track.name}-{number + 1}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            song.plot().savefig(path)
            click.echo(f"  piano roll: {path}")


def markdown() -> str:
    """Return the tables of `docs/tracks.md`: the sizes of all built tracks, then their provenance."""
    tracks = [load_track(tracks_dir() / name) for name in built_tracks()]
    sizes = [
        [track.name if index == 0 else "", *row, f"{track.codec.unit}s"]
        for track in tracks
        for index, row in enumerate(split_rows(track))
    ]
    behind = [
        [
            track.name,
            licences(track.definition),
            "; ".join(f"{count:,} {reason}" for reason, count in left_out(track)),
            f"{track.manifest.seconds:.0f} s",
            f"`{track.digest[:16]}`",
        ]
        for track in tracks
    ]
    return "\n\n".join(
        [
            markdown_table(
                ["track", "split", "artists", "songs", "tokens", "units", "median length", "unit"], sizes
            ),
            markdown_table(["track", "licence", "left out", "build time", "digest"], behind),
        ]
    )
