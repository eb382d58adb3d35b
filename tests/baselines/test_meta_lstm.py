"""The meta-LSTM against MAML's inner loop, and the effect of meta-training."""

import pytest
import torch


@pytest.fixture
def module(baseline):
    return baseline("meta_lstm")


@pytest.fixture
def songs(toy_splits):
    return [song.tokens for song in toy_splits[0].artists[0].songs]


def learners(module, baseline):
    """Meta-LSTM with constant gates, and MAML with SGD at the same rate, of one model."""
    model = baseline("common.lstm").LSTMLanguageModel(100, 6, 8)
    loop = baseline("common.inner_loop").InnerLoop(second_order=False, clip=1.0)
    options = {"adapted": "head", "rows": 2, "length": 8}
    meta = module.MetaLSTMLearner(model, loop, 4, **options).double()
    maml = baseline("common.maml_learner").MAMLLearner(model, loop, **options).double()
    for learner in (meta, maml):
        learner.scale(0.1)
    with torch.no_grad():
        meta.gate_weights.zero_()
        meta.gate_biases[:, 0] = 60.0
    return meta, maml


def test_with_constant_gates_it_is_the_inner_loop_of_maml(module, baseline, songs):
    meta, maml = learners(module, baseline)
    plan = baseline("maml").Plan(steps=3, factor=2.0)
    found, expected = (learner.adapted(songs[:2], plan) for learner in (meta, maml))
    for name, weight in expected.named_parameters():
        torch.testing.assert_close(found.get_parameter(name), weight, rtol=0, atol=1e-7)


def test_meta_training_makes_the_support_worth_more(module, baseline, own_words, context):
    few_shot = baseline("common.few_shot")
    size = {"embedding": 24, "hidden": 24, "dropout": 0.0, "peak": 2e-3, "batch": 32, "epochs": 2}
    size |= {"length": 10, "rows": 2, "average": 0.0, "units": 8, "meta_peak": 5e-3}
    outer = {"meta_batches": 60, "meta_every": 20, "meta_batch": 4, "episodes": 8}
    submission = module.MetaLSTM(**size, **outer)
    submission.fit(*own_words, context)
    none, few = (few_shot.held_out_episodes(own_words[1], context, k, 12) for k in (0, 5))
    own = few_shot.few_shot_nll(submission.adapt, few, context.device)
    curve = [figure for _, figure in submission.trained.training.curve]
    assert curve[-1] < curve[0] - 0.02
    assert own < few_shot.few_shot_nll(submission.adapt, none, context.device) - 0.2
    wrong = submission.adapt([song.tokens for song in own_words[0].artists[0].songs[:5]])
    assert own < few_shot.few_shot_nll(lambda _: wrong, few, context.device) - 0.2
    gates = submission.learner.gate_weights.detach()
    assert gates.abs().max() > 0.02  # it has learnt more than a rate


def test_keeps_the_rules(keeps_the_rules):
    keeps_the_rules("meta_lstm", steps=2, rows=2, length=16, units=4)
