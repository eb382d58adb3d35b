"""Charts: positions match the values, ticks are round and cover the axis, names do not overlap."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsdl_bench.site.charts import COLOURS, LABEL_GAP, LETTER, Point, Scale, Series, draw, ticks
from fsdl_bench.site.figures import colours_of, milliseconds

finite = st.floats(-1e6, 1e6, allow_nan=False)


@settings(max_examples=60)
@given(finite, st.floats(1e-6, 1e6))
def test_ticks_cover_and_are_round(low, width):
    found = [at for at, _ in ticks(low, low + width)]
    assert 2 <= len(found) <= 8
    assert found[0] <= low + 1e-9 * abs(low) + 1e-6 * width
    assert found[-1] >= low + width - 1e-9 * abs(low) - 1e-6 * width
    step = found[1] - found[0]
    lead = float(f"{step:e}".split("e")[0])
    assert min(abs(lead - nice) for nice in (1, 2, 5, 10)) < 1e-3


def test_no_width_still_has_ticks():
    assert [text for _, text in ticks(2.0, 2.0)] == ["1.85", "1.90", "1.95", "2.00", "2.05", "2.10", "2.15"]


def test_ticks_have_a_true_minus_and_no_power_of_ten():
    assert [text for _, text in ticks(-0.5, 0.5, most=2)] == ["−0.5", "0.0", "0.5"]
    assert ticks(1e6, 2e6)[0] == (1e6, "1000000")


def _series(name, *values, colour=1):
    found = tuple(Point(float(x), y, y - 0.1, y + 0.1, f"{y}") for x, y in enumerate(values))
    return Series(name, name, colour, found)


def _drawn(*series, **changes):
    usual = {"summary": "", "x_title": "", "y_title": "", "x_ticks": [(0.0, "0"), (1.0, "1")]}
    return draw("key", "title", series, **(usual | {"y_range": (0.0, 4.0)} | changes))


def test_positions_say_the_values():
    chart = _drawn(_series("a", 1.0, 3.0))
    (line,) = chart.lines
    first, second = line.marks
    zero, two = (next(t.at for t in chart.y_ticks if t.text == text) for text in ("0", "2"))
    per_unit = (zero - two) / 2
    assert zero - first.y == pytest.approx(1.0 * per_unit, abs=0.02)
    assert zero - second.y == pytest.approx(3.0 * per_unit, abs=0.02)
    assert first.low - first.high == pytest.approx(0.2 * per_unit, abs=0.02)
    assert (first.x, second.x) == (chart.left, chart.right)
    assert line.path == f"{first.x:g},{first.y:g} {second.x:g},{second.y:g}"


@settings(max_examples=30)
@given(st.lists(st.floats(0, 4), min_size=1, max_size=12))
def test_names_do_not_cover_each_other(ends):
    chart = _drawn(*(_series(f"m{i}", 1.0, end) for i, end in enumerate(ends)))
    places = sorted(line.label[1] for line in chart.lines)
    assert all(below - above >= LABEL_GAP - 0.02 for above, below in pairwise(places))
    assert places[-1] <= chart.bottom + 5


@settings(max_examples=30)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 4)), min_size=1, max_size=12))
def test_names_of_single_marks_cover_no_other_name_or_mark(marks):
    series = [Series(f"name {i}", "", 1, (Point(x, y, None, None, ""),)) for i, (x, y) in enumerate(marks)]
    chart = _drawn(*series, joined=False)
    boxes = [
        (line.label[0], line.label[1] - 7, line.label[0] + LETTER * len(line.name), line.label[1] + 7)
        for line in chart.lines
        if line.label
    ]
    dots = [(m.x - 4, m.y - 4, m.x + 4, m.y + 4) for line in chart.lines for m in line.marks]
    for number, (left, top, right, bottom) in enumerate(boxes):
        for other in [*boxes[:number], *dots]:
            assert left >= other[2] or other[0] >= right or top >= other[3] or other[1] >= bottom


@pytest.mark.parametrize("count", [2, 7, 40])
def test_ticks_do_not_run_together(count):
    ticks = [(float(at), "100 ms") for at in range(count)]
    chart = _drawn(_series("a", 1, 2), x_ticks=ticks)
    assert chart.x_ticks[0].text == "100 ms"
    assert all(two.at - one.at > 6 * LETTER for one, two in pairwise(chart.x_ticks))


def test_grey_lines_have_no_band_and_references_are_no_colour():
    grey, reference = _drawn(_series("a", 1, 2, colour=0), _series("b", 1, 2, colour=-1)).lines
    assert grey.band == reference.band == ""


def test_a_scale_holds_what_is_outside_at_the_edge():
    scale = Scale(0.0, 1.0, 100.0, 0.0)
    assert (scale(0.25), scale.clipped(7.0), scale.clipped(-1.0)) == (75.0, 0.0, 100.0)


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0.0005, "0.5 µs"), (0.25, "250 µs"), (1, "1 ms"), (999.7, "1 s"), (9e4, "1.5 min"), (7.2e6, "2 h")],
)
def test_times_in_words(ms, text):
    assert milliseconds(ms) == text


class _Board:
    def __init__(self, ranked, reference=()):
        self.slugs = {"ranked": ranked, "reference": list(reference)}

    def of(self, standing):
        return [type("Entry", (), {"slug": slug}) for slug in self.slugs[standing]]


def test_the_baseline_always_has_a_colour():
    names = [f"m{i}" for i in range(20)]
    colours = colours_of(_Board([*names, "lstm"], ["truth"]))
    assert colours["lstm"] == COLOURS
    assert sorted(value for value in colours.values() if value > 0) == list(range(1, COLOURS + 1))
    assert (colours["m0"], colours["m7"], colours["truth"]) == (1, 0, -1)
    assert colours_of(_Board(["m0", "lstm"])) == {"m0": 1, "lstm": 2}
