"""Streams of the LSTM against its logits."""

import numpy as np
import pytest
import torch

from fsdl_bench import BOS, PAD


def test_stream_is_the_batch_from_any_state(common, model):
    device = torch.device("cpu")
    before = common.text.as_row([np.array([4, 5, 2], np.uint16), np.array([7], np.uint16)], device)
    assert before.tolist() == [[BOS, 4, 5, 2, BOS, 7]]
    songs = torch.tensor([[3, 8, 8, 11], [9, 2, PAD, PAD], [1, 17, 4, PAD]])
    for state in (None, model.features(before)[1]):
        predictor = common.predictors.LSTMPredictor(model, state)
        stream = predictor.stream(3)
        inputs = torch.cat([torch.full((3, 1), BOS), songs[:, :-1]], 1)
        rows = torch.stack([stream.step(tokens) for tokens in inputs.T], 1)
        expected = predictor.logits(songs).detach()
        kept = songs != PAD
        assert rows[kept].numpy() == pytest.approx(expected[kept].numpy(), abs=1e-12)
