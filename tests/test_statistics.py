"""Statistics over artists, each against a closed form, brute force or a second implementation."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fsdl_bench.statistics import (
    FLIPS,
    RESAMPLES,
    Estimate,
    estimate,
    holm,
    paired,
    ratio_by_group,
    sign_flip_p,
)

figures = st.lists(st.floats(-100, 100).map(lambda x: round(x, 6)), min_size=1, max_size=30)


def test_ratio_by_group_is_a_ratio_of_sums_not_a_mean_of_ratios():
    names, ratios = ratio_by_group(["b", "a", "b"], [1.0, 5.0, 9.0], [1, 2, 4])
    assert names.tolist() == ["a", "b"]
    assert ratios.tolist() == [2.5, 10 / 5]


def bca_by_hand(values, seed):
    """Efron's formula straight from the textbook, at Hesterberg's expanded level."""
    values = np.asarray(values)
    count = len(values)
    rng = np.random.default_rng(seed)
    means = values[rng.integers(0, count, (RESAMPLES, count))].mean(axis=1)
    below = (np.sum(means < values.mean()) + np.sum(means <= values.mean())) / (2 * RESAMPLES)
    z0 = stats.norm.ppf(below)
    left = np.array([np.delete(values, i).mean() for i in range(count)])
    spread = left.mean() - left
    a = np.sum(spread**3) / (6 * np.sum(spread**2) ** 1.5)
    expanded = np.sqrt(count / (count - 1)) * stats.t.ppf(0.975, count - 1)
    return [np.quantile(means, stats.norm.cdf(z0 + z / (1 - a * z))) for z in (z0 - expanded, z0 + expanded)]


@pytest.mark.parametrize("count", [8, 20, 43])
def test_the_interval_is_bca(count):
    """Against the formula by hand; other resamples, so the ends agree up to the noise of resampling."""
    values = np.random.default_rng(count).gamma(2.0, 1.0, count)
    found = estimate(values)
    low, high = bca_by_hand(values, seed=7)
    assert found.mean == pytest.approx(values.mean(), rel=1e-12)
    assert found.low == pytest.approx(low, abs=0.07 * (high - low))
    assert found.high == pytest.approx(high, abs=0.07 * (high - low))


@given(figures)
@settings(max_examples=40, deadline=None)
def test_an_estimate_always_has_a_finite_interval_around_what_was_seen(values):
    found = estimate(values)
    assert found.mean == pytest.approx(np.mean(values))
    if len(values) == 1:
        assert found.low is found.high is None
    else:
        assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9


@given(st.integers(0, 2**32), st.integers(20, 50), st.floats(-10, 10), st.floats(0.1, 10))
@settings(max_examples=15, deadline=None)
def test_units_do_not_matter(seed, count, shift, scale):
    """Bits or nats: the interval is scaled and shifted with the figures (few artists tie by rounding)."""
    values = np.random.default_rng(seed).gamma(2.0, 1.0, count)
    one, two = estimate(values), estimate(scale * values + shift)
    for end in ("mean", "low", "high"):
        assert getattr(two, end) == pytest.approx(scale * getattr(one, end) + shift, abs=1e-6)


def test_figures_that_differ_by_rounding_have_an_interval_of_that_width():
    found = estimate([0.0, 1e-17, -3e-17])
    assert max(abs(found.low), abs(found.high)) < 1e-16


def test_estimates_repeat_and_follow_the_seed():
    values = np.random.default_rng(0).normal(size=20)
    assert estimate(values) == estimate(values)
    assert estimate(values, seed=1) != estimate(values)


@given(st.lists(st.integers(-5, 5), min_size=2, max_size=9))
@settings(max_examples=40, deadline=None)
def test_the_sign_flip_test_is_exact_for_few_artists(differences):
    """Against every choice of signs, counted one by one (integers: ties are exact)."""
    means = [
        sum(s * d for s, d in zip(signs, differences, strict=True))
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    expected = np.mean([abs(m) >= abs(sum(differences)) for m in means])
    assert sign_flip_p(differences) == pytest.approx(expected, abs=1e-12)


def test_the_sign_flip_test_of_many_artists_agrees_with_the_t_test():
    differences = np.random.default_rng(3).normal(0.3, 1.0, 60)
    expected = stats.ttest_1samp(differences, 0).pvalue
    assert sign_flip_p(differences) == pytest.approx(expected, rel=0.1)


def test_the_sign_flip_test_holds_its_level():
    """Under skewed but exchangeable differences at most 5% of the tests reject at 5%."""
    rng = np.random.default_rng(4)
    pairs = rng.gamma(2.0, 1.0, (400, 10, 2))
    rejected = np.mean([sign_flip_p(pair[:, 0] - pair[:, 1]) <= 0.05 for pair in pairs])
    assert rejected <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_paired_uses_the_pairs():
    artists = np.random.default_rng(5).normal(0, 10, 30)
    noise = np.random.default_rng(6).normal(0, 0.1, 30)
    found = paired(artists + noise + 0.2, artists)
    assert found.estimate.mean == pytest.approx(0.2 + noise.mean())
    assert 0 < found.estimate.low < found.estimate.mean < found.estimate.high < 0.4
    assert found.p < 1e-3
    back = paired(artists, artists + noise + 0.2)
    assert back.estimate.mean == pytest.approx(-found.estimate.mean)
    assert back.p == pytest.approx(found.p, rel=0.2)


def test_equal_models_are_tied():
    found = paired([1.0, 2.0], [1.0, 2.0])
    assert found.estimate == Estimate(mean=0.0, low=0.0, high=0.0)
    assert found.p == 1.0


def test_holm_worked_example():
    """Holm (1979) on p = 0.01, 0.04, 0.03, 0.005: 4 p1, 3 p2, 2 p3, p4 and never decreasing."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_agrees_with_its_definition(p_values):
    """Reject while p_(i) <= level / (m - i + 1): the corrected value is the level at which that happens."""
    corrected = holm(p_values)
    for level in (0.01, 0.05, 0.2):
        rejected = set()
        for rank, index in enumerate(np.argsort(p_values, kind="stable")):
            if p_values[index] * (len(p_values) - rank) > level:
                break
            rejected.add(int(index))
        assert {i for i, p in enumerate(corrected) if p <= level} == rejected


@pytest.mark.parametrize("wrong", [[], [1.0, float("nan")], [float("inf")], [[1.0]]])
def test_figures_that_are_no_figures_are_refused(wrong):
    with pytest.raises(ValueError, match="expected one finite figure per artist"):
        estimate(wrong)


def test_unpaired_figures_are_refused():
    with pytest.raises(ValueError, match="same artists"):
        paired([1.0, 2.0], [1.0])


@pytest.mark.parametrize("count", [20, 43])
def test_figures_are_those_of_scipy(count):
    """The same draws, so the same ends and the same p-value; few artists tie by rounding."""
    values = np.random.default_rng(count).gamma(2.0, 1.0, count) - 1.6
    expanded = 2 * stats.norm.cdf(np.sqrt(count / (count - 1)) * stats.t.ppf(0.975, count - 1)) - 1
    interval = stats.bootstrap(
        (values,), np.mean, n_resamples=RESAMPLES, confidence_level=expanded, rng=np.random.default_rng(0)
    ).confidence_interval
    found = paired(values, np.zeros(count))
    assert (found.estimate.low, found.estimate.high) == pytest.approx(tuple(interval), rel=1e-12)
    test = stats.permutation_test(
        (values,),
        np.mean,
        permutation_type="samples",
        n_resamples=FLIPS,
        batch=10_000,
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    assert found.p == pytest.approx(test.pvalue, rel=1e-12)
