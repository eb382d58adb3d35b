"""Rows to figures, against a plain loop."""

import math
from collections import defaultdict

import numpy as np
import pytest

from fsdl_bench.results import SongRow, summarise
from fsdl_bench.statistics import estimate


def by_loop(rows, shots, condition, per):
    """Mean over artists of sum nats / sum `per`, averaged over seeds, with nothing but loops."""
    above, below = defaultdict(float), defaultdict(float)
    for row in rows:
        if (row.shots, row.condition) == (shots, condition):
            above[row.artist, row.seed] += row.nats
            below[row.artist, row.seed] += 1 if per == "songs" else getattr(row, per)
    ratios = defaultdict(list)
    for artist, seed in above:
        ratios[artist].append(above[artist, seed] / below[artist, seed])
    return [sum(found) / len(found) for _, found in sorted(ratios.items())]


@pytest.mark.parametrize("seeds", [(0,), (0, 3, 8)])
def test_figures_agree_with_a_plain_loop(some_rows, frame_of, seeds):
    rows = some_rows(midi=True, optimum=True, seeds=seeds)
    found = summarise(frame_of(rows), "note")
    assert (found.artists, found.episodes, found.songs) == (6, 12, 36)
    zero = by_loop(rows, 0, "right", "units")
    for shot, k in zip(found.shots, (0, 1, 5), strict=True):
        nll = by_loop(rows, k, "right", "units")
        assert shot.shots == k
        assert shot.nll.model_dump() == pytest.approx(estimate(nll).model_dump(), rel=1e-9)
        assert shot.nats_per_token.mean == pytest.approx(np.mean(by_loop(rows, k, "right", "tokens")))
        per_second = np.mean(by_loop(rows, k, "right", "seconds")) / math.log(2)
        assert shot.bits_per_second.mean == pytest.approx(per_second)
        songs = [r.nats for r in rows if (r.shots, r.condition) == (k, "right")]
        assert shot.nats_per_song.mean == pytest.approx(np.mean(songs))
        assert set(shot.by_kind) == {"shift", "note"}
        if k:
            assert shot.gain.mean == pytest.approx(np.mean(zero) - np.mean(nll))
        else:
            assert shot.gain is None
        best = [r.optimal_nats for r in rows if (r.shots, r.condition) == (k, "right")]
        assert shot.to_optimum is not None
        assert len(best) == len(songs)
    wrong = by_loop(rows, 5, "control", "units")
    right = by_loop(rows, 5, "right", "units")
    assert found.control.shots == 5
    assert found.control.gain.mean == pytest.approx(np.mean(wrong) - np.mean(right))
    spreads = [shot.seed_spread for shot in found.shots]
    assert all(s is None for s in spreads) if len(seeds) == 1 else all(s > 0 for s in spreads)


def test_the_distance_to_the_optimum_is_paired_by_artist(frame_of):
    rows = [
        SongRow(0, "right", 0, artist, 0, artist, nats, 10, 10, optimal_nats=nats - 10 * gap)
        for artist, nats, gap in (("ada", 20.0, 0.5), ("bo", 40.0, 0.5), ("cy", 90.0, 0.5))
    ]
    (shot,) = summarise(frame_of(rows), "note").shots
    assert (shot.to_optimum.mean, shot.to_optimum.low, shot.to_optimum.high) == pytest.approx((0.5,) * 3)


def test_bytes_are_counted_in_bits(some_rows, frame_of):
    frame = frame_of(some_rows())
    bits, nats = summarise(frame, "byte"), summarise(frame, "note")
    for one, two in zip(bits.shots, nats.shots, strict=True):
        assert one.nll.mean * math.log(2) == pytest.approx(two.nll.mean)
        assert one.nats_per_token == two.nats_per_token
        assert one.bits_per_second is None
        assert one.to_optimum is None


def test_an_evaluation_without_zero_shots_or_control(some_rows, frame_of):
    found = summarise(frame_of(some_rows(shots=(5,), control=False)), "note")
    assert found.control is None
    assert [shot.gain for shot in found.shots] == [None]
