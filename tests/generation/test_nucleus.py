"""The distribution of one token, against definitions written out as loops."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fsdl_bench.errors import BadInput
from fsdl_bench.generation.nucleus import check_settings, distribution, pick

scores = st.lists(
    st.one_of(st.floats(-20, 20), st.sampled_from([-math.inf, 0.0, 1.0])), min_size=2, max_size=12
)


def by_hand(scores, allowed, temperature, top_p):
    """Softmax, then the smallest set of the most probable ids that holds top_p, one id after the other.

    Where rounding decides whether a set holds top_p, either answer is right: such examples are left out.
    """
    weights = [math.exp(s / temperature) if a else 0.0 for s, a in zip(scores, allowed, strict=True)]
    q = [weight / math.fsum(weights) for weight in weights]
    nucleus, mass = [], 0.0
    for place in sorted(range(len(q)), key=lambda place: (-q[place], place)):
        if mass >= top_p:
            break
        nucleus.append(place)
        mass += q[place]
        assume(top_p == 1 or abs(mass - top_p) > 1e-9)
    return [q[i] / mass if i in nucleus else 0.0 for i in range(len(q))]


@given(
    scores, st.integers(0, 2**12 - 1), st.sampled_from([0.5, 1.0, 2.0]), st.sampled_from([0.1, 0.5, 0.9, 1.0])
)
def test_it_is_the_definition(scores, bits, temperature, top_p):
    allowed = [bool(bits >> i & 1) for i in range(len(scores))]
    if not any(a and s > -math.inf for a, s in zip(allowed, scores, strict=True)):
        with pytest.raises(ValueError, match="-inf"):
            distribution(np.array(scores), np.array(allowed), temperature, top_p)
        return
    found = distribution(np.array(scores), np.array(allowed), temperature, top_p)
    np.testing.assert_allclose(found, by_hand(scores, allowed, temperature, top_p), atol=1e-12)


@given(st.permutations(range(6)), st.floats(0.01, 0.99))
def test_the_nucleus_is_the_smallest_set(order, top_p):
    """By brute force over all sets: none with fewer ids holds as much."""
    q = np.array([0.4, 0.25, 0.15, 0.1, 0.07, 0.03])[list(order)]
    found = distribution(np.log(q), np.ones(6, bool), 1.0, top_p)
    nucleus = found > 0
    sets = [[bool(bits >> i & 1) for i in range(6)] for bits in range(64)]
    enough = [chosen for chosen in sets if q[chosen].sum() >= top_p - 1e-12]
    assert nucleus.sum() == min(map(sum, enough))
    np.testing.assert_allclose(found, np.where(nucleus, q, 0) / q[nucleus].sum())


def test_equals_are_taken_by_their_ids():
    found = distribution(np.zeros(4), np.ones(4, bool), 1.0, 0.5)
    assert found.tolist() == [0.5, 0.5, 0.0, 0.0]
    assert distribution(np.zeros(4), np.array([0, 1, 1, 1], bool), 0.0).tolist() == [0, 1, 0, 0]


def test_a_low_temperature_tends_to_greedy():
    scores = np.array([1.0, 3.0, 2.999, -np.inf])
    greedy = distribution(scores, np.ones(4, bool), 0.0)
    assert greedy.tolist() == [0, 1, 0, 0]
    np.testing.assert_allclose(distribution(scores, np.ones(4, bool), 1e-5), greedy, atol=1e-12)
    np.testing.assert_allclose(distribution(scores, np.ones(4, bool), 1e-320), greedy)


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_scores_that_are_no_scores_are_refused(wrong):
    with pytest.raises(ValueError, match="nan or inf"):
        distribution(np.array([0.0, wrong]), np.array([True, False]))


@given(st.lists(st.sampled_from([0.0, 0.1, 1 / 3, 2.0]), min_size=1, max_size=8), st.floats(0, 1))
def test_only_ids_with_mass_are_picked(p, u):
    if sum(p):
        p, u = np.array(p) / sum(p), min(u, math.nextafter(1, 0))
        chosen = pick(p, u)
        assert p[chosen] > 0
        assert p[:chosen].sum() - 1e-12 <= u <= p[: chosen + 1].sum() + 1e-12


@pytest.mark.parametrize(
    ("temperature", "top_p"), [(-0.1, 1), (math.nan, 1), (math.inf, 1), (1, 0), (1, 1.01)]
)
def test_settings_out_of_range_are_named(temperature, top_p):
    with pytest.raises(BadInput, match=r"temperature|top_p"):
        check_settings(temperature, top_p)
