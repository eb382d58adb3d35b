"""The LSTM against its equations."""

import numpy as np
import pytest
import torch


def test_lstm_is_its_equations(model, by_hand):
    song = [5, 9, 3, 19, 5, 2]
    found = model(torch.tensor([song])).log_softmax(-1)[0].detach().numpy()
    assert found == pytest.approx(by_hand(model, song), abs=1e-12)


def test_a_state_continues_a_row(model):
    row = torch.tensor([[1, 3, 8, 8, 11, 4]])
    whole, last = model.features(row)
    first, state = model.features(row[:, :2])
    rest, same = model.features(row[:, 2:], state)
    assert torch.cat([first, rest], 1).detach().numpy() == pytest.approx(whole.detach().numpy(), abs=1e-12)
    for expected, found in zip(last, same, strict=True):
        assert found[1].detach().numpy() == pytest.approx(expected[1].detach().numpy(), abs=1e-12)


def test_adaptable_copy_has_no_dropout_and_its_own_weights(model):
    copy = model.adaptable()
    song = torch.tensor([[3, 8, 8, 11]])
    assert torch.equal(copy(song), model(song))
    assert torch.equal(copy(song), copy(song))
    assert copy.training
    assert not model.train()(song).equal(model(song))
    with torch.no_grad():
        copy.bias.add_(1.0)
    assert not model.bias.any()


def test_weight_dropout_drops_recurrent_weights_only(common):
    """A dropped weight gets no gradient, in training; nothing is dropped in evaluation."""
    torch.manual_seed(0)
    model = common.lstm.LSTMLanguageModel(20, 5, 16, layers=2, dropout=0.0, weight_dropout=0.5)
    song = torch.tensor([[3, 8, 8, 11, 4, 7, 2]])
    loss = model(song).square().sum()
    loss.backward()
    for layer in model.lstm:
        share = float((layer.weight_hh_l0.grad == 0).float().mean())
        assert 0.35 < share < 0.65
        assert (layer.weight_ih_l0.grad != 0).float().mean() > 0.9
    assert not torch.equal(model(song), model(song))
    model.eval()
    expected = common.lstm.LSTMLanguageModel(20, 5, 16, layers=2, dropout=0.0)
    expected.load_state_dict(model.state_dict())
    assert torch.equal(model(song), expected.eval()(song))


def test_weight_dropout_is_unbiased(common):
    torch.manual_seed(0)
    model = common.lstm.LSTMLanguageModel(20, 5, 6, dropout=0.0, weight_dropout=0.25)
    weight = model.lstm[0].weight_hh_l0
    mean = torch.stack([model.drop_weights(weight) for _ in range(4000)]).mean(0)
    assert mean.detach().numpy() == pytest.approx(weight.detach().numpy(), abs=0.03 * np.sqrt(1 / 6))
