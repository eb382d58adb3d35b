"""Charts as geometry: from values to positions in an SVG. `templates/macros.html` writes the SVG.

Plotting libraries do not keep names at the ends of lines apart, draw one colour scheme at a time, and need
0.1 s a chart, too long for a page of each model. A narrow screen cuts the names off and shows a legend.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

WIDTH, HEIGHT = 540, 330
LEFT, TOP, BOTTOM = 56, 14, 46
LABEL_GAP = 15.0
MINUS = "−"
LETTER = 7.4
"""The width of a letter in a name or at an axis, at most on average."""

PHONE = 1.4 * LETTER
"""The width of a letter at an axis where the page is narrow, and the text larger for it."""

COLOURS = 5
"""The number of lines of a chart that have a colour and a marker shape of their own."""


@dataclass(frozen=True, slots=True)
class Point:
    """One value with its interval, in data coordinates (`Series`) or in pixels (`Line`), and its text."""

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
    values: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A series in pixels, with the position of its name; no position if there is no room."""

    name: str
    link: str
    colour: int
    marks: tuple[Point, ...]
    path: str
    band: str
    label: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart as the template needs it.

    Attributes:
        zero: the pixel of the horizontal line at 0; None if 0 is outside the chart.
        note: which models the chart leaves out, in words.
        joined: whether the values of a series are joined by a line.
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
    right: int = WIDTH
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
        """Return the pixel of a value."""
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 2)

    def clipped(self, value: float) -> float:
        """Return the pixel of a value, clipped to the chart."""
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
    stairs: bool = False,
) -> Chart:
    """Lay out a chart.

    Args:
        key: the chart's id in the page.
        title: the caption.
        series: the lines, the most important first.
        summary: a sentence for screen readers.
        x_title: the name of the horizontal axis.
        y_title: the name of the vertical axis.
        x_ticks: (value, text), ascending. The axis extends from the first to the last.
        y_range: the lowest and the highest value. The axis extends 6% further on both sides.
        note: which models are left out.
        joined: whether the values of a series are joined by a line, with a band for their intervals.
        stairs: whether that line keeps each value until the next one, up to the right end; without a band.
    """
    pad = 0 if joined else 0.04 * (x_ticks[-1][0] - x_ticks[0][0])
    longest = max((len(one.name) for one in series if one.colour), default=0)
    right = WIDTH - (26 + round(LETTER * min(longest, 30)) if joined else 24)
    across = Scale(x_ticks[0][0] - pad, x_ticks[-1][0] + pad, LEFT, right)
    room = 0.06 * (y_range[1] - y_range[0]) or 0.06 * abs(y_range[0]) or 1.0
    down = Scale(y_range[0] - room, y_range[1] + room, HEIGHT - BOTTOM, TOP)
    steps = ticks(down.low, down.high)
    lines = [_line(one, across, down, joined, stairs) for one in series]
    return Chart(
        key=key,
        title=title,
        summary=summary,
        x_title=x_title,
        y_title=y_title,
        x_ticks=_apart([Tick(across(at), text) for at, text in x_ticks]),
        y_ticks=tuple(Tick(down(at), text) for at, text in steps if down.low <= at <= down.high),
        lines=tuple(_spread(lines, right + 15) if joined else _beside(lines, right)),
        zero=down(0.0) if down.low < 0 < down.high else None,
        note=note,
        joined=joined,
        right=right,
    )


def ticks(low: float, high: float, most: int = 6) -> list[tuple[float, str]]:
    """Return round numbers from at or below `low` to at or above `high`, with their texts.

    Args:
        low: the lowest value.
        high: the highest value.
        most: the largest number of steps between them.
    """
    from matplotlib import rc_context
    from matplotlib.ticker import MaxNLocator, ScalarFormatter

    if low == high:
        low, high = low - 0.05 * abs(low) - 1e-3, high + 0.05 * abs(high) + 1e-3
    found = list(MaxNLocator(most, steps=[1, 2, 5, 10]).tick_values(low, high))
    formatter = ScalarFormatter(useOffset=False)
    formatter.set_scientific(False)
    with rc_context({"axes.unicode_minus": True}):
        return [(float(at), text) for at, text in zip(found, formatter.format_ticks(found), strict=True)]


