"""Choose the charts of a board and of a model page, and the models in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from fsdl_bench.generation.page import counted
from fsdl_bench.results import ShotSummary
from fsdl_bench.site.charts import COLOURS, Chart, Point, Series, draw, ticks
from fsdl_bench.site.view import BASELINE, Board, Entry
from fsdl_bench.statistics import Estimate

FAR = 1.5
"""A model whose NLL is above FAR times the best is named below a chart, not drawn in it."""

Figure = Callable[[ShotSummary], Estimate | None]


def unit_words(unit: str) -> str:
    """Return the unit of the headline in words."""
    return "bits per byte" if unit == "byte" else "nats per note"


def board_charts(board: Board) -> list[Chart]:
    """Return the charts of a board: NLL, gain, distance to the optimum, cost, and the control."""
    unit, headline = unit_words(board.unit), board.headline_shot
    colours, near = colours_of(board), _near(board)
    shown = board.of("ranked", "reference")
    far = [entry for entry in shown if entry not in near]
    left_out = f"Outside the chart: {_names(far, headline)}." if far else ""
    adaptive = [entry for entry in shown if _gains(entry)]
    still = "Models that do not adapt have no gain and are not drawn."
    ranked = [entry for entry in near if entry.standing == "ranked"]
    found = [
        _curves(board, "nll", "NLL by support songs", near, colours, lambda shot: shot.nll, unit, left_out),
        _curves(board, "gain", "Gain over zero shots", adaptive, colours, _gain, unit, still),
        _curves(
            board,
            "optimum",
            "Distance to the Bayes-optimal predictor",
            ranked,
            colours,
            lambda shot: shot.to_optimum,
            unit,
            left_out,
        ),
        _cost(board, near, colours, unit, left_out),
    ]
    if found[2] is None:
        found.append(_artist(board, adaptive, colours, unit, still))
    return [chart for chart in found if chart]


def model_chart(board: Board, entry: Entry) -> Chart | None:
    """Return the chart of one model: its NLL by shots, with the best model and the baseline."""
    ranked = board.of("ranked")
    others = [one for one in ranked if one.slug == BASELINE or one is ranked[0]]
    shown = [entry, *(one for one in others if one.slug != entry.slug)]
    colours = {one.slug: number for number, one in enumerate(shown, start=1)}
    unit = unit_words(board.unit)
    return _curves(board, "nll", "NLL by support songs", shown, colours, lambda shot: shot.nll, unit, "")


def training_chart(board: Board, entry: Entry) -> Chart | None:
    """Return the validation curve of the weights behind a result; None if it comes with none."""
    if len(entry.curve) < 2:
        return None
    unit = unit_words(board.unit)
    points = tuple(
        Point(batches, nll, None, None, f"{batches:,} batches: {nll:.4f} nats per token")
        for batches, nll in entry.curve
    )
    figures = [point.y for point in points]
    return draw(
        f"{board.protocol}-training",
        "Training curve of the shipped weights",
        [Series("validation NLL", "", 1, points)],
        summary=f"Validation NLL of the weights by training batches, on {board.track}; final {unit} above.",
        x_title="training batches",
        y_title="nats per token without support",
        x_ticks=[(at, f"{at:,.0f}") for at, _ in ticks(0.0, points[-1].x, most=5)],
        y_range=(min(figures), max(figures)),
    )


def colours_of(board: Board) -> dict[str, int]:
    """Return a colour for each of the best models and the baseline; 0 for the others, -1 for references."""
    ranked = [entry.slug for entry in board.of("ranked")]
    first = ranked[:COLOURS]
    if BASELINE in ranked[COLOURS:]:
        first[-1] = BASELINE
    colours = {slug: first.index(slug) + 1 if slug in first else 0 for slug in ranked}
    return colours | {entry.slug: -1 for entry in board.of("reference")}


def _near(board: Board) -> list[Entry]:
    """The entries with an NLL of at most FAR times the best."""
    headline = board.headline_shot
    there = [
        (entry, shot.nll.mean) for entry in board.of("ranked", "reference") if (shot := entry.at(headline))
    ]
    ranked = [nll for entry, nll in there if entry.standing == "ranked"]
    best = min(ranked or [nll for _, nll in there], default=0.0)
    return [entry for entry, nll in there if nll <= FAR * best]


def _gain(shot: ShotSummary) -> Estimate | None:
    return shot.gain if shot.shots else Estimate(mean=0.0, low=0.0, high=0.0)


def _gains(entry: Entry) -> bool:
    return any(shot.gain is not None and shot.gain.mean != 0 for shot in entry.result.aggregates.shots)


def _names(entries: Sequence[Entry], shots: int) -> str:
    texts = []
    for entry in entries[:6]:
        shot = entry.at(shots)
        texts.append(entry.result.submission.name + (f" ({shot.nll.mean:.2f})" if shot else ""))
    more = f" and {len(entries) - 6} more" if len(entries) > 6 else ""
    return ", ".join(texts) + more


def _curves(
    board: Board,
    key: str,
    title: str,
    entries: Sequence[Entry],
    colours: dict[str, int],
    figure: Figure,
    unit: str,
    note: str,
) -> Chart | None:
    """A chart with one line per model; the horizontal axis is log2(1 + K)."""

    def values(entry: Entry) -> list[Point]:
        return [
            _value(math.log2(1 + shot.shots), found, counted(shot.shots, "shot"), unit)
            for shot in entry.result.aggregates.shots
            if (found := figure(shot)) is not None
        ]

    series = [one for one in _series(entries, colours, values) if len(one.values) > 1]
    if not series:
        return None
    shots = [k for k in board.shots if any(math.log2(1 + k) == v.x for one in series for v in one.values)]
    drawn = ", ".join(map(str, shots))
    return draw(
        f"{board.protocol}-{key}",
        title,
        series,
        summary=f"{title}, {unit}, on {board.track}: {counted(len(series), 'model')} at {drawn} shots.",
        x_title="support songs",
        y_title=unit,
        x_ticks=[(math.log2(1 + k), str(k)) for k in shots],
        y_range=_range(series, zero=key != "nll"),
        note=_note(series, note),
    )


def _cost(
    board: Board, entries: Sequence[Entry], colours: dict[str, int], unit: str, note: str
) -> Chart | None:

    def values(entry: Entry) -> list[Point]:
        ms, shot = entry.result.cost.adapt_ms, entry.at(board.headline_shot)
        return (
            [_value(math.log10(ms), shot.nll, f"{milliseconds(ms)} per episode", unit)] if ms and shot else []
        )

    series = _series(entries, colours, values)
    if not series:
        return None
    powers = [value.x for one in series for value in one.values]
    low, high = math.floor(min(powers)), max(math.ceil(max(powers)), math.floor(min(powers)) + 1)
    return draw(
        f"{board.protocol}-cost",
        f"NLL at {board.headline_shot} shots by adaptation time",
        series,
        summary=f"NLL at {board.headline_shot} shots by adaptation time per episode, on {board.track}.",
        x_title="adaptation time per episode (log scale)",
        y_title=unit,
        x_ticks=[(power, milliseconds(10.0**power)) for power in range(low, high + 1)],
        y_range=_range(series),
        note=_note(series, note),
        joined=False,
    )


def _artist(
    board: Board, entries: Sequence[Entry], colours: dict[str, int], unit: str, note: str
) -> Chart | None:
    """The control gain by the gain: how much of the gain is specific to the artist."""

    def values(entry: Entry) -> list[Point]:
        control, shot = entry.result.aggregates.control, entry.at(board.headline_shot)
        if not (control and shot and shot.gain):
            return []
        return [_value(shot.gain.mean, control.gain, f"gain {shot.gain.mean:+.4f}, wrong − right", unit)]

    series = _series(entries, colours, values)
    if not series:
        return None
    title = "Wrong − right artist by gain"
    gains = [value.x for one in series for value in one.values]
    return draw(
        f"{board.protocol}-artist",
        title,
        series,
        summary=f"{title} over zero shots, at {board.headline_shot} shots, on {board.track}.",
        x_title=f"gain over 0 shots, {unit}",
        y_title=unit,
        x_ticks=ticks(min(0.0, *gains), max(gains), most=5),
        y_range=_range(series, zero=True),
        note=_note(series, note),
        joined=False,
    )


def _series(
    entries: Sequence[Entry], colours: dict[str, int], values: Callable[[Entry], Sequence[Point]]
) -> list[Series]:
    """One series per model with values."""
    return [
        Series(entry.result.submission.name, entry.slug, colours[entry.slug], tuple(found))
        for entry in entries
        if (found := values(entry))
    ]


def milliseconds(value: float) -> str:
    """Return a time in milliseconds with a suitable unit: "2.5 ms", "40 s", "3 min"."""
    for size, unit in ((3.6e6, "h"), (6e4, "min"), (1e3, "s"), (1.0, "ms"), (1e-3, "µs")):
        if value >= size * 0.9995 or unit == "µs":
            return f"{value / size:.3g} {unit}"
    raise AssertionError


def _value(x: float, figure: Estimate, at: str, unit: str) -> Point:
    return Point(x, figure.mean, figure.low, figure.high, f"{at}: {figure.text()} {unit}")


def _range(series: Sequence[Series], *, zero: bool = False) -> tuple[float, float]:
    """The range of all means and of the intervals of coloured series; with `zero`, including 0."""
    values = [value for one in series for value in one.values]
    ends = [end for one in series if one.colour > 0 for v in one.values for end in (v.low, v.high)]
    means = [value.y for value in values]
    every = [*means, *(end for end in ends if end is not None), *([0.0] if zero else [])]
    return min(every), max(every)


def _note(series: Sequence[Series], note: str) -> str:
    grey = sum(one.colour == 0 for one in series)
    return " ".join([f"In grey: {counted(grey, 'more model')}."] * bool(grey) + [note] * bool(note))
