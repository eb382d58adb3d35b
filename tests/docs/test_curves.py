"""The power law of docs/curves.py, against curves whose truth is known."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
SHOTS = [1, 2, 5, 10, 20]


@pytest.fixture(scope="module")
def curves(script):
    return script("curves")


@given(a=st.floats(-1, 1), b=st.integers(0, 400).map(lambda step: step / 200))
def test_a_power_law_is_found_again(curves, a, b):
    found = curves.fit(SHOTS, a * np.asarray(SHOTS, float) ** b)
    assert found[0] == pytest.approx(a, abs=1e-9)
    if abs(a) > 1e-6:
        assert found[1] == pytest.approx(b, abs=1e-9)


def test_the_fit_has_the_least_error(curves):
    random = np.random.default_rng(0)
    means = 0.01 * np.asarray(SHOTS, float) ** 0.6 + random.normal(0, 0.002, 5)
    a, b = curves.fit(SHOTS, means)

    def error(one, other):
        return float(((means - one * np.asarray(SHOTS, float) ** other) ** 2).sum())

    for da in (-1e-4, 0, 1e-4):
        for db in (-0.005, 0, 0.005):
            assert error(a, b) <= error(a + da, b + db) + 1e-15


def test_a_model_that_ignores_the_support_has_no_curve(curves):
    stored = curves.results(ROOT / "leaderboard/results/lyrics-verse")
    named = curves.table(stored)
    assert "| dynamic-evaluation |" in named
    assert "| lstm |" not in named


def test_the_artists_are_those_of_the_largest_and_the_smallest_gains(curves):
    stored = curves.results(ROOT / "leaderboard/results/lyrics-verse")
    lines = curves.artists(stored, 3).splitlines()[2:]
    gains = [float(line.split("|")[3]) for line in lines]
    assert len(gains) == 6
    assert gains == sorted(gains, reverse=True)


def test_charts_are_the_same_each_time(curves, tmp_path):
    stored = curves.results(ROOT / "leaderboard/results/lyrics-verse")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        curves.charts(stored, tmp_path / name)
    made = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert made == ["cost-lyrics-verse.svg", "shots-lyrics-verse.svg", "worth-lyrics-verse.svg"]
    for name in made:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
