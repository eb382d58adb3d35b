"""The learned optimiser: nothing at first, gradient descent without layers, the effect of meta-training."""

import numpy as np
import pytest
import torch

from fsdl_bench import EpisodeBatch, pad


@pytest.fixture
def module(baseline):
    return baseline("learned_optimizer")


@pytest.fixture
def songs(toy_splits):
    return [song.tokens for song in toy_splits[0].artists[0].songs]


@pytest.fixture
def model(baseline):
    return baseline("common.lstm").LSTMLanguageModel(100, 6, 8)


@pytest.fixture
def loop(baseline):
    return baseline("common.inner_loop").InnerLoop(second_order=False, clip=1.0)


OPTIONS = {"adapted": "head", "rows": 2, "length": 8}


def test_before_meta_training_it_is_the_lstm(module, baseline, songs, model, loop):
    learner = module.OptimiserLearner(model, loop, 4, 2, **OPTIONS)
    found = learner.adapted(songs[:2], baseline("maml").Plan(steps=3))
    for name, weight in model.named_parameters():
        assert torch.equal(found.get_parameter(name), weight)


def test_without_layers_it_is_the_inner_loop_of_maml(module, baseline, songs, model, loop):
    learner = module.OptimiserLearner(model, loop, 4, 0, **OPTIONS).double()
    maml = baseline("common.maml_learner").MAMLLearner(model, loop, **OPTIONS).double()
    maml.scale(0.1)
    with torch.no_grad():
        learner.out_weights.fill_(-0.1 / 0.01)
    plan = baseline("maml").Plan(steps=3, factor=2.0)
    found, expected = (each.adapted(songs[:2], plan) for each in (learner, maml))
    for name, weight in expected.named_parameters():
        torch.testing.assert_close(found.get_parameter(name), weight, rtol=0, atol=1e-7)


def test_the_outer_loss_is_the_mean_over_the_steps(module, songs, model, loop):
    """One term for each step, each the query's nats after that step."""
    learner = module.OptimiserLearner(model, loop, 4, 2, **OPTIONS).double()
    with torch.no_grad():
        learner.out_weights.normal_()
    lengths = torch.tensor([[len(song) for song in songs[:4]]])
    tokens = pad(songs[:4])[None]
    batch = EpisodeBatch(("a",), tokens[:, :2], lengths[:, :2], tokens[:, 2:], lengths[:, 2:])
    three = learner.outer_losses(batch, np.random.default_rng(0), 3)
    assert len(three) == 3
    assert len({float(loss.detach()) for loss in three}) == 3
    submission = module.LearnedOptimizer(most_steps=1)
    submission.learner = learner
    loss = submission.outer_loss(batch, np.random.default_rng(0))
    (gradient,) = torch.autograd.grad(loss, learner.out_weights)
    assert gradient.abs().max() > 0


def test_meta_training_makes_the_support_worth_more(module, baseline, own_words, context):
    few_shot = baseline("common.few_shot")
    size = {"embedding": 24, "hidden": 24, "dropout": 0.0, "peak": 2e-3, "batch": 32, "epochs": 2}
    size |= {"length": 10, "rows": 2, "average": 0.0, "units": 8, "meta_peak": 5e-3, "most_steps": 5}
    outer = {"meta_batches": 80, "meta_every": 20, "meta_batch": 4, "episodes": 8}
    submission = module.LearnedOptimizer(**size, **outer)
    submission.fit(*own_words, context)
    none, few = (few_shot.held_out_episodes(own_words[1], context, k, 12) for k in (0, 5))
    own = few_shot.few_shot_nll(submission.adapt, few, context.device)
    assert own < few_shot.few_shot_nll(submission.adapt, none, context.device) - 0.2
    wrong = submission.adapt([song.tokens for song in own_words[0].artists[0].songs[:5]])
    assert own < few_shot.few_shot_nll(lambda _: wrong, few, context.device) - 0.2


def test_keeps_the_rules(keeps_the_rules):
    keeps_the_rules("learned_optimizer", steps=2, rows=2, length=16, units=4)
