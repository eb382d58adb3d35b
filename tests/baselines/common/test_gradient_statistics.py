"""Statistics of gradients as they ship. `test_dynamic.py` has what they are."""

import pytest
import torch


def test_the_statistics_are_rounded_to_five_bits(baseline, toy_splits):
    statistics, songs = baseline("common.gradient_statistics"), baseline("common.songs")
    torch.manual_seed(0)
    model = baseline("common.lstm").LSTMLanguageModel(100, 5, 7, dropout=0.5)
    batches = songs.SongBatches(toy_splits[0], 4, 0, torch.device("cpu"))
    measured = statistics.GradientStatistics(model)
    measured.measure(model, toy_splits[0], batches, 10, 9)
    exact = statistics.root_mean_squares(model, batches, 10, 9)
    for root, expected in zip(measured.roots, exact, strict=True):
        torch.testing.assert_close(root.data, expected, rtol=1 / 32, atol=1e-7)
        assert len(torch.frexp(root)[0].unique()) <= 17
    usual = statistics.usual_norm(model, toy_splits[0], 10)
    assert float(measured.norm) == pytest.approx(usual, rel=1 / 32)
    plain = statistics.GradientStatistics(model, plain=True)
    plain.measure(model, toy_splits[0], batches, 10, 9)
    assert all(torch.equal(root, torch.ones(())) for root in plain.roots)
    assert torch.equal(plain.norm, measured.norm)
