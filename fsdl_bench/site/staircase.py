"""The chart of a board's records: the best verified NLL of each budget class over time."""

from __future__ import annotations

from datetime import date, timedelta

from fsdl_bench.site.charts import Chart, Point, Series, draw
from fsdl_bench.site.figures import unit_words
from fsdl_bench.site.view import BUDGETS, Board

TICKS = 4
"""Dates below the chart, at most."""


def staircase(board: Board) -> Chart | None:
    """Return the chart; None without records."""
    if not board.records:
        return None
    unit = unit_words(board.unit)
    days = [date.fromisoformat(record.date).toordinal() for record in board.records]
    first, last = min(days), max(*days, min(days) + 7)
    series = [
        Series(
            budget,
            "",
            number,
            tuple(
                Point(
                    date.fromisoformat(record.date).toordinal(),
                    record.nll.mean,
                    record.nll.low,
                    record.nll.high,
                    f"{record.date}, {record.model}: {record.nll.text()} {unit}",
                )
                for record in board.records
                if record.budget == budget
            ),
        )
        for number, budget in enumerate(BUDGETS, start=1)
    ]
    shown = [one for one in series if one.values]
    means = [point.y for one in shown for point in one.values]
    step = max(1, -(-(last - first) // TICKS))
    ends = list(range(first, last + step, step))
    return draw(
        f"{board.protocol}-records",
        f"Records at {board.headline_shot} shots by budget class",
        shown,
        summary=f"The best verified NLL of each budget class over time, {unit}, on {board.track}.",
        x_title="date",
        y_title=unit,
        x_ticks=[(float(day), (date.min + timedelta(day - 1)).isoformat()) for day in ends],
        y_range=(min(means), max(means)),
        stairs=True,
    )
