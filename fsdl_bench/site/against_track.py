"""Compare a result with the track as it is built here: its song rows, its audits, the best possible score.

An expected row has the song, its tokens and units, and the Bayes-optimal nats where the truth is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fsdl_bench.results import Result, StoredResult
from fsdl_bench.site.finding import Finding

if TYPE_CHECKING:
    import pandas as pd

    from fsdl_bench.evaluation.cells import Cell
    from fsdl_bench.tracks.track import Track

FLOOR = {"byte": 0.3, "note": 0.3}
"""Figures below this, in the track's unit, are refused. No model of any size is known to come near them."""

_EXACT = ("tokens", "units")
_MEASURED = ("seconds", "optimal_nats")


def against_track(stored: StoredResult) -> Iterator[Finding]:
    """Yield a finding for each rule that needs the built track."""
    from fsdl_bench.episodes import episodes_digest, evaluation_episodes
    from fsdl_bench.evaluation.cells import cells_of

    result = stored.result
    yield _plausible(result)
    track, why = _built(result)
    if track is None:
        for rule in ("episodes", "rows", "audits planned"):
            yield Finding(rule, None, why)
        return
    definition = track.definition
    episodes = evaluation_episodes(track.test, definition)
    digest, stated = episodes_digest(episodes), result.track.episodes_digest
    same = "as in the built track" if digest == stated else f"but the built track has {digest}"
    yield Finding("episodes", digest == stated, f"{stated}, {same}")
    found = {shot.shots for shot in result.aggregates.shots} & set(definition.shots)
    cells = cells_of(episodes, sorted(found | definition.ranked_shots), definition.headline_shot)
    yield _rows(stored, _expected(track, cells, result))
    yield _planned(result, len(cells))
    if any(shot.to_optimum for shot in result.aggregates.shots):
        yield optimum_finding(result)


def _built(result: Result) -> tuple[Track | None, str]:
    """The track, or why nothing can be compared with it."""
    from fsdl_bench.tracks.track import built_tracks, load_track

    name = result.track.name
    how = f"build it with: fsdl-bench build {name}"
    if name not in built_tracks():
        return None, f"not checked: {name} is not built here; {how}"
    track = load_track(name)
    if track.digest != result.track.digest:
        return None, f"not checked: {name} as built here has digest {track.digest[:16]}; {how}"
    return track, ""


def _expected(track: Track, cells: list[Cell], result: Result) -> pd.DataFrame:
    """The rows that a complete run has, without nats."""
    import pandas as pd

    from fsdl_bench.evaluation.optimum import optimum

    optimal = optimum(track, result.protocol)
    measure = getattr(track.codec, "seconds", None)
    rows: list[dict[str, Any]] = [
        {
            "seed": seed,
            "condition": cell.condition,
            "shots": cell.shots,
            "artist": cell.episode.artist,
            "episode": cell.episode.index,
            "song_id": song.id,
            "tokens": len(song.tokens),
            "units": song.units,
            "seconds": float(measure(song.tokens)) if measure else None,
            "optimal_nats": least,
        }
        for seed in result.seeds
        for cell in cells
        for song, least in zip(cell.episode.query, optimal(cell), strict=True)
    ]
    return pd.DataFrame(rows).dropna(axis="columns", how="all")


def _rows(stored: StoredResult, expected: pd.DataFrame) -> Finding:
    import numpy as np

    from fsdl_bench.results.rows import KEY

    found = stored.rows.astype(dict.fromkeys(("condition", "artist", "song_id"), str))
    both = expected.merge(
        found, on=list(KEY), how="outer", suffixes=("", "_stated"), indicator=True, validate="1:1"
    )
    for side, words in (("left_only", "missing"), ("right_only", "not part of the track's evaluation")):
        if (wrong := both["_merge"] == side).any():
            return Finding(
                "rows", False, f"{wrong.sum()} of {len(expected)} rows are {words}: {_first(both[wrong])}"
            )
    for name in (*_EXACT, *_MEASURED):
        if name not in expected:
            if name in found:
                return Finding("rows", False, f"the column {name} has no meaning on this track")
            continue
        if f"{name}_stated" not in both:
            return Finding("rows", False, f"the column {name} is missing")
        close = np.isclose(both[name], both[f"{name}_stated"], rtol=0 if name in _EXACT else 1e-9, atol=0)
        if not close.all():
            row = both[~close].iloc[0]
            return Finding(
                "rows",
                False,
                f"{(~close).sum()} of {len(expected)} rows have other {name} than the built track: expected "
                f"{row[name]:g}, found {row[f'{name}_stated']:g} in {_first(both[~close])}",
            )
    return Finding(
        "rows",
        True,
        f"all {len(expected):,} songs of all cells, with the tokens and units of the built track",
    )


def _first(rows: pd.DataFrame) -> str:
    row = rows.iloc[0]
    return (
        f"seed {row.seed}, {row.artist}, episode {row.episode}, {row.shots} shots, {row.condition}, "
        f"song {row.song_id}"
    )


def _planned(result: Result, cells: int) -> Finding:
    """Every rule was checked as often as a complete run checks it."""
    from fsdl_bench.evaluation.verdicts import least_checks

    found = {verdict.rule: verdict.checks for verdict in result.audits}
    least = least_checks(
        result.mode, cells, len(result.seeds), result.rows.count, exact=result.submission.exact
    )
    if few := [
        f"{rule}: expected at least {count:,}, found {found.get(rule, 0):,}"
        for rule, count in least.items()
        if found.get(rule, 0) < count
    ]:
        return Finding("audits planned", False, "; ".join(few))
    return Finding(
        "audits planned", True, f"{len(least)} rules, each checked as often as a complete run does"
    )


def _plausible(result: Result) -> Finding:
    floor, unit = FLOOR[result.track.unit], result.track.unit
    least = min(shot.nll.mean for shot in result.aggregates.shots)
    if least < floor and not any(shot.to_optimum for shot in result.aggregates.shots):
        return Finding("plausible", False, f"{least:.4f} per {unit}; no known model comes below {floor}")
    return Finding("plausible", True, f"{least:.4f} per {unit} or more at every number of shots")


def optimum_finding(result: Result) -> Finding:
    """On a synthetic track no model is better on average than the Bayes-optimal predictor."""
    if result.submission.family == "reference":
        return Finding("optimum", True, "a reference, which may know the truth")
    for shot in result.aggregates.shots:
        gap = shot.to_optimum
        if gap is not None and gap.high is not None and gap.high < 0:
            return Finding(
                "optimum", False, f"{shot.shots} shots: {-gap.mean:.4f} better than the best possible"
            )
    return Finding("optimum", True, "no better than the best possible")
