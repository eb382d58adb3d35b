"""How values are written on the pages."""

from __future__ import annotations

from fsdl_bench.results.schema import Plain
from fsdl_bench.site.charts import MINUS
from fsdl_bench.site.figures import milliseconds
from fsdl_bench.statistics import Estimate

ROUNDING = 1e-9
"""Below this a difference is rounding, and is written as none."""


def number(value: float, sign: bool = False) -> str:
    """Four decimals, with a true minus: "1.9965", "+0.0030"; a plain "0" for what did not change at all."""
    if sign and abs(value) < ROUNDING:
        return "0"
    return (f"{value:+.4f}" if sign else f"{value:.4f}").replace("-", MINUS)


def interval(estimate: Estimate) -> str:
    """The ends of an interval: "1.952 to 2.038"; a fourth decimal where it is short; "" if there is none."""
    if estimate.low is None or estimate.high is None or estimate.high - estimate.low < ROUNDING:
        return ""
    digits = 3 if estimate.high - estimate.low >= 0.02 else 4
    return f"{estimate.low:.{digits}f} to {estimate.high:.{digits}f}".replace("-", MINUS)


def count(value: int | None) -> str:
    """A large count, short: "13.6 M"."""
    if value is None:
        return "–"
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= size * 0.9995:
            return f"{value / size:.3g} {unit}"
    return str(value)


def duration(seconds: float | None) -> str:
    """A time in seconds as people read it; a dash where it is not known."""
    return "–" if seconds is None else milliseconds(seconds * 1000)


def plain(value: Plain) -> str:
    """What a submission notes of itself: numbers short, "yes" and "no", text as it is."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value == int(value) else f"{value:.4g}"
    return "–" if value is None else value
