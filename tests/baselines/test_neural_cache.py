"""The neural cache against a loop over its memory, and its settings against the full mixture."""

import math

import numpy as np
import pytest
import torch

from fsdl_bench import BOS, PAD

TINY = {"embedding": 8, "hidden": 12, "epochs": 2, "batch": 8, "peak": 0.01, "episodes": 3}

SUPPORT = [np.array([4, 5, 2], np.uint16), np.array([6, 7, 5, 4, 9], np.uint16)]
QUERY = [[5, 5, 4, 5, 6, 2], [12, 13, 12, 13]]


@pytest.fixture
def predictor(baseline):
    """`predictor(songs, theta, share, window)` of an untrained model."""
    torch.manual_seed(0)
    module, settings = baseline("neural_cache"), baseline("common.cache").CacheSettings
    model = baseline("common.lstm").LSTMLanguageModel(20, 5, 7).double().eval()
    torch.nn.init.normal_(model.project.weight)

    def make(songs, theta=1.7, share=0.3, window=100):
        return module.NeuralCachePredictor(model, settings(theta, share, window), songs)

    return make


def features_of(model, song):
    inputs = torch.tensor([[BOS, *song[:-1]]])
    return model.features(inputs)[0][0].detach().numpy()


def brute_force(predictor, support, song):
    """Grave et al.'s formula, one token and one remembered state at a time: probabilities [T, V]."""
    model, cache = predictor.model, predictor.cache
    past = [
        (key, int(token))
        for s in support
        for key, token in zip(features_of(model, s.tolist()), s, strict=True)
    ]
    rows = []
    for feature, token in zip(features_of(model, song), song, strict=True):
        scores = model.embed.weight.detach().numpy() @ feature + model.bias.detach().numpy()
        p = np.exp(scores) / np.exp(scores).sum()
        recent = past[-cache.window :]
        if recent:
            weights = [math.exp(cache.theta * float(feature @ key)) for key, _ in recent]
            p = (1 - cache.share) * p
            for weight, (_, word) in zip(weights, recent, strict=True):
                p[word] += cache.share * weight / sum(weights)
        rows.append(p)
        past.append((feature, token))
    return np.array(rows)


@pytest.mark.parametrize("support", [[], SUPPORT[:1], SUPPORT])
@pytest.mark.parametrize("window", [1, 3, 8, 100])
def test_the_mixture_is_the_formula(predictor, support, window):
    reader = predictor(support, window=window)
    batch = torch.tensor([QUERY[0], [*QUERY[1], PAD, PAD]])
    found = reader.logits(batch).exp().detach().numpy()
    assert found.sum(-1) == pytest.approx(np.ones(batch.shape), abs=1e-12)
    for probabilities, song in zip(found, QUERY, strict=True):
        expected = brute_force(reader, support, song)
        assert probabilities[: len(song)] == pytest.approx(expected, abs=1e-12)


def test_without_a_share_it_is_the_model(predictor):
    batch = torch.tensor([QUERY[0]])
    reader = predictor(SUPPORT, share=0.0)
    expected = reader.model(batch).log_softmax(-1)
    assert reader.logits(batch).detach().numpy() == pytest.approx(expected.detach().numpy(), abs=1e-12)


@pytest.mark.parametrize("window", [1, 2, 4, 9, 100])
def test_the_stream_and_an_observed_song(predictor, window, check_stream):
    reader = predictor(SUPPORT[:1], window=window)
    reader.observe(SUPPORT[1])
    scores = reader.logits(torch.tensor([QUERY[0]]))[0].detach().numpy()
    both = predictor(SUPPORT, window=window).logits(torch.tensor([QUERY[0]]))[0].detach().numpy()
    assert scores == pytest.approx(both, abs=1e-12)
    check_stream(reader, torch.tensor([QUERY[0], [*QUERY[1], PAD, PAD]]), 1e-12)
    again = reader.logits(torch.tensor([QUERY[0]]))[0].detach().numpy()
    assert again == pytest.approx(scores, abs=0)


def test_the_search_finds_the_least_cost(baseline, toy_splits, context, monkeypatch):
    """Against the whole mixture of every setting, scored as a submission is."""
    module, few_shot = baseline("neural_cache"), baseline("common.few_shot")
    search = baseline("common.cache_search")
    monkeypatch.setattr(search, "SHARPNESS", (0.0, 3.0))
    monkeypatch.setattr(search, "WINDOWS", (20, 500))
    monkeypatch.setattr(search, "SHARES", (0.0, 0.1, 0.3))
    model = module.NeuralCache(**TINY)
    model.fit(*toy_splits, context)
    episodes = [e for k in (0, 5) for e in few_shot.held_out_episodes(toy_splits[1], context, k, 3)]
    scale = 1 / search.mean_square(model.model, episodes)
    costs = {}
    for sharpness in (0.0, 3.0):
        for window in (20, 500):
            for share in (0.0, 0.1, 0.3):
                cache = baseline("common.cache").CacheSettings(sharpness * scale, share, window)
                costs[cache] = few_shot.few_shot_nll(
                    lambda songs, cache=cache: module.NeuralCachePredictor(model.model, cache, songs),
                    episodes,
                    context.device,
                )
    assert model.cache == min(costs, key=costs.get)
    assert search.search(model.model, episodes)[1] == pytest.approx(min(costs.values()), rel=1e-5)
    assert model.cache.share > 0  # each artist has words of their own
    assert model.notes["share"] == model.cache.share


def test_it_adapts_the_very_lstm(baseline, toy_splits, context, tmp_path):
    static = baseline("lstm").LSTM(**{key: value for key, value in TINY.items() if key != "episodes"})
    static.fit(*toy_splits, context)
    model = baseline("neural_cache").NeuralCache(**TINY)
    model.fit(*toy_splits, context)
    assert len(list((tmp_path / "parts").glob("lstm-*/part.pt"))) == 1
    for one, other in zip(static.parameters(), model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_through_the_harness(keeps_the_rules):
    keeps_the_rules("neural_cache", TINY)
