"""The LSTM against its equations, and its stream against its batch."""

import numpy as np
import pytest
import torch

from fsdl_bench import BOS


def test_lstm_is_its_equations(model, by_hand):
    song = [5, 9, 3, 19, 5, 2]
    found = model(torch.tensor([song])).log_softmax(-1)[0].detach().numpy()
    assert found == pytest.approx(by_hand(model, song), abs=1e-12)


def test_stream_is_the_batch_from_any_state(common, model):
    before = common.lstm.as_row(
        [np.array([4, 5, 2], np.uint16), np.array([7], np.uint16)], torch.device("cpu")
    )
    assert before.tolist() == [[BOS, 4, 5, 2, BOS, 7]]
    song = torch.tensor([[3, 8, 8, 11]])
    for state in (None, model.features(before)[1]):
        stream = common.lstm.LSTMStream(model, state)
        rows = torch.stack([stream.step(token) for token in [BOS, 3, 8, 8]])
        assert rows.numpy() == pytest.approx(model(song, state)[0].detach().numpy(), abs=1e-12)


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
