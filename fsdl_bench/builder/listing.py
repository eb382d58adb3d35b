"""The listing stage: list the items of a definition's sources, without those that cannot be in the track."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from fsdl_bench.builder.capping import TOO_FEW
from fsdl_bench.builder.chunks import EmptyTrack, Rejection
from fsdl_bench.errors import BadInput
from fsdl_bench.paths import TRACK_DATA
from fsdl_bench.progress import bar
from fsdl_bench.sources.common.base import Item, Source, open_source
from fsdl_bench.sources.common.tree import Tree, load_pins
from fsdl_bench.tracks.artists import artist_key
from fsdl_bench.tracks.definition import SourceDefinition, TrackDefinition


@dataclass
class Listing:
    """The items to read.

    Attributes:
        sources: the opened sources, in the order of the definition.
        trees: the files of each source; None for a source that generates its songs.
        items: for each source its items to read, in the source's order.
        rejected: the songs that were left out so far.
    """

    sources: list[Source]
    trees: list[Tree | None]
    items: list[list[Item]] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)


def open_sources(
    definition: TrackDefinition, source_dir: Path | None, mirror: str | Path | None, progress: bool
) -> Listing:
    """Open the definition's sources over the user's folder or their archives. Return an empty listing.

    Raises:
        BadInput: the track needs a folder that was not given, or an archive is not available.
    """
    if source_dir is not None and len(definition.sources) > 1:
        raise BadInput(
            f"track {definition.name} has {len(definition.sources)} sources, but --from replaces only one; "
            "pass --mirror with a folder of their archives"
        )
    for source in definition.sources:
        if "kind" in source.options:
            raise BadInput(
                f"source {source.source!r}: kind is no option of a source, but the track's (--kind)"
            )
    trees = [_tree(definition, source, source_dir, mirror, progress) for source in definition.sources]
    sources = [
        open_source(source.source, tree, kind=definition.kind, **source.options)
        for source, tree in zip(definition.sources, trees, strict=True)
    ]
    if mirror is not None and any(hasattr(source, "prepare") for source in sources):
        from fsdl_bench.sources.common.archives import fetch_converted

        fetch_converted(mirror, progress=progress)
    return Listing(sources, trees)


def _tree(
    definition: TrackDefinition,
    source: SourceDefinition,
    source_dir: Path | None,
    mirror: str | Path | None,
    progress: bool,
) -> Tree | None:
    """Return the files of a source; None if it generates its songs."""
    if source_dir is not None:
        return Tree(source_dir, _pins(source))
    if source.repo or source.url:
        from fsdl_bench.sources.common.archives import Archive, fetch

        archive = Archive(source.repo, source.commit, source.url, source.sha256)
        return Tree(fetch(archive, mirror, progress=progress), _pins(source))
    if definition.status in ("recipe", "user"):
        where = f" Download it from {source.homepage}." if source.homepage else ""
        raise BadInput(
            f"track {definition.name} needs your own download of {source.title or source.source}: "
            f"pass its folder with --from DIR.{where}"
        )
    return None


def _pins(source: SourceDefinition) -> dict[str, bytes] | None:
    path = TRACK_DATA / "pins" / f"{source.source}.parquet"
    return load_pins(path) if source.repo and path.is_file() else None


def list_items(definition: TrackDefinition, listing: Listing, progress: bool) -> None:
    """Fill the listing from its sources. Leave out unwanted files, and artists if listing tells who they are.

    Raises:
        EmptyTrack: there is nothing to read.
    """
    artists = Artists(definition)
    for source, described in zip(listing.sources, definition.sources, strict=True):
        kept: list[Item] = []
        for item in bar(f"listing {described.source}", "song", progress, source.items()):
            why = artists.objection(item.artist) if item.artist else None
            if item.origin in definition.filters.exclude_origins:
                why = ("left out by the definition", definition.filters.exclude_origins[item.origin])
            if why:
                listing.rejected.append((described.source, item.origin, *why))
            else:
                kept.append(item)
        listing.rejected += [(described.source, *entry) for entry in source.rejected]
        listing.items.append(kept)
    found = sum(map(len, listing.items))
    _leave_out_small_artists(definition, listing)
    if not any(listing.items):
        few = (
            f"an artist needs {definition.min_songs} songs, and none of the {found:,} songs found is by an "
            "artist with enough"
        )
        empty = few if found else "no song was found"
        raise EmptyTrack(f"track {definition.name} would be empty: {empty}", listing.rejected)


class Artists:
    """The artists that a definition accepts."""

    def __init__(self, definition: TrackDefinition) -> None:
        self._definition = definition
        self._wanted = {self.key(name) for name in definition.filters.artists}
        self._unwanted = {self.key(name) for name in definition.filters.exclude_artists}

    def key(self, name: str) -> str:
        """Return the key of an artist, with aliases resolved."""
        return artist_key(self._definition.artist_name(name))

    def objection(self, name: str) -> tuple[str, str] | None:
        """Return (reason, detail) if songs of this artist are left out, else None."""
        key = self.key(name)
        if not key:
            return "no artist", f"{name!r} has no letter and no digit"
        if key in self._unwanted:
            return "artist left out by the definition", name
        if self._wanted and key not in self._wanted:
            return "artist not among those of the definition", name
        return None


def _leave_out_small_artists(definition: TrackDefinition, listing: Listing) -> None:
    """Do not read songs of artists with too few works. This needs the artists of all items."""
    if definition.label != "artist" or not all(item.artist for items in listing.items for item in items):
        return
    artists = Artists(definition)
    works: dict[str, set[str]] = defaultdict(set)
    for items in listing.items:
        for item in items:
            works[artists.key(item.artist)].add(item.work or item.origin)
    for number, items in enumerate(listing.items):
        kept: list[Item] = []
        for item in items:
            if (count := len(works[artists.key(item.artist)])) >= definition.min_songs:
                kept.append(item)
            else:
                detail = f"{count} listed, {definition.min_songs} needed"
                name = definition.sources[number].source
                listing.rejected.append((name, item.origin, TOO_FEW, detail))
        listing.items[number] = kept


def examples(definition: TrackDefinition, listing: Listing, count: int = 5) -> str:
    """Return how a user's songs were understood: the layout, and some songs spread over the listing."""
    items = listing.items[0]
    shown = items[:: max(1, -(-len(items) // count))]
    lines = [
        f"  {item.artist or '(by its content)'}: {item.title or '?'}   ({item.origin})" for item in shown
    ]
    artists = len({item.artist for item in items})
    return (
        f"layout {definition.sources[0].source}: {len(items):,} songs of {artists:,} artists, such as\n"
        + "\n".join(lines)
    )


def prepare(listing: Listing, workers: int, progress: bool) -> None:
    """Let each source that has a `prepare` process its items, for example convert scores.

    It may return other items in their place, for example one for each movement of a score.
    """
    for number, (source, items) in enumerate(zip(listing.sources, listing.items, strict=True)):
        if items and (ready := getattr(source, "prepare", None)):
            listing.items[number] = ready(items, workers, progress) or items
