"""Learned update rules: their LSTM against torch's, gradient descent as a special case, permutations."""

import math

import pytest
import torch
from torch import nn

UNITS = 5


@pytest.fixture
def rules(baseline):
    return baseline("common.learned_rules")


@pytest.fixture
def loop(baseline):
    return baseline("common.inner_loop").InnerLoop(second_order=False)


@pytest.fixture
def sgd(baseline):
    return baseline("common.update_rules").SGD


def meta_lstm(rules, forget, take, size=0.0):
    """A rule for one weight, with gates that are constant if `size` is 0."""
    torch.manual_seed(0)
    cell = {name: weight.double() for name, weight in rules.CellWeights(4, UNITS).named_parameters()}
    w = size * torch.randn(2, UNITS + 2, dtype=torch.float64)
    return rules.MetaLSTMRule(
        {"x": {"cell": cell, "w": w, "b": torch.tensor([forget, take], dtype=torch.float64)}}, UNITS
    )


def optimiser(rules, layers, w):
    torch.manual_seed(0)
    inputs = [2, UNITS][:layers]
    cells = [
        {name: weight.double() for name, weight in rules.CellWeights(size, UNITS).named_parameters()}
        for size in inputs
    ]
    return rules.LearnedOptimiser(
        {"x": {"cells": cells, "w": w, "b": torch.zeros(1).double()}}, UNITS, layers
    )


def loss(weights, batch):
    """A quadratic of one episode."""
    return ((weights["x"] - batch) ** 2 * torch.arange(1, 7)).sum()


def targets(steps):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(3, 6, generator=generator, dtype=torch.float64) for _ in range(steps)]


def test_the_cell_is_that_of_torch(rules):
    weights = rules.CellWeights(4, UNITS)
    expected = nn.LSTMCell(4, UNITS)
    with torch.no_grad():
        expected.weight_ih.copy_(weights.w[:, :4])
        expected.weight_hh.copy_(weights.w[:, 4:])
        expected.bias_ih.copy_(weights.b)
        expected.bias_hh.zero_()
    x, h, c = torch.randn(7, 4), torch.randn(7, UNITS), torch.randn(7, UNITS)
    found = rules.cell(x, h, c, dict(weights.named_parameters()))
    for one, other in zip(found, expected(x, (h, c)), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("x", [3.0, -0.02, 1e-3, -1e-6, 0.0])
@pytest.mark.parametrize("p", [5.0, 10.0])
def test_preprocessing(rules, x, p):
    found = rules.preprocessed(torch.tensor(x, dtype=torch.float64), p).tolist()
    large = abs(x) >= math.exp(-p)
    expected = [math.log(abs(x)) / p, math.copysign(1, x)] if large else [-1.0, math.exp(p) * x]
    assert found == pytest.approx(expected, abs=1e-9)


def test_preprocessing_can_be_differentiated_at_zero(rules):
    x = torch.zeros(3, requires_grad=True)
    (slope,) = torch.autograd.grad(rules.preprocessed(x, 5.0).sum(), x)
    assert slope.tolist() == pytest.approx([math.exp(5)] * 3, rel=1e-5)


def test_an_open_meta_lstm_is_gradient_descent(rules, loop, sgd):
    """Forget gate open, input gate at logit(alpha): the same weights as the inner SGD loop."""
    start = {"x": torch.linspace(-1, 1, 6, dtype=torch.float64)}
    rate = 0.03
    rule = meta_lstm(rules, forget=60.0, take=math.log(rate / (1 - rate)))
    found = loop.path(loss, start, rule, targets(4))
    expected = loop.path(loss, start, sgd({"x": torch.tensor(rate, dtype=torch.float64)}), targets(4))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one["x"], other["x"], rtol=0, atol=1e-12)


def test_a_closed_meta_lstm_stays_at_its_start(rules, loop):
    """It forgets towards w_0, not towards zero."""
    start = {"x": torch.linspace(-1, 1, 6, dtype=torch.float64)}
    rule = meta_lstm(rules, forget=-60.0, take=-60.0)
    *_, found = loop.path(loss, start, rule, targets(3))
    torch.testing.assert_close(found["x"], start["x"].expand(3, -1), rtol=0, atol=1e-12)


def test_an_optimiser_without_layers_is_gradient_descent(rules, loop, sgd):
    start = {"x": torch.linspace(-1, 1, 6, dtype=torch.float64)}
    rule = optimiser(rules, 0, torch.full((1, 1), -0.03 / 0.01, dtype=torch.float64))
    found = loop.path(loss, start, rule, targets(4))
    expected = loop.path(loss, start, sgd({"x": torch.tensor(0.03, dtype=torch.float64)}), targets(4))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one["x"], other["x"], rtol=0, atol=1e-12)


def test_a_linear_optimiser_learns_the_best_rate(rules, loop, sgd):
    """On one quadratic, it ends with the rate that a search for SGD finds."""
    start = {"x": torch.zeros(6, dtype=torch.float64)}
    batches = [targets(1)[0]] * 3

    def cost(rule):
        *_, found = loop.path(loss, start, rule, batches)
        return torch.func.vmap(loss)(found, batches[0]).sum()

    w = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([w], 0.5)
    for _ in range(150):
        adam.zero_grad()
        cost(optimiser(rules, 0, w)).backward()
        adam.step()
    rates = torch.linspace(0.02, 0.16, 141, dtype=torch.float64)
    best = min(rates, key=lambda rate: float(cost(sgd({"x": rate}))))
    assert -0.01 * float(w.detach()) == pytest.approx(float(best), abs=2e-3)


@pytest.mark.parametrize("make", ["meta-LSTM", "optimiser"])
def test_permuting_coordinates_permutes_updates(rules, make):
    if make == "meta-LSTM":
        rule = meta_lstm(rules, 2.0, -1.0, size=0.5)
    else:
        rule = optimiser(rules, 2, torch.randn(1, UNITS, dtype=torch.float64))
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    start = torch.randn(6, dtype=torch.float64)
    gradients = [torch.randn(6, dtype=torch.float64) for _ in range(3)]

    def run(permuted):
        weights = {"x": start[order] if permuted else start}
        state = rule.init(weights)
        for g in gradients:
            given = {"x": g[order] if permuted else g}
            weights, state = rule.update(given, state, weights, torch.tensor(1.3).double())
        return weights["x"]

    torch.testing.assert_close(run(True), run(False)[order], rtol=0, atol=1e-12)
    assert not torch.allclose(run(False), start)
