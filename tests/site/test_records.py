"""Records: who was the best when, by how much, and in which class."""

import datetime

import pytest

from fsdl_bench.site.assemble import histories
from fsdl_bench.site.records import records
from fsdl_bench.site.staircase import staircase
from fsdl_bench.site.verified import NAME, add_verified


@pytest.fixture
def dated(entry_of, fake, tmp_path):
    """A verified result with its entry: `dated(name, day, level=...)`."""

    def make(name, day, **changes):
        stored = fake(tmp_path / "results" / f"{name}.json", name, gain=0.0, **changes)
        return stored, entry_of(stored, date=datetime.date(2026, 3, day))

    return make


def _found(results):
    return [(one.budget, one.model, one.date[-2:]) for one in records(results)]


def test_a_record_beats_the_best_before_it(dated):
    results = [
        dated("first", 1, level=1.40),
        dated("worse", 2, level=1.45),
        dated("better", 3, level=1.30),
        dated("same", 4, level=1.2999),
        dated("best", 5, level=1.20),
    ]
    assert _found(results) == [("open", "first", "01"), ("open", "better", "03"), ("open", "best", "05")]
    found = list(records(results))
    assert found[0].gain is None
    assert found[1].gain == pytest.approx(found[0].nll.mean - found[1].nll.mean)
    assert found[1].p < 0.05


def test_three_tenths_of_a_percent_are_needed(dated):
    first = dated("a", 1, level=1.4)
    nll = first[0].result.aggregates.shots[0].nll.mean
    close = dated("b", 2, level=1.4 * 0.998)
    assert close[0].result.aggregates.shots[0].nll.mean < nll
    assert [name for _, name, _ in _found([first, close])] == ["a"]


def test_a_class_holds_the_smaller_classes(dated):
    results = [
        dated("small", 1, level=1.4, budget="quarter-hour"),
        dated("large", 2, level=1.2, budget="open"),
        dated("hour", 3, level=1.3, budget="hour"),
    ]
    assert _found(results) == [
        ("quarter-hour", "small", "01"),
        ("hour", "small", "01"),
        ("hour", "hour", "03"),
        ("open", "small", "01"),
        ("open", "large", "02"),
    ]


def test_outside_data_sets_no_record(dated):
    assert _found([dated("a", 1, outside_data="pretrained on everything")]) == []


def test_without_the_headlines_number_of_shots_there_is_no_record(dated):
    results = [dated("all", 1, level=1.4), dated("none", 2, level=1.0, shots=(0,))]
    assert _found(results) == [("open", "all", "01")]


def test_the_page_draws_the_records_of_verified_results(dated, tmp_path, own_home):
    good, better = dated("good", 1, level=1.4), dated("better", 9, level=1.2)
    dated("unverified", 5, level=1.0)
    few = dated("zero-shot", 6, level=1.0, shots=(0,))
    add_verified(tmp_path / NAME, [good[1], better[1], few[1]])
    ((name, found),) = histories(tmp_path / "results", progress=False)
    assert name == "lyrics-synthetic, independent"
    assert [one.model for one in found] == ["good", "better"]

    from fsdl_bench.site.render import build_site

    board = build_site(tmp_path / "results", tmp_path / "site", progress=False).tracks[0].boards[0]
    assert {entry.slug: entry.standing for entry in board.entries} == {
        "better": "ranked",
        "good": "ranked",
        "unverified": "unverified",
        "zero-shot": "ranked",
    }
    (line,) = staircase(board).lines
    corners = [tuple(map(float, corner.split(","))) for corner in line.path.split()]
    assert len(corners) == 4
    assert corners[0][1] == corners[1][1] < corners[2][1] == corners[3][1], "stairs that go down, in pixels"
    page = (tmp_path / "site" / "tracks" / "lyrics-synthetic.html").read_text()
    assert "Records at 5 shots by budget class" in page
    assert "Self-reported: not verified by the maintainers" in page
