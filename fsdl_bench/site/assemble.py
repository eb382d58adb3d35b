"""Read the results below a folder, rank them, and copy the files that the pages link to into the site."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import get_args

from tqdm import tqdm

from fsdl_bench import engine
from fsdl_bench.errors import BadInput
from fsdl_bench.results import Scoring, StoredResult, read_result
from fsdl_bench.results.files import result_paths
from fsdl_bench.site.boards import Placed, place
from fsdl_bench.site.cards import Card, card_of
from fsdl_bench.site.entries import entry_of, query_songs
from fsdl_bench.site.records import records
from fsdl_bench.site.removals import read_removals
from fsdl_bench.site.repository import root_of, submission_file
from fsdl_bench.site.samples import copy_samples
from fsdl_bench.site.verified import NAME as VERIFIED
from fsdl_bench.site.verified import Verified, read_verified
from fsdl_bench.site.view import Board, Entry, Leaderboard, QuerySong, Record, TrackView

_ORDER = ("headline", "default", "further", "recipe", "user")


def assemble(results: Path, out: Path, *, progress: bool = True) -> Leaderboard:
    """Read and check every result below `results`, rank them, and copy their files into `out`.

    Samples, the removal log and the list of verified results are read from the parent of the results folder.

    Raises:
        BadInput: there is no result, a file is damaged, or two results of a board have the same model name.
    """
    stored = _read(results, progress)
    names = sorted({one.result.track.name for one in stored})
    verified = read_verified(results.parent / VERIFIED)
    tracks = []
    for name in tqdm(names, "tracks", disable=not progress, unit="track"):
        own = [one for one in stored if one.result.track.name == name]
        tracks.append(_track(name, own, verified, results, out))
    return Leaderboard(
        updated=max(one.result.created for one in stored).date().isoformat(),
        version=_version(),
        tracks=tuple(sorted(tracks, key=lambda track: (_ORDER.index(track.status), track.name))),
        removals=read_removals(results.parent / "removed.toml"),
    )


def best_model(results: Path, track: str) -> str:
    """Return the model that the pages call the best of a track, "" without one. Raises as `assemble`."""
    stored = [read_result(path) for path in result_paths(results / track)]
    placed = _placed(track, stored, read_verified(results.parent / VERIFIED)).get("independent", [])
    return next((one.stored.result.submission.name for one in placed if one.standing == "ranked"), "")


def histories(results: Path, *, progress: bool = True) -> Iterator[tuple[str, tuple[Record, ...]]]:
    """Yield the records of each board that has some, under "track, protocol"; raises as `assemble` does."""
    stored = _read(results, progress)
    verified = read_verified(results.parent / VERIFIED)
    for name in sorted({one.result.track.name for one in stored}):
        for protocol, placed in _placed(name, stored, verified).items():
            if found := _records(placed):
                yield f"{name}, {protocol}", found


def _read(results: Path, progress: bool) -> list[StoredResult]:
    paths = result_paths(results)
    if not paths:
        raise BadInput(f"--results {results}: expected results (.json) below this folder, found none")
    # A result is read in 0.15 s, since its figures are computed again; a worker starts in one.
    workers = min(engine.default_workers(), len(paths) // 16)
    stored = []
    with tqdm(total=len(paths), desc="results", disable=not progress, unit="file") as shown:
        for path, one in zip(paths, engine.run(read_result, paths, workers=workers), strict=True):
            if isinstance(one, engine.Failure):
                raise BadInput(
                    f"{path}: could not be read; the process that read it {one.reason}: {one.detail}"
                )
            stored.append(one)
            shown.update()
    for one in stored:
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", one.result.track.name):
            raise BadInput(f"{one.path}: track.name {one.result.track.name!r} cannot be part of a file name")
    return stored


def _placed(
    name: str, stored: Sequence[StoredResult], verified: Sequence[Verified] | None
) -> dict[Scoring, list[Placed]]:
    """The results of a track by protocol, ranked."""
    definition = card_of(name).definition
    digest = definition.digest if definition else ""
    protocols: tuple[Scoring, ...] = get_args(Scoring)
    own = [one for one in stored if one.result.track.name == name]
    found = {
        protocol: place(
            [one for one in own if one.result.protocol == protocol],
            digest,
            verified=verified,
        )
        for protocol in protocols
    }
    return {protocol: placed for protocol, placed in found.items() if placed}


def _records(placed: Sequence[Placed]) -> tuple[Record, ...]:
    return tuple(records([(p.stored, p.verified) for p in placed if p.standing == "ranked" and p.verified]))


def _version() -> str:
    from importlib.metadata import version

    return version("fsdl-bench")


def _track(
    name: str,
    stored: Sequence[StoredResult],
    verified: Sequence[Verified] | None,
    results: Path,
    out: Path,
) -> TrackView:
    card = card_of(name)
    definition = card.definition
    info = stored[0].result.track
    boards = [_board(placed, card, results, out) for placed in _placed(name, stored, verified).values()]
    slugs = sorted({entry.slug for board in boards for entry in board.entries})
    samples = {
        slug: copy_samples(results.parent / "samples" / name / slug, out, f"samples/{name}/{slug}", name)
        for slug in slugs
    }
    return TrackView(
        name=name,
        kind=info.kind,
        unit=info.unit,
        status=definition.status if definition else "user",
        description=definition.description.strip() if definition else "",
        limits=tuple(definition.limits) if definition else (),
        codec=info.codec,
        digest=(definition.digest if definition else "") or info.digest,
        headline_shot=info.headline_shot,
        sources=tuple(definition.sources) if definition else (),
        counts=card.counts,
        histograms=card.histograms,
        names={key: card.names[key] for board in boards for key in board.artists() if key in card.names},
        boards=tuple(boards),
        samples={slug: episodes for slug, episodes in samples.items() if episodes},
    )


def _board(placed: Sequence[Placed], card: Card, results: Path, out: Path) -> Board:
    first = placed[0].stored.result
    shots = sorted({shot.shots for one in placed for shot in one.stored.result.aggregates.shots})
    frozen = card.definition.shots if card.definition else tuple(shots)
    songs = query_songs(placed[0].stored, card.titles)
    return Board(
        track=first.track.name,
        protocol=first.protocol,
        unit=first.track.unit,
        headline_shot=first.track.headline_shot,
        shots=tuple(shots),
        entries=tuple(_entries(placed, songs, frozen, results, out)),
        songs=songs,
        records=_records(placed),
    )


def _entries(
    placed: Iterable[Placed], songs: Sequence[QuerySong], frozen: Sequence[int], results: Path, out: Path
) -> Iterable[Entry]:
    for one in placed:
        file = one.stored.path.relative_to(results).as_posix()
        yield entry_of(one, file, _copied_source(one.stored, out), songs, frozen)


def _copied_source(stored: StoredResult, out: Path) -> str:
    """Copy the submission file as it was evaluated into the site; return its name, "" if it is not found."""
    found = submission_file(root_of(stored.path), stored.result)
    data = found.evaluated if found else None
    if found is None or data is None:
        return ""
    name = f"submissions/{Path(found.path).stem}-{found.sha256[:12]}.py.txt"
    target = out / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return name
