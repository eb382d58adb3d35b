"""Freeze a track: write pins, split list, tokenizer and digest next to its definition.

    python -m fsdl_bench.builder.freezing TRACK... [--mirror URL-or-DIR] [--pins]

A maintainer runs this once, when a track is new. It must not be run again, because results depend on what it
writes. The track is built twice, first by rule and then from the frozen files, and the digests must agree.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import click

from fsdl_bench.builder.pipeline import build_track
from fsdl_bench.errors import BadInput
from fsdl_bench.paths import TRACK_DATA
from fsdl_bench.sources.common.archives import Archive, fetch
from fsdl_bench.sources.common.tree import Tree, write_pins
from fsdl_bench.tracks.definition import SourceDefinition, load_definition


def freeze_pins(source: SourceDefinition, mirror: str | None) -> Path:
    """Freeze all files of a source's archive as they are now. Return the file of the pins."""
    folder = fetch(Archive(source.repo, source.commit, source.url, source.sha256), mirror)
    tree = Tree(folder)
    target = TRACK_DATA / "pins" / f"{source.source}.parquet"
    write_pins(tree, tree.files(), target)
    return target


def freeze(name: str, mirror: str | None, workers: int | None = None) -> str:
    """Build a track by rule, freeze the outcome, and build it again from that. Return the digest.

    Raises:
        BadInput: the second build differs from the first.
    """
    open_definition = load_definition(name).model_copy(update={"digest": ""})
    for frozen in (open_definition.frozen_splits, open_definition.frozen_codec):
        frozen.unlink(missing_ok=True)
    first = build_track(open_definition, mirror=mirror, workers=workers)
    open_definition.frozen_splits.parent.mkdir(exist_ok=True)
    shutil.copyfile(first.path / "splits.csv", open_definition.frozen_splits)
    if (codec := first.path / "codec.json").exists():
        shutil.copyfile(codec, open_definition.frozen_codec)
    _write_digest(TRACK_DATA / f"{name}.toml", first.digest)
    second = build_track(load_definition(name), mirror=mirror, workers=1)
    if second.digest != first.digest:
        raise BadInput(
            f"track {name}: the digest is {first.digest} by rule, but {second.digest} from the frozen files"
        )
    return first.digest


def _write_digest(path: Path, digest: str) -> None:
    """Write the digest below the codec, in place of an older one."""
    text = re.sub(r'^digest = ".*"\n', "", path.read_text(encoding="utf-8"), flags=re.M)
    text = re.sub(r'^(codec = ".*"\n)', rf'\1digest = "{digest}"\n', text, count=1, flags=re.M)
    path.write_text(text, encoding="utf-8")


@click.command()
@click.argument("tracks", nargs=-1, required=True)
@click.option("--mirror", help="Folder or URL with copies of the archives.")
@click.option(
    "--pins", is_flag=True, help="Freeze the sources' files first. Without it, their pins must exist."
)
@click.option("--workers", type=int, help="Number of worker processes.")
def main(tracks: tuple[str, ...], mirror: str | None, pins: bool, workers: int | None) -> None:
    """Freeze TRACKS."""
    if pins:
        sources = {s.source: s for name in tracks for s in load_definition(name).sources if s.repo}
        for source in sources.values():
            click.echo(f"{freeze_pins(source, mirror)}")
    for name in tracks:
        click.echo(f"{name} {freeze(name, mirror, workers)}")


if __name__ == "__main__":
    main()
