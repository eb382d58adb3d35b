"""The average against its definition."""

import pytest
import torch


def test_it_is_the_mean_and_then_exponential(common):
    model = torch.nn.Linear(1, 1, bias=False)
    average = common.averaging.Average(model, horizon=4)
    values, expected = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0], []
    for number, value in enumerate(values, 1):
        with torch.no_grad():
            model.weight.fill_(value)
        average.update()
        before = expected[-1] if expected else 0.0
        expected.append(sum(values[:number]) / number if number <= 4 else before + (value - before) / 4)
        with average.applied():
            assert model.weight.item() == pytest.approx(expected[-1])
        assert model.weight.item() == value


def test_without_a_horizon_it_is_the_last_weights(common):
    model = torch.nn.Linear(3, 2)
    average = common.averaging.Average(model, horizon=0)
    with torch.no_grad():
        model.weight.add_(1.0)
    average.update()
    last = model.weight.clone()
    with average.applied():
        assert torch.equal(model.weight, last)


def test_it_is_saved_and_loaded(common):
    model = torch.nn.Linear(3, 2)
    average = common.averaging.Average(model, horizon=3)
    for _ in range(5):
        with torch.no_grad():
            model.weight.mul_(1.5)
        average.update()
    other = common.averaging.Average(model, horizon=3)
    other.load_state_dict(average.state_dict())
    for one in (average, other):
        one.update()
    assert all(map(torch.equal, average.weights, other.weights))