def _line(series: Series, across: Scale, down: Scale, joined: bool, stairs: bool) -> Line:
    marks = tuple(
        Point(
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
    banded = joined and not stairs and series.colour > 0
    return Line(
        name=series.name,
        link=series.link,
        colour=series.colour,
        marks=marks,
        path=_points(_path(marks, across(across.high) if stairs else None)) if joined else "",
        band=_points([*upper, *lower]) if banded and len(ends) > 1 else "",
        label=None,
    )


def _path(marks: Sequence[Point], end: float | None) -> list[tuple[float, float]]:
    """The corners of a line through the marks; of stairs up to `end` if it is given."""
    places = [(mark.x, mark.y) for mark in marks]
    if end is None:
        return places
    following = [x for x, _ in places[1:]] + [end]
    corners = [[(x, y), (until, y)] for (x, y), until in zip(places, following, strict=True)]
    return [corner for pair in corners for corner in pair]


def _points(pairs: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in pairs)


def _apart(found: Sequence[Tick]) -> tuple[Tick, ...]:
    """Every tick, or every second, third ... so that no text touches the next, on a phone either."""
    for step in range(1, len(found) + 1):
        kept = tuple(found[::step])
        gaps = [two.at - one.at - PHONE * (len(one.text) + len(two.text)) / 2 for one, two in pairwise(kept)]
        if min(gaps, default=10.0) >= 10:
            return kept
    return tuple(found[:1])


def _spread(lines: Sequence[Line], across: float) -> list[Line]:
    """Put the names at the right ends of the lines, moved apart as little as possible."""
    ends = {i: line.marks[-1].y for i, line in enumerate(lines) if line.colour and line.marks}

    def first_place(group: Sequence[int]) -> float:
        """The position of a group's first name that keeps all its names close to their lines."""
        wanted = [ends[index] - LABEL_GAP * row for row, index in enumerate(group)]
        lowest = HEIGHT - BOTTOM - LABEL_GAP * (len(group) - 1)
        return min(max(sum(wanted) / len(wanted), TOP), lowest)

    groups: list[list[int]] = []
    for index in sorted(ends, key=lambda index: ends[index]):
        group = [index]
        while groups and first_place(groups[-1]) + LABEL_GAP * len(groups[-1]) > first_place(group):
            group = groups.pop() + group
        groups.append(group)
    places = {
        index: first_place(group) + LABEL_GAP * row for group in groups for row, index in enumerate(group)
    }
    return [
        replace(line, label=(across, round(places[i], 2))) if i in places else line
        for i, line in enumerate(lines)
    ]


def _beside(lines: Sequence[Line], right: float) -> list[Line]:
    """Put each name next to its mark where it covers no other name or mark; without room, nowhere."""
    taken = [
        (mark.x - 6, mark.y - 6, mark.x + 6, mark.y + 6)
        for line in lines
        for mark in line.marks
        if line.colour
    ]
    found = list(lines)
    for index, line in enumerate(lines):
        wide = LETTER * len(line.name)
        for mark in line.marks[:1] if line.colour else ():
            for x, y in (
                *((mark.x + 10, mark.y + step) for step in (0, -9, 9)),
                *((mark.x - 10 - wide, mark.y + step) for step in (0, -9, 9)),
                *((mark.x - wide / 2, mark.y + step) for step in (-16, 16)),
            ):
                box = (x, y - 7, x + wide, y + 7)
                inside = x >= LEFT and box[2] <= right + 20 and box[1] >= 0 and box[3] <= HEIGHT - BOTTOM
                if inside and not any(_meet(box, other) for other in taken):
                    taken.append(box)
                    found[index] = replace(line, label=(round(x, 2), round(y, 2)))
                    break
    return found


Box = tuple[float, float, float, float]


def _meet(one: Box, two: Box) -> bool:
    return one[0] < two[2] and two[0] < one[2] and one[1] < two[3] and two[1] < one[3]
