"""The random choices of an audit."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fsdl_bench.codecs.base import BOS, PAD
from fsdl_bench.evaluation.draws import LONGER, SHARE, TURNS, plan, redraw

songs = st.lists(st.integers(2, 30), min_size=1, max_size=20).map(lambda ids: np.array(ids, np.uint16))


@given(songs, songs, st.integers(0, 10**6))
def test_a_redrawn_song_keeps_its_beginning_and_changes_at_the_cut(song, donor, seed):
    changed, cut = redraw(song, donor, 31, np.random.default_rng(seed))
    assert 0 <= cut < len(song)
    assert changed[:cut].tolist() == song[:cut].tolist()
    assert changed[cut] != song[cut]
    assert cut < len(changed) <= len(song) + LONGER
    assert changed.dtype == np.uint16
    assert not {PAD, BOS} & set(changed[cut:].tolist())
    assert changed.max() < 31


def test_every_way_of_redrawing_comes_up():
    song, donor = np.arange(3, 23).astype(np.uint16), np.arange(30, 90).astype(np.uint16)
    random = np.random.default_rng(0)
    drawn = [redraw(song, donor, 100, random) for _ in range(200)]
    assert {cut for _, cut in drawn} == set(range(20))
    assert any(len(changed) == cut + 1 < 20 for changed, cut in drawn)
    assert any(len(changed) > 20 and cut == 19 for changed, cut in drawn)
    assert sum(len(changed) == 20 for changed, _ in drawn) > 60


@given(st.integers(1, 3000), st.integers(0, 999))
def test_the_plan_keeps_to_its_share(cells, seed):
    chosen, fresh = plan(cells, np.random.default_rng(seed))
    audits = [rule for rules in chosen.values() for rule in rules]
    assert set(audits) == set(TURNS)
    assert max(chosen) < cells
    assert cells - 1 in fresh
    assert list(fresh) == sorted(set(fresh))
    cost = len(audits) + 2 * len(fresh)
    assert cost <= max(SHARE * cells, len(TURNS) + 4)


def test_the_plan_spreads_over_the_run_and_begins_early():
    chosen, _ = plan(1200, np.random.default_rng(0))
    places = sorted(chosen)
    assert places[0] < 1200 / len(places)
    assert max(np.diff(places)) < 3 * 1200 / len(places)


def test_the_plan_follows_from_the_seed():
    assert plan(500, np.random.default_rng(3)) == plan(500, np.random.default_rng(3))
    assert plan(500, np.random.default_rng(3)) != plan(500, np.random.default_rng(4))
