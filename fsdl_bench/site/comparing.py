"""The data of the pages that compare two models, and of the pages of artists.

A page that is opened as a file may not fetch another file, but may load a script. So each model has a
script of its own that hands its figures to `assets/compare.js`.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from fsdl_bench.site.boards import slug_of
from fsdl_bench.site.formats import interval, number
from fsdl_bench.site.view import ArtistLine, Board, Entry, TrackView
from fsdl_bench.statistics import Estimate


def page_data(track: TrackView) -> dict[str, Any]:
    """Return what the comparison of any two models of a track needs: names, artists and songs."""
    return {
        "protocols": {
            board.protocol: {
                "headline": board.headline_shot,
                "models": [[entry.slug, entry.result.submission.name] for entry in board.shown()],
                "artists": [[key, track.name_of(key), slug_of(key)] for key in board.artists()],
                "songs": [[song.artist, song.title or song.song_id[:12]] for song in board.songs],
            }
            for board in track.boards
        }
    }


def model_script(track: TrackView, slug: str) -> str:
    """Return the script with one model's figures in every protocol."""
    found = {
        board.protocol: _figures(entry)
        for board in track.boards
        for entry in board.shown()
        if entry.slug == slug
    }
    return f"fsdlModel({json.dumps(slug)}, {json.dumps(found, separators=(',', ':'))});\n"


def _figures(entry: Entry) -> dict[str, Any]:
    control = entry.result.aggregates.control
    return {
        "shots": [[shot.shots, *_ends(shot.nll)] for shot in entry.result.aggregates.shots],
        "gain": {shot.shots: _ends(shot.gain) for shot in entry.result.aggregates.shots if shot.gain},
        "control": _ends(control.gain) if control else None,
        "artists": {line.artist: round(line.nll, 6) for line in entry.artists},
        "songs": entry.song_nll,
    }


def _ends(estimate: Estimate) -> tuple[float, str, str]:
    return estimate.mean, number(estimate.mean), interval(estimate)


class ArtistRow(NamedTuple):
    """One model's figures on one artist's songs."""

    entry: Entry
    line: ArtistLine


class SongRow(NamedTuple):
    """A query song, its lowest NLL of a ranked model, and that model."""

    title: str
    nll: float | None
    entry: Entry | None


def artist_rows(board: Board, artist: str) -> list[ArtistRow]:
    """Return the ranked and self-reported models by their NLL on an artist's songs, the lowest first."""
    found = [
        ArtistRow(entry, line)
        for entry in board.of("ranked", "unverified", "reference")
        for line in entry.artists
        if line.artist == artist
    ]
    return sorted(found, key=lambda row: row.line.nll)


def song_rows(board: Board, artist: str) -> list[SongRow]:
    """Return an artist's query songs, each with the ranked model that predicts it best."""
    ranked = [entry for entry in board.of("ranked") if entry.song_nll]
    rows = []
    for place, song in enumerate(board.songs):
        if song.artist == artist:
            best = min(ranked, key=lambda entry: entry.song_nll[place], default=None)
            title = song.title or song.song_id[:12]
            rows.append(SongRow(title, best.song_nll[place] if best else None, best))
    return rows
