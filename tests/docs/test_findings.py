"""The tables of docs/findings.py where a model has fewer numbers of shots than the others."""

import dataclasses
from pathlib import Path

import pytest

from fsdl_bench.results import read_result, write_result

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pages(script):
    """The modules findings and curves."""
    return script("findings"), script("curves")


@pytest.fixture
def some_shots(song_rows, tmp_path):
    """`some_shots(track, name)`: a model's result cut to 0 and 5 shots ("few"), the LSTM's, the whole."""

    def make(track, name):
        whole = read_result(ROOT / "leaderboard/results" / track / f"{name}.json")
        rows = song_rows(whole.rows[whole.rows.shots.isin((0, 5))])
        submission = whole.result.submission.model_copy(update={"name": "few"})
        run = whole.result.model_copy(update={"submission": submission})
        floor = read_result(ROOT / "leaderboard/results" / track / "lstm.json")
        return [write_result(tmp_path / "few.json", run, rows), floor, whole]

    return make


def _cells(table, name):
    (line,) = [line for line in table.splitlines() if line.startswith(f"| {name} |")]
    return [cell.strip() for cell in line.split("|")[2:-1]]


def test_missing_shots_are_empty_cells(pages, some_shots):
    findings, curves = pages
    stored = some_shots("lyrics-verse", "two-caches")
    few, whole = (_cells(findings.findings(stored), name) for name in ("few", "two-caches"))
    assert few == [cell if place in (0, 3, 6) else "" for place, cell in enumerate(whole)]
    assert "| two-caches |" in curves.table(stored)
    assert "few" not in curves.table(stored)


def test_missing_shots_of_a_synthetic_track(pages, some_shots):
    findings, _ = pages
    stored = some_shots("lyrics-synthetic", "matching")
    few, whole = (_cells(findings.optimum(stored), name) for name in ("few", "matching"))
    assert few == [cell if place in (0, 3, 6) else "" for place, cell in enumerate(whole)]


def test_what_observing_is_worth_at_the_shots_of_both(pages, some_shots):
    findings, _ = pages
    few, floor, whole = some_shots("lyrics-verse", "two-caches")
    other = dataclasses.replace(whole, path=few.path)
    for after, before in ((few, other), (other, few)):
        cells = _cells(findings.streaming([after, floor], [before, floor]), "few")
        assert cells == ["+0.0000 [+0.0000, +0.0000]" if k in (0, 5) else "" for k in (0, 1, 2, 5, 10, 20)]


def test_one_model_alone_has_a_row(pages, some_shots):
    findings, _ = pages
    few, *_ = some_shots("lyrics-verse", "two-caches")
    assert _cells(findings.streaming([few], [few]), "few") == ["+0.0000 [+0.0000, +0.0000]"] * 2
