"""Matching networks against the support's half of two caches, and on artists with words of their own."""

import numpy as np
import pytest
import torch

SUPPORT = [np.array([4, 5, 2], np.uint16), np.array([6, 7, 5, 4, 9], np.uint16)]
QUERY = torch.tensor([[5, 5, 4, 5, 6, 2], [12, 13, 12, 13, 0, 0]])
LIGHT = {"embedding": 24, "hidden": 24, "dropout": 0.0, "peak": 2e-3, "batch": 32, "epochs": 2}
META = {"meta_batches": 60, "meta_every": 20, "meta_batch": 8, "meta_peak": 5e-3, "episodes": 8}


@pytest.fixture
def module(baseline):
    return baseline("matching")


@pytest.fixture
def model(baseline):
    torch.manual_seed(0)
    model = baseline("common.lstm").LSTMLanguageModel(20, 5, 7).double().eval()
    torch.nn.init.normal_(model.project.weight)
    return model


@pytest.fixture
def predictor(module, baseline, model):
    """`predictor(songs, **options)` of a learner before meta-training."""
    heads = baseline("common.heads")

    def make(songs, disturbed=0.0, **options):
        torch.manual_seed(2)
        learner = module.MatchingLearner(model, [1, 2], 0.9, width=6, **options).double()
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in learner.parameters():
                noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
                parameter += disturbed * noise
        return heads.SupportPredictor(model, lambda some: learner.head(heads.read_songs(model, some)), songs)

    return make


def test_identity_keys_and_a_constant_gate_are_the_half_of_two_caches(predictor, baseline, model, module):
    nothing = baseline("common.cache").CacheSettings(1.0, 0.0, 1)
    caches = baseline("two_caches").TwoCachesPredictor(
        model, nothing, 0.9, {0: 0.0, 1: module.SHARE}, SUPPORT
    )
    found = predictor(SUPPORT, hops=0).logits(QUERY)
    torch.testing.assert_close(found, caches.logits(QUERY), rtol=0, atol=1e-7)


def test_without_support_it_is_the_lstm(predictor, model):
    expected = model(QUERY).log_softmax(-1)
    torch.testing.assert_close(predictor([]).logits(QUERY), expected, rtol=0, atol=1e-12)
    assert not torch.allclose(predictor([], disturbed=0.3).logits(QUERY), expected, atol=1e-3)


@pytest.mark.parametrize("options", [{"hops": 0}, {"copies": False, "hops": 2}, {}])
def test_scores_sum_to_one_and_the_support_is_a_set(predictor, options, check_stream):
    found = predictor(SUPPORT, disturbed=0.5, **options)
    scores = found.logits(QUERY)
    torch.testing.assert_close(scores.exp().sum(-1), torch.ones(2, 6).double(), rtol=0, atol=1e-12)
    other = predictor(SUPPORT[::-1], disturbed=0.5, **options).logits(QUERY)
    torch.testing.assert_close(other, scores, rtol=0, atol=1e-12)
    check_stream(found, QUERY, 1e-12)
    one = predictor(SUPPORT[:1], disturbed=0.5, **options)
    assert not torch.allclose(one.logits(QUERY), scores, atol=1e-3)
    one.observe(SUPPORT[1])
    torch.testing.assert_close(one.logits(QUERY), scores, rtol=0, atol=1e-12)


def test_the_gate_does_not_see_the_token_being_scored(module, baseline, model):
    learner = module.MatchingLearner(model, [1, 2], 0.9, width=6).double()
    torch.nn.init.normal_(learner.gate.weight)
    read = baseline("common.heads").read_songs
    known = learner.known(read(model, SUPPORT))
    shares = [learner.matches(read(model, [np.array([5, 6, last])]).features, known)[1] for last in (7, 12)]
    assert torch.equal(*shares)


def test_the_loss_is_the_cost_of_the_predictor(module, baseline, model, predictor):
    """In single precision with autocast, against the double precision of the scores."""
    heads = baseline("common.heads")
    learner = module.MatchingLearner(model, [1, 2], 0.9, width=6).double()
    with torch.no_grad():
        nats = float(learner.nats(heads.read_songs(model, SUPPORT), heads.read(model, QUERY)))
    scores = predictor(SUPPORT).logits(QUERY).gather(-1, QUERY[..., None])[..., 0]
    assert nats == pytest.approx(-float(scores[QUERY != 0].sum()), rel=0.02)


@pytest.mark.parametrize("options", [{"hops": 0}, {"copies": False, "meta_batches": 300, "meta_peak": 1e-2}])
def test_it_learns_what_the_support_tells(module, baseline, own_words, context, options):
    """Each half finds the artist's words in the support, on new artists."""
    few_shot = baseline("common.few_shot")
    submission = module.Matching(**LIGHT | META | {"width": 32} | options)
    submission.fit(*own_words, context)
    none, few = (few_shot.held_out_episodes(own_words[1], context, k, 12) for k in (0, 5))

    def nll(adapt, episodes):
        return few_shot.few_shot_nll(adapt, episodes, context.device)

    own = nll(submission.adapt, few)
    wrong = submission.adapt([song.tokens for song in own_words[0].artists[0].songs[:5]])
    assert own < nll(submission.adapt, none) - 0.5
    assert own < nll(lambda _: wrong, few) - 0.5


def test_keeps_the_rules(keeps_the_rules):
    keeps_the_rules("matching")
