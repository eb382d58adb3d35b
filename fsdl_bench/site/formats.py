"""Format numbers, intervals, counts and times for the pages."""

from __future__ import annotations

from fsdl_bench.frozen import Plain
from fsdl_bench.site.charts import MINUS
from fsdl_bench.site.figures import milliseconds
from fsdl_bench.statistics import Estimate

ROUNDING = 1e-9
"""A difference below this is rounding, and is shown as 0."""


def number(value: float, sign: bool = False) -> str:
    """Return four decimals with a true minus: "1.9965", "+0.0030". With `sign`, no change is "0"."""
    if sign and abs(value) < ROUNDING:
        return "0"
    return (f"{value:+.4f}" if sign else f"{value:.4f}").replace("-", MINUS)


def interval(estimate: Estimate) -> str:
    """Return the ends of an interval, "1.952 to 2.038"; four decimals if it is short, "" if there is none."""
    if estimate.low is None or estimate.high is None or estimate.high - estimate.low < ROUNDING:
        return ""
    digits = 3 if estimate.high - estimate.low >= 0.02 else 4
    return f"{estimate.low:.{digits}f} to {estimate.high:.{digits}f}".replace("-", MINUS)


def count(value: int | None) -> str:
    """Return a large count in short form: "13.6 M"."""
    if value is None:
        return "–"
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= size * 0.9995:
            return f"{value / size:.3g} {unit}"
    return str(value)


def duration(seconds: float | None) -> str:
    """Return a time in seconds with its unit; a dash if it is unknown."""
    return "–" if seconds is None else milliseconds(seconds * 1000)


def plain(value: Plain) -> str:
    """Return the value of a submission's note as text: "yes", "no", short numbers, text unchanged."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value == int(value) else f"{value:.4g}"
    return "–" if value is None else value
