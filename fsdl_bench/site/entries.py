"""Turn a placed result into an entry: figures by artist and by song, and the commands to reproduce it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import fsdl_bench
from fsdl_bench.results import Result, StoredResult, artist_figures, in_unit
from fsdl_bench.site.boards import Placed
from fsdl_bench.site.view import ArtistLine, Entry, QuerySong, SongLine

if TYPE_CHECKING:
    import pandas as pd

SONGS_SHOWN = 5


def entry_of(
    placed: Placed, file: str, source_file: str, songs: Sequence[QuerySong], frozen: Sequence[int]
) -> Entry:
    """Return the entry of a placed result.

    Args:
        placed: the result with its rank.
        file: the path of the result below the folder of results.
        source_file: the copy of the submission file in the site, or "".
        songs: the query songs of the board.
        frozen: the track's numbers of shots.
    """
    stored = placed.stored
    shots, scale = stored.result.track.headline_shot, in_unit(stored.result.track.unit)
    headline = _rates(stored, shots) * scale
    gains = _gains(_rates(stored, 0) * scale, headline, {song.song_id: song.title for song in songs})
    places = [(song.artist, song.song_id) for song in songs]
    return Entry(
        slug=placed.slug,
        standing=placed.standing,
        verified=placed.verified,
        reason=placed.reason,
        file=file,
        source_file=source_file,
        result=stored.result,
        placings=placed.placings,
        artists=tuple(_artists(placed)),
        gains_most=tuple(gains[:SONGS_SHOWN]),
        gains_least=tuple(gains[SONGS_SHOWN:][::-1][:SONGS_SHOWN]),
        song_nll=tuple(headline.round(4)) if headline.index.tolist() == places else (),
        curve=_curve(stored.result),
        reproduce=tuple(reproduce(stored.result, frozen)),
    )


def query_songs(stored: StoredResult, titles: Mapping[str, str]) -> tuple[QuerySong, ...]:
    """Return the query songs that a result scored, sorted by artist and id."""
    found = _rates(stored, stored.result.track.headline_shot).index.tolist()
    return tuple(QuerySong(artist=artist, song_id=song, title=titles.get(song, "")) for artist, song in found)


def _curve(result: Result) -> tuple[tuple[int, float], ...]:
    """The validation curve of the shipped weights that a result names in its notes."""
    named = str(result.submission.notes.get("weights", "")).rpartition(" ")[2]
    for card in sorted((Path(fsdl_bench.__file__).parent / "pretrained" / result.track.name).glob("*.json")):
        found = json.loads(card.read_bytes())
        if named and found["sha256"] == named and found["training"]["curve"]:
            return tuple((int(batches), float(nll)) for batches, nll in found["training"]["curve"])
    return ()


def reproduce(result: Result, frozen: Sequence[int]) -> list[str]:
    """Return the shell commands that reproduce the result in a clone of the repository."""
    submission, settings = result.submission, result.submission.arguments
    words = ["fsdl-bench", "evaluate", "--submission", submission.source, "--track", result.track.name]
    words += ["--name", submission.name]
    words += [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    if result.protocol != "independent":
        words += ["--protocol", result.protocol]
    shots = [shot.shots for shot in result.aggregates.shots]
    if shots != list(frozen):
        words += ["--shots", ",".join(map(str, shots))]
    if result.seeds != (0,):
        words += ["--seeds", ",".join(map(str, result.seeds))]
    if (device := result.environment.device.split(" ")[0]) != "cpu":
        words += ["--device", device]
    if result.track.split != "test":
        words += ["--split", result.track.split]
    commit = result.environment.git_commit
    checkout = [f"git checkout {commit}"] if commit else []
    return [*checkout, f"fsdl-bench build {shlex.quote(result.track.name)}", shlex.join(words)]


def _artists(placed: Placed) -> list[ArtistLine]:
    """One line per artist at the headline shot, the largest gain first."""
    frame, track = placed.stored.rows, placed.stored.result.track
    shots, scale = track.headline_shot, in_unit(track.unit)
    right = frame[frame["condition"] == "right"]
    if not (right["shots"] == shots).any():
        return []
    names, nll = artist_figures(frame, shots=shots)
    zero = artist_figures(frame, shots=0)[1] if shots and (right["shots"] == 0).any() else None
    control = frame[frame["condition"] == "control"]
    wrong = artist_figures(frame, shots=shots, condition="control")[1] if len(control) else None
    lines = [
        ArtistLine(
            artist=name,
            nll=float(nll[index] * scale),
            gain=float((zero[index] - nll[index]) * scale) if zero is not None else None,
            control_gain=float((wrong[index] - nll[index]) * scale) if wrong is not None else None,
        )
        for index, name in enumerate(names)
    ]
    return sorted(lines, key=lambda line: (-(line.gain or 0.0), line.artist))


def _gains(zero: pd.Series[float], shown: pd.Series[float], titles: Mapping[str, str]) -> list[SongLine]:
    """The query songs, the largest gain first; none if the support changes no score."""
    if zero.empty or shown.empty:
        return []
    gains = zero - shown
    if not gains.any():
        return []
    ordered = gains.sort_values(ascending=False, kind="stable")
    return [
        SongLine(song_id=song, title=titles.get(song, ""), artist=name, gain=gain)
        for (name, song), gain in zip(ordered.index.tolist(), ordered.tolist(), strict=True)
    ]


def _rates(stored: StoredResult, shots: int) -> pd.Series[float]:
    """Nats per unit of each query song, given the right support, by artist and song id."""
    frame = stored.rows
    rows = frame[(frame["condition"] == "right") & (frame["shots"] == shots)]
    sums = rows.groupby(["artist", "song_id"], observed=True)[["nats", "units"]].sum().sort_index()
    return sums["nats"] / sums["units"]
