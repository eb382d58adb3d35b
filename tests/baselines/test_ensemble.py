"""The ensemble against the mean of its members' probabilities."""

import pytest
import torch

from fsdl_bench import pad

TINY = {"embedding": 8, "hidden": 12, "epochs": 1, "batch": 8, "peak": 0.01}


def test_it_is_the_mean_of_models_with_other_seeds(baseline, toy_splits, context, check_stream):
    model = baseline("ensemble").Ensemble(members=3, **TINY)
    model.fit(*toy_splits, context)
    songs = pad([song.tokens for song in toy_splits[1].songs[:3]])
    predictor = model.adapt(())
    with torch.no_grad():
        each = [member(songs).double().softmax(-1) for member in model.models]
        found = predictor.logits(songs).double().exp()
    assert not torch.allclose(each[0], each[1], atol=1e-4)
    allowed = found > 0
    mean = (sum(each) / 3) * allowed
    torch.testing.assert_close(found / found.sum(-1, keepdim=True), mean / mean.sum(-1, keepdim=True))
    check_stream(predictor, songs, 1e-5)
    alone = baseline("lstm").LSTM(**TINY)
    alone.fit(*toy_splits, context)
    assert sum(w.numel() for w in model.parameters()) == 3 * sum(w.numel() for w in alone.parameters())
    assert model.notes["validation figure"] == pytest.approx(alone.notes["validation figure"])
