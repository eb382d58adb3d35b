"""The CSV download of a track."""

from __future__ import annotations

import csv
import io

from fsdl_bench.site.view import Board, Entry, TrackView
from fsdl_bench.statistics import Estimate

_FIGURES = ("nll", "nats_per_token", "nats_per_song", "bits_per_second", "gain", "to_optimum")
COLUMNS = (
    *("track", "protocol", "shots", "rank", "tied", "standing", "model", "family", "exact", "unit"),
    *(f"{name}{end}" for name in (*_FIGURES, "over_lstm", "control_gain") for end in ("", "_low", "_high")),
    *("p_lstm", "seed_spread", "seeds", "parameters", "fit_seconds", "adapt_ms", "tokens_per_second"),
    *("status", "budget", "outside_data", "system"),
    *("created", "source", "sha256", "git_commit", "track_digest", "result"),
)


def track_csv(track: TrackView) -> str:
    """Return one line for each result and number of shots; cells without a figure are empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for board in track.boards:
        for entry in board.entries:
            writer.writerows(_lines(board, entry))
    return text.getvalue()


def _lines(board: Board, entry: Entry) -> list[dict[str, object]]:
    result = entry.result
    control = result.aggregates.control
    always = {
        "track": board.track,
        "protocol": board.protocol,
        "standing": entry.standing,
        "model": result.submission.name,
        "family": result.submission.family,
        "exact": result.submission.exact,
        "unit": board.unit,
        "seeds": " ".join(map(str, result.seeds)),
        "parameters": result.submission.parameters,
        "fit_seconds": result.cost.fit_seconds,
        "adapt_ms": result.cost.adapt_ms,
        "tokens_per_second": result.cost.tokens_per_second,
        "status": "verified" if entry.verified else "self-reported",
        "budget": result.submission.budget,
        "outside_data": result.submission.outside_data,
        "system": result.submission.system,
        "created": result.created.isoformat(),
        "source": result.submission.source,
        "sha256": result.submission.sha256,
        "git_commit": result.environment.git_commit,
        "track_digest": result.track.digest,
        "result": entry.file,
    }
    lines = []
    for shot in result.aggregates.shots:
        placing = entry.placing(shot.shots)
        line: dict[str, object] = always | {"shots": shot.shots, "seed_spread": shot.seed_spread}
        for name in _FIGURES:
            line |= _ends(name, getattr(shot, name))
        if control is not None and control.shots == shot.shots:
            line |= _ends("control_gain", control.gain)
        if placing is not None:
            line |= {"rank": placing.rank, "tied": placing.tied, "p_lstm": placing.p}
            line |= _ends("over_lstm", placing.over_baseline)
        lines.append(line)
    return lines


def _ends(name: str, figure: Estimate | None) -> dict[str, object]:
    if figure is None:
        return {}
    return {name: figure.mean, f"{name}_low": figure.low, f"{name}_high": figure.high}
