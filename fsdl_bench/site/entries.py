"""Turn a placed result into an entry: figures by artist and by song, and the commands to reproduce it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fsdl_bench.results import Result, artist_figures, in_unit
from fsdl_bench.site.boards import Placed
from fsdl_bench.site.view import ArtistLine, Entry, SongLine

if TYPE_CHECKING:
    import pandas as pd

SONGS_SHOWN = 5


def entry_of(
    placed: Placed, file: str, source_file: str, titles: Mapping[str, str], frozen: Sequence[int]
) -> Entry:
    """Return the entry of a placed result.

    Args:
        placed: the result with its rank.
        file: the path of the result below the folder of results.
        source_file: the copy of the submission file in the site, or "".
        titles: song id -> title, for songs with a known title.
        frozen: the track's numbers of shots.
    """
    songs = _songs(placed, titles)
    return Entry(
        slug=placed.slug,
        standing=placed.standing,
        verified=placed.verified,
        reason=placed.reason,
        file=file,
        source_file=source_file,
        result=placed.stored.result,
        placings=placed.placings,
        artists=tuple(_artists(placed)),
        gains_most=tuple(songs[:SONGS_SHOWN]),
        gains_least=tuple(songs[SONGS_SHOWN:][::-1][:SONGS_SHOWN]),
        reproduce=tuple(reproduce(placed.stored.result, frozen)),
    )


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


def _songs(placed: Placed, titles: Mapping[str, str]) -> list[SongLine]:
    """The query songs, the largest gain first; none if the support changes no score."""
    frame, track = placed.stored.rows, placed.stored.result.track
    right = frame[frame["condition"] == "right"]
    zero, shown = (_by_song(right[right["shots"] == shots]) for shots in (0, track.headline_shot))
    if zero.empty or shown.empty:
        return []
    gains = (zero["nats"] - shown["nats"]) / shown["units"] * in_unit(track.unit)
    if not gains.any():
        return []
    ordered = gains.sort_values(ascending=False, kind="stable")
    names, songs = (ordered.index.get_level_values(level).tolist() for level in ("artist", "song_id"))
    return [
        SongLine(song_id=song, title=titles.get(song, ""), artist=name, gain=float(gain))
        for name, song, gain in zip(names, songs, ordered.to_numpy(), strict=True)
    ]


def _by_song(rows: pd.DataFrame) -> pd.DataFrame:
    columns = {name: rows[name].astype(str) for name in ("artist", "song_id")}
    return rows.assign(**columns).groupby(["artist", "song_id"])[["nats", "units"]].sum()
