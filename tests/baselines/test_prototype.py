"""Prototypical conditioning: zero maps, permutations, folded weights, and artists with words of their own."""

import numpy as np
import pytest
import torch

from fsdl_bench import EpisodeBatch, pad

SUPPORT = [
    np.array([4, 5, 2], np.uint16),
    np.array([6, 7, 5, 4, 9, 3], np.uint16),
    np.array([8, 8], np.uint16),
]
QUERY = torch.tensor([[5, 5, 4, 5, 6, 2], [12, 13, 12, 13, 0, 0]])
LIGHT = {"embedding": 24, "hidden": 24, "dropout": 0.0, "peak": 2e-3, "batch": 32, "epochs": 2}


@pytest.fixture
def module(baseline):
    return baseline("prototype")


@pytest.fixture
def model(baseline):
    torch.manual_seed(0)
    return baseline("common.lstm").LSTMLanguageModel(20, 5, 7, layers=2, dropout=0.0).eval()


@pytest.fixture
def learner(module, model):
    torch.manual_seed(1)
    return module.PrototypeLearner(model, 8, 3)


def disturb(learner):
    for parameter in learner.parameters():
        torch.nn.init.normal_(parameter, std=0.3)


def test_zero_maps_are_the_lstm_bit_for_bit(module, model, learner):
    with torch.no_grad():
        expected = model(QUERY)
        assert torch.equal(module.PrototypePredictor(model, learner, SUPPORT).logits(QUERY), expected)
        disturb(learner)
        changed = module.PrototypePredictor(model, learner, SUPPORT).logits(QUERY)
    assert not torch.allclose(changed, expected, atol=1e-2)


def test_the_order_of_the_support_changes_nothing_at_all(module, model, learner):
    disturb(learner)
    with torch.no_grad():
        expected = module.PrototypePredictor(model, learner, SUPPORT).logits(QUERY)
    for order in ([2, 1, 0], [1, 0, 2]):
        shuffled = [SUPPORT[i] for i in order]
        with torch.no_grad():
            assert torch.equal(module.PrototypePredictor(model, learner, shuffled).logits(QUERY), expected)
            reader = module.PrototypePredictor(model, learner, shuffled[:2])
            reader.observe(shuffled[2])
            assert torch.equal(reader.logits(QUERY), expected)


def test_folded_weights_are_the_conditioned_gates(module, model, learner, baseline, check_stream):
    """Against the gates as they are scaled and shifted in training, through the loss."""
    model, learner = model.double(), learner.double()
    disturb(learner)
    reader = module.PrototypePredictor(model, learner, SUPPORT)
    with torch.no_grad():
        scores = reader.logits(QUERY).log_softmax(-1)
        support, lengths = pad(SUPPORT)[None], torch.tensor([[len(song) for song in SUPPORT]])
        batch = EpisodeBatch(("a",), support, lengths, QUERY[None], (QUERY != 0).sum(1)[None])
        loss = float(learner.loss(model, batch))
    gained = scores.gather(-1, QUERY[..., None])[..., 0][QUERY != 0]
    assert loss == pytest.approx(-float(gained.mean()), abs=1e-9)
    check_stream(reader, QUERY, 1e-9)


def test_it_learns_what_the_support_tells(module, baseline, own_words, context):
    few_shot = baseline("common.few_shot")
    meta = {"meta_batches": 240, "meta_every": 60, "meta_batch": 8, "meta_peak": 1e-2, "episodes": 8}
    submission = module.Prototype(**LIGHT, **meta, width=64)
    submission.fit(*own_words, context)
    none, few = (few_shot.held_out_episodes(own_words[1], context, k, 12) for k in (0, 5))
    own = few_shot.few_shot_nll(submission.adapt, few, context.device)
    assert own < few_shot.few_shot_nll(submission.adapt, none, context.device) - 0.15
    wrong = submission.adapt([song.tokens for song in own_words[0].artists[0].songs[:5]])
    assert own < few_shot.few_shot_nll(lambda _: wrong, few, context.device) - 0.3


def test_keeps_the_rules(keeps_the_rules):
    keeps_the_rules("prototype")
