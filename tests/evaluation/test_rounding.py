"""What rounding explains: enough for honest arithmetic in every type, far less than a peek is worth."""

import math

import numpy as np
import pytest
import torch

from fsdl_bench.evaluation.rounding import LIMIT, MEAN, TOKEN, Noise, lean, moved, noise_between, normalising
from fsdl_bench.evaluation.scoring import token_nats

SIZE = 500


def sums(weights, hidden, dtype):
    """The same inner products in two orders of summation, 256 terms each."""
    products = (hidden[:, None] * weights[None]).to(dtype)
    forward = torch.zeros(products.shape[:2], dtype=dtype)
    backward = torch.zeros(products.shape[:2], dtype=dtype)
    for term in range(products.shape[2]):
        forward = forward + products[..., term]
        backward = backward + products[..., -1 - term]
    return forward, backward


def scorings(dtype, seed):
    """The nats of 60 tokens, their scores summed in two orders."""
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(60, 256, generator=generator, dtype=torch.float64)
    weights = torch.randn(SIZE, 256, generator=torch.Generator().manual_seed(9), dtype=torch.float64) / 16
    targets = np.random.default_rng(seed).integers(SIZE, size=60).astype(np.uint16)
    return [token_nats(scores, targets) for scores in sums(weights, hidden, dtype)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_another_order_of_summation_is_explained(dtype):
    change = moved(*scorings(dtype, 0), SIZE, dtype)
    assert change.worst > 0
    assert change.explained


def test_half_precision_is_explained_by_what_other_songs_differ():
    dtype = torch.float16
    assert not moved(*scorings(dtype, 0), SIZE, torch.float32).explained, "not without a measurement"
    noise = noise_between(*scorings(dtype, 1), SIZE).or_larger(noise_between(*scorings(dtype, 2), SIZE))
    found = [moved(*scorings(dtype, seed), SIZE, torch.float32, noise) for seed in range(3, 13)]
    assert all(change.explained for change in found)


@pytest.mark.parametrize(("dtype", "change"), [(torch.float64, 1e-11), (torch.float32, 1e-3)])
def test_a_token_that_moves_by_more_is_not(dtype, change):
    old = np.full(400, 4.0)
    new = old.copy()
    new[17] += change
    found = moved(old, new, SIZE, dtype)
    assert not found.explained
    assert found.token == 17
    assert found.worst == pytest.approx(change)


def test_a_mean_that_moves_is_not_though_no_token_moves_much():
    old = np.full(400, 4.0)
    found = moved(old, old - 4e-5, SIZE, torch.float32)
    assert found.worst < found.allowed
    assert not found.explained
    assert found.mean == pytest.approx(-4e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_noise_on_purpose_hides_next_to_nothing(dtype):
    """However far a submission's batchings differ, a mean may move by MEAN and a token by TOKEN at most."""
    old, noise = np.full(400, 4.0), Noise(5.0, 5.0)
    assert moved(old, old - 0.9 * MEAN, SIZE, dtype, noise).explained
    assert not moved(old, old - 1.1 * MEAN, SIZE, dtype, noise).explained
    one = old.copy()
    one[3] += 1.1 * TOKEN
    assert not moved(old, one, SIZE, dtype, noise).explained


def test_noise_is_relative_to_the_size_of_a_score():
    old = np.array([1.0, 3.0])
    size = math.log(SIZE) + old
    found = noise_between(old, old + np.array([0.0, 0.2]), SIZE)
    assert found.token == pytest.approx(0.2 / size[1])
    assert found.mean == pytest.approx(0.1 / size.mean())
    assert found.or_larger(Noise(9.0, 0.0)) == Noise(9.0, found.mean)


def test_the_limit_is_the_formula():
    found = moved(np.array([3.0]), np.array([3.0]), SIZE, torch.float32)
    size = math.log(SIZE) + 3
    sigma = 2**-23 * size * math.sqrt(256) / 2 * math.sqrt(2)
    block = 2**-23 * SIZE / 16
    assert found.allowed == pytest.approx(6 * sigma + block)
    assert found.mean_allowed == pytest.approx(6 * sigma + 8 * 2**-23 * size + block)
    assert pytest.approx(6 * math.sqrt(128)) == LIMIT


@pytest.mark.parametrize("other", [np.inf, np.nan])
def test_what_is_no_number_is_never_explained(other):
    assert not moved(np.array([1.0, 2.0]), np.array([1.0, other]), SIZE, torch.float32).explained


@pytest.mark.parametrize("size", [50, 2454, 60_000])
def test_songs_whose_rows_are_all_alike(size):
    """Sums of equal terms round in one direction, in every row: no mean takes that away."""
    scores = torch.log(torch.full((size,), 1.0) + (torch.arange(size) % 7 == 0)).expand(900, -1)
    targets = np.zeros(900, np.uint16)
    row = scores[0].double().numpy()
    backwards = float(np.log(np.cumsum(np.exp(row[::-1] - row.max()))[-1])) + row.max() - row[0]
    one = token_nats(scores.double(), targets)
    assert abs(one - backwards).max() <= normalising(one, size)
    in_float32 = torch.log(torch.cumsum(torch.exp(scores[0]), 0)[-1]) - scores[0, 0]
    blocked = torch.log(torch.exp(scores[0]).sum()) - scores[0, 0]
    alike = [np.full(900, float(nats)) for nats in (in_float32, blocked)]
    assert moved(*alike, size, torch.float32).explained


def test_differences_that_lean_to_one_side():
    random = np.random.default_rng(0)
    assert not lean(np.zeros(0))
    assert not lean(random.normal(0, 1 / 6, 200))
    assert lean(random.normal(0.3, 1 / 6, 200))
    assert lean(random.normal(-0.3, 1 / 6, 200))


def test_a_scorer_that_is_off_by_more_than_rounding_is_refused():
    assert normalising(np.array([3.0, 9.0]), 4096) < 1e-12
