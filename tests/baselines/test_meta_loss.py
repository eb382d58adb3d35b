"""The learned inner loss: plain SGD as a special case, finite differences, the effect of meta-training."""

import numpy as np
import pytest
import torch

from fsdl_bench import EpisodeBatch, pad

OPTIONS = {"adapted": "light", "rows": 4, "length": 8}


@pytest.fixture
def module(baseline):
    return baseline("meta_loss")


@pytest.fixture
def songs(toy_splits):
    return [song.tokens for song in toy_splits[0].artists[0].songs]


@pytest.fixture
def learner(module, baseline):
    torch.manual_seed(0)
    model = baseline("common.lstm").LSTMLanguageModel(100, 6, 8)
    made = module.MetaLossLearner(model, baseline("common.inner_loop").InnerLoop(), 5, **OPTIONS).double()
    made.scale(0.3)
    return made


@pytest.fixture
def batch(songs):
    lengths = torch.tensor([[len(song) for song in songs[:4]]])
    tokens = pad(songs[:4])[None]
    return EpisodeBatch(("a",), tokens[:, :2], lengths[:, :2], tokens[:, 2:], lengths[:, 2:])


def test_with_plain_terms_it_is_a_step_of_sgd(module, baseline, learner, songs):
    with torch.no_grad():
        learner.g[2].weight.zero_()
    maml = baseline("common.maml_learner").MAMLLearner(learner.model, learner.loop, **OPTIONS).double()
    maml.scale(0.3)
    plan = baseline("maml").Plan(steps=1)
    found, expected = (each.adapted(songs[:2], plan) for each in (learner, maml))
    moved = 0.0
    for name, weight in expected.named_parameters():
        torch.testing.assert_close(found.get_parameter(name), weight, rtol=0, atol=1e-12)
        moved = max(moved, float((weight - learner.model.get_parameter(name)).detach().abs().max()))
    assert moved > 1e-3


@pytest.mark.parametrize("name", ["log_a.bias", "log_a.weight", "g.0.weight", "g.2.weight"])
def test_gradients_through_the_step_are_finite_differences(learner, batch, name):
    """a and g act on the outer loss through the inner gradient only."""

    def loss():
        return learner.outer_loss(batch, np.random.default_rng(0), 2)

    parameter = learner.get_parameter(name)
    (gradient,) = torch.autograd.grad(loss(), parameter)
    direction = torch.randn_like(parameter)
    step = 1e-5
    with torch.no_grad():
        values = []
        for sign in (1, -1):
            parameter += sign * step * direction
            values.append(float(loss()))
            parameter -= sign * step * direction
    found = float((gradient * direction).sum())
    assert found == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-4, abs=1e-9)
    assert found != 0


def test_the_weight_of_a_token_counts(learner, batch, songs, baseline):
    """Doubling a is doubling the rate, where g is zero."""
    plan = baseline("maml").Plan
    with torch.no_grad():
        learner.g[2].weight.zero_()
        learner.loop = baseline("common.inner_loop").InnerLoop()  # without clipping
        expected = learner.adapted(songs[:2], plan(1, 2.0))
        learner.log_a.bias.fill_(np.log(2.0))
        found = learner.adapted(songs[:2], plan(1, 1.0))
    for name, weight in expected.named_parameters():
        torch.testing.assert_close(found.get_parameter(name), weight, rtol=0, atol=1e-12)


def test_meta_training_makes_the_support_worth_more(module, baseline, own_words, context):
    few_shot = baseline("common.few_shot")
    size = {"embedding": 24, "hidden": 24, "dropout": 0.0, "peak": 2e-3, "batch": 32, "epochs": 2}
    size |= {"length": 10, "rows": 2, "average": 0.0, "units": 8, "meta_peak": 5e-3, "speed": 10.0}
    outer = {"meta_batches": 60, "meta_every": 20, "meta_batch": 4, "episodes": 8}
    submission = module.MetaLoss(**size, **outer)
    submission.fit(*own_words, context)
    none, few = (few_shot.held_out_episodes(own_words[1], context, k, 12) for k in (0, 5))
    own = few_shot.few_shot_nll(submission.adapt, few, context.device)
    assert own < few_shot.few_shot_nll(submission.adapt, none, context.device) - 0.2
    wrong = submission.adapt([song.tokens for song in own_words[0].artists[0].songs[:5]])
    assert own < few_shot.few_shot_nll(lambda _: wrong, few, context.device) - 0.2
    assert submission.learner.log_a.weight.detach().abs().max() > 1e-2


def test_keeps_the_rules(keeps_the_rules):
    keeps_the_rules("meta_loss", steps=2, rows=2, length=16)
