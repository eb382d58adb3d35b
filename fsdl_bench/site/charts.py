"""Charts as geometry: values go in, positions in an SVG come out; `templates/macros.html` writes them.

A chart is wide enough for names at the right end of its lines and small enough to be read on a telephone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

WIDTH, HEIGHT = 540, 330
LEFT, RIGHT, TOP, BOTTOM = 52, 138, 14, 46
LABEL_GAP = 15.0
MINUS = "−"
COLOURS = 8
"""How many lines a chart tells apart by colour and by the shape of their marks."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value to draw: where it stands, its interval, and what it reads."""

    x: float
    y: float
    low: float | None
    high: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Series:
    """A line of values. Colour 0 is drawn thin and grey, without marks; -1 is a dashed reference."""

    name: str
    link: str
    colour: int
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A value in the SVG's pixels."""

    x: float
    y: float
    low: float | None
    high: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A series in the SVG's pixels, with the place of its name."""

    name: str
    link: str
    colour: int
    marks: tuple[Mark, ...]
    path: str
    band: str
    label_y: float


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything that the template writes down.

    Attributes:
        note: what is not in the picture, in words.
        table: the values as (name, texts), for those who read rather than look.
    """

    key: str
    title: str
    summary: str
    x_title: str
    y_title: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[Line, ...]
    zero: float | None
    note: str
    joined: bool
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map from values to pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 2)

    def clipped(self, value: float) -> float:
        """The pixel of a value, held inside the picture."""
        return self(min(max(value, self.low), self.high))


def draw(
    key: str,
    title: str,
    series: Sequence[Series],
    *,
    summary: str,
    x_title: str,
    y_title: str,
    x_ticks: Sequence[tuple[float, str]],
    y_range: tuple[float, float],
    note: str = "",
    joined: bool = True,
) -> Chart:
    """Lay out a chart.

    Args:
        key: its id in the page.
        title: what it shows.
        series: the lines, the most important first.
        summary: the same in a sentence, for screen readers.
        x_title: below the horizontal axis.
        y_title: above the vertical axis.
        x_ticks: (value, text), ascending; the axis reaches from the first to the last.
        y_range: lowest and highest value; it is widened a little.
        note: what was left out.
        joined: whether the values of a series are joined by a line, with a band for their intervals.
    """
    steps = ticks(*y_range)
    pad = 0 if joined else 0.04 * (x_ticks[-1][0] - x_ticks[0][0])
    across = Scale(x_ticks[0][0] - pad, x_ticks[-1][0] + pad, LEFT, WIDTH - RIGHT)
    room = 0.06 * (y_range[1] - y_range[0]) or 0.06 * abs(y_range[0]) or 1.0
    down = Scale(y_range[0] - room, y_range[1] + room, HEIGHT - BOTTOM, TOP)
    digits = decimals(steps)
    lines = [_line(one, across, down, joined) for one in series]
    return Chart(
        key=key,
        title=title,
        summary=summary,
        x_title=x_title,
        y_title=y_title,
        x_ticks=tuple(Tick(across(at), text.replace("-", MINUS)) for at, text in x_ticks),
        y_ticks=tuple(
            Tick(down(at), f"{at:.{digits}f}".replace("-", MINUS))
            for at in steps
            if down.low <= at <= down.high
        ),
        lines=tuple(_spread(lines)),
        zero=down(0.0) if down.low < 0 < down.high else None,
        note=note,
        joined=joined,
    )


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers from at or below `low` to at or above `high`, about so many."""
    if high <= low:
        low, high = low - abs(low) * 0.05 - 1e-3, high + abs(high) * 0.05 + 1e-3
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def decimals(steps: Sequence[float]) -> int:
    """How many decimals tell neighbouring ticks apart."""
    return max(0, -math.floor(math.log10(steps[1] - steps[0]) + 1e-9))


def _line(series: Series, across: Scale, down: Scale, joined: bool) -> Line:
    marks = tuple(
        Mark(
            across(value.x),
            down.clipped(value.y),
            None if value.low is None else down.clipped(value.low),
            None if value.high is None else down.clipped(value.high),
            value.text,
        )
        for value in series.values
    )
    ends = [mark for mark in marks if mark.low is not None and mark.high is not None]
    upper = [(mark.x, mark.high or 0.0) for mark in ends]
    lower = [(mark.x, mark.low or 0.0) for mark in reversed(ends)]
    return Line(
        name=series.name,
        link=series.link,
        colour=series.colour,
        marks=marks,
        path=_points((mark.x, mark.y) for mark in marks) if joined else "",
        band=_points([*upper, *lower]) if joined and series.colour > 0 and len(ends) > 1 else "",
        label_y=marks[-1].y if marks else 0.0,
    )


def _points(pairs: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in pairs)


def _spread(lines: Sequence[Line]) -> list[Line]:
    """The lines with their names moved apart, as little as can be, so that none covers another."""
    named = sorted((index for index, line in enumerate(lines) if line.colour), key=lambda i: lines[i].label_y)

    def first_place(group: Sequence[int]) -> float:
        """Of a group whose names stand close: where the first stands, so that the rest is near its lines."""
        wanted = [lines[index].label_y - LABEL_GAP * row for row, index in enumerate(group)]
        lowest = HEIGHT - BOTTOM - LABEL_GAP * (len(group) - 1)
        return min(max(sum(wanted) / len(wanted), TOP), lowest)

    groups: list[list[int]] = []
    for index in named:
        group = [index]
        while groups and first_place(groups[-1]) + LABEL_GAP * len(groups[-1]) > first_place(group):
            group = groups.pop() + group
        groups.append(group)
    moved = {
        index: first_place(group) + LABEL_GAP * row for group in groups for row, index in enumerate(group)
    }
    return [replace(line, label_y=round(moved.get(i, line.label_y), 2)) for i, line in enumerate(lines)]
