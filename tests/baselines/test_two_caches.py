"""Two caches against a loop over what they remember, and their settings against the full mixture."""

import math

import numpy as np
import pytest
import torch

from fsdl_bench import BOS, PAD

TINY = {"embedding": 8, "hidden": 12, "epochs": 2, "batch": 8, "peak": 0.01, "episodes": 3}

SUPPORT = [np.array([4, 5, 2], np.uint16), np.array([6, 7, 5, 4, 9], np.uint16)]
QUERY = [[5, 5, 4, 5, 6, 2], [12, 13, 12, 13]]
SHARES = {0: 0.0, 1: 0.2, 2: 0.4}


@pytest.fixture
def predictor(baseline):
    """`predictor(songs)` of an untrained model."""
    torch.manual_seed(0)
    module, cache = baseline("two_caches"), baseline("common.cache").CacheSettings(1.7, 0.3, 3)
    model = baseline("common.lstm").LSTMLanguageModel(20, 5, 7).double().eval()
    torch.nn.init.normal_(model.project.weight)
    return lambda songs: module.TwoCachesPredictor(model, cache, 0.9, SHARES, songs)


def features_of(model, song):
    return model.features(torch.tensor([[BOS, *song[:-1]]]))[0][0].detach().numpy()


def looked_up(feature, remembered, sharpness):
    """What a cache says, one remembered state at a time: probabilities [V]."""
    p = np.zeros(20)
    weights = [math.exp(sharpness * float(feature @ key)) for key, _ in remembered]
    for weight, (_, word) in zip(weights, remembered, strict=True):
        p[word] += weight / sum(weights)
    return p


def brute_force(model, support, song):
    """Both formulas, one token at a time: probabilities [T, V]."""
    known = [pair for s in support for pair in zip(features_of(model, s.tolist()), s.tolist(), strict=True)]
    past, rows = [], []
    for feature, token in zip(features_of(model, song), song, strict=True):
        scores = model.embed.weight.detach().numpy() @ feature + model.bias.detach().numpy()
        p = np.exp(scores) / np.exp(scores).sum()
        if past:
            p = 0.7 * p + 0.3 * looked_up(feature, past[-3:], 1.7)
        if known:
            share = SHARES[len(support)]
            p = (1 - share) * p + share * looked_up(feature, known, 0.9)
        rows.append(p)
        past.append((feature, token))
    return np.array(rows)


@pytest.mark.parametrize("support", [[], SUPPORT[:1], SUPPORT])
def test_the_mixture_is_the_formula(predictor, support):
    reader = predictor(support)
    batch = torch.tensor([QUERY[0], [*QUERY[1], PAD, PAD]])
    found = reader.logits(batch).exp().detach().numpy()
    assert found.sum(-1) == pytest.approx(np.ones(batch.shape), abs=1e-12)
    for probabilities, song in zip(found, QUERY, strict=True):
        expected = brute_force(reader.model, support, song)
        assert probabilities[: len(song)] == pytest.approx(expected, abs=1e-12)


def test_the_stream_and_an_observed_song(predictor, check_stream):
    reader = predictor(SUPPORT[:1])
    reader.observe(SUPPORT[1])
    scores = reader.logits(torch.tensor([QUERY[0]]))[0].detach().numpy()
    both = predictor(SUPPORT).logits(torch.tensor([QUERY[0]]))[0].detach().numpy()
    assert scores == pytest.approx(both, abs=1e-12)
    check_stream(reader, torch.tensor([QUERY[0], [*QUERY[1], PAD, PAD]]), 1e-12)


def test_the_search_finds_the_least_cost(baseline, toy_splits, context):
    """Against the whole mixture of every setting, scored as a submission is."""
    module, few_shot = baseline("two_caches"), baseline("common.few_shot")
    model = module.TwoCaches(**TINY)
    model.fit(*toy_splits, context)
    shots = sorted({*context.shots} - {0})
    episodes = {k: few_shot.held_out_episodes(toy_splits[1], context, k, 3) for k in shots}
    none = few_shot.held_out_episodes(toy_splits[1], context, 0, 3)
    scale = 1 / module.mean_square(model.model, none)
    costs = {}
    for sharpness in module.SHARPNESS:
        phi, chosen = sharpness * scale, {}
        for k in shots:
            by_share = {
                share: few_shot.few_shot_nll(
                    lambda songs, phi=phi, share=share: module.TwoCachesPredictor(
                        model.model, model.song, phi, {0: 0.0, 1: share}, songs
                    ),
                    episodes[k],
                    context.device,
                )
                for share in module.SHARES
            }
            share = min(by_share, key=by_share.get)
            chosen[k] = share, by_share[share]
        costs[phi] = sum(cost for _, cost in chosen.values()), {k: share for k, (share, _) in chosen.items()}
    best = min(costs, key=lambda phi: costs[phi][0])
    assert model.phi == best
    assert model.shares == {0: 0.0} | costs[best][1]
    assert max(model.shares.values()) > 0  # each artist has words of their own


def test_through_the_harness(keeps_the_rules):
    keeps_the_rules("two_caches", TINY)
