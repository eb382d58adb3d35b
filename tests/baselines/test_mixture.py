"""The mixture of fitted models: its experts' own scores, weighted as the formula says."""

import numpy as np
import pytest
import torch

from fsdl_bench import PAD, BadInput, pad

TINY = {"embedding": 8, "hidden": 12, "epochs": 2, "batch": 8, "peak": 0.01}


@pytest.fixture
def fit(baseline, toy_splits, context, monkeypatch):
    """`fit(**options)` is a mixture of a tiny LSTM and a small n-gram model with a cache."""
    module = baseline("mixture")
    made = []

    def lstm(size):
        made.append(size)
        return module.LSTM(size=size, **TINY)

    def ngram_cache():
        return module.NGramCache(orders=(2, 3), reach=3, episodes=4)

    monkeypatch.setattr(module, "EXPERTS", {"lstm": lstm, "ngram_cache": ngram_cache})

    def fitted(**options):
        model = module.Mixture(experts=("lstm", "ngram_cache"), episodes=4, **options)
        model.fit(*toy_splits, context)
        return model

    fitted.made = made
    return fitted


def episodes_of(toy_splits, context):
    return [context.episodes(toy_splits[1], shots=3, queries=2).episode(i) for i in range(4)]


@torch.no_grad()
def nats_per_token(predictor, episode):
    songs = pad([song.tokens for song in episode.query])
    logs = predictor.logits(songs).double().log_softmax(-1).gather(-1, songs[..., None])[..., 0]
    return float(-logs[songs != PAD].mean())


def test_the_geometric_mixture_is_better_than_its_experts(fit, toy_splits, context):
    model = fit()
    supports = [([s.tokens for s in e.support], e) for e in episodes_of(toy_splits, context)]
    mixed = np.mean([nats_per_token(model.adapt(support), e) for support, e in supports])
    alone = [
        np.mean([nats_per_token(expert.adapt(support), e) for support, e in supports])
        for expert in model.models
    ]
    assert mixed < min(alone)
    assert model.setting in (0.0, 0.001, 0.003, 0.01, 0.03)


def test_the_linear_mixture_is_the_formula(fit, toy_splits, context):
    model = fit(way="linear", temper=0.0)
    assert float(model.weights.sum()) == pytest.approx(1)
    (episode, *_) = episodes_of(toy_splits, context)
    support = [song.tokens for song in episode.support]
    songs = pad([song.tokens for song in episode.query])
    each = [expert.adapt(support).logits(songs).double().softmax(-1) for expert in model.models]
    expected = sum(weight * p for weight, p in zip(model.weights, each, strict=True))
    found = model.adapt(support).logits(songs).double().softmax(-1)
    scored = songs != PAD
    torch.testing.assert_close(found[scored], expected[scored], atol=1e-6, rtol=0)


@pytest.mark.parametrize("options", [{"rate": 0.01}, {"way": "linear", "temper": 0.3}])
def test_the_stream_is_the_batch_also_after_an_observed_song(fit, toy_splits, context, check_stream, options):
    model = fit(**options)
    (episode, *_) = episodes_of(toy_splits, context)
    predictor = model.adapt([song.tokens for song in episode.support])
    songs = pad([song.tokens for song in episode.query])
    before = predictor.logits(songs)
    predictor.observe(episode.support[0].tokens)
    assert not torch.equal(predictor.logits(songs), before)
    check_stream(predictor, songs, 1e-4)


def test_a_second_mixture_reuses_the_experts(fit):
    first = fit()
    again = fit(way="linear")
    assert fit.made == ["hour"], "the first one's LSTM was taken from the store"
    assert again.models[0].notes == first.models[0].notes
    lstm, ngram = first.models
    assert first.parameters() == sum(weight.numel() for weight in lstm.parameters()) + ngram.parameters()


@pytest.mark.parametrize("options", [{"experts": ("lstm", "magic")}, {"experts": ()}, {"way": "cubic"}])
def test_what_there_is_not(baseline, options):
    with pytest.raises(BadInput, match="expected"):
        baseline("mixture").Mixture(**options)
