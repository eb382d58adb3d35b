"""Fine-tuning against plain optimiser steps; nothing survives an episode."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fsdl_bench import BOS, PAD

TINY = {"embedding": 8, "hidden": 12, "epochs": 2, "batch": 8, "peak": 0.01, "episodes": 2, "steps": 3}

SUPPORT = [np.array([4, 5, 2], np.uint16), np.array([6, 7, 5, 4, 9, 9, 8], np.uint16)]
SONGS = torch.tensor([[5, 5, 4, 5, 6, 7, 2], [12, 13, 12, 13, PAD, PAD, PAD]])


@pytest.fixture
def tuner(baseline, any_ids):
    """A submission with an untrained model, as its fit would leave it."""

    def make(kind="sgd", rate=0.5, steps_at=None):
        torch.manual_seed(0)
        submission = baseline("fine_tuning").FineTuning()
        submission.codec = any_ids(20)
        submission.model = baseline("common.lstm").LSTMLanguageModel(20, 5, 7, dropout=0.5).double().eval()
        submission.kind, submission.rate = kind, rate
        submission.steps_at = {0: 0, 1: 1, 2: 3} if steps_at is None else steps_at
        return submission

    return make


def nats_per_token(model, songs):
    """With every song by itself."""
    total = 0.0
    for song in songs:
        ids = song.tolist()
        scores = model.scores(model.features(torch.tensor([[BOS, *ids[:-1]]]))[0])[0]
        total = total - scores.log_softmax(-1)[range(len(ids)), ids].sum()
    return total / sum(map(len, songs))


@pytest.mark.parametrize(("kind", "rate"), [("sgd", 0.5), ("adam", 0.01)])
def test_the_steps_are_the_formula(tuner, kind, rate):
    submission = tuner(kind, rate)
    model = submission.model.adaptable()
    first = [torch.zeros_like(p) for p in model.parameters()]
    second = [torch.zeros_like(p) for p in model.parameters()]
    for step in range(1, 4):
        gradients = torch.autograd.grad(nats_per_token(model, SUPPORT), model.parameters())
        with torch.no_grad():
            for p, g, m, v in zip(model.parameters(), gradients, first, second, strict=True):
                m.mul_(0.9).add_(0.1 * g)
                v.mul_(0.999).add_(0.001 * g * g)
                adam = (m / (1 - 0.9**step)) / ((v / (1 - 0.999**step)).sqrt() + 1e-8)
                p -= rate * (adam if kind == "adam" else g)
    with torch.no_grad():
        found = submission.adapt(SUPPORT).logits(SONGS)
    assert found.numpy() == pytest.approx(model(SONGS).detach().numpy(), abs=1e-7)
    assert (found - submission.model(SONGS)).abs().max() > 0.01


def test_steps_are_those_of_the_number_of_songs(tuner):
    submission = tuner(steps_at={0: 0, 1: 1, 2: 3})
    songs = [*SUPPORT, SUPPORT[0]]
    for count, steps in {0: 0, 1: 1, 2: 3, 3: 3}.items():
        same = tuner(steps_at={1: steps}).adapt(songs[:count])
        assert torch.equal(submission.adapt(songs[:count]).logits(SONGS), same.logits(SONGS))
    assert torch.equal(submission.adapt(()).logits(SONGS), submission.model(SONGS))


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_nothing_survives_an_episode_and_order_is_no_matter(tuner, kind):
    submission = tuner(kind, 0.02)
    before = [p.detach().clone() for p in submission.parameters()]
    first = submission.adapt(SUPPORT).logits(SONGS)
    submission.adapt([SONGS[0].numpy().astype(np.uint16)] * 2)
    again = submission.adapt(SUPPORT).logits(SONGS)
    turned = submission.adapt(SUPPORT[::-1]).logits(SONGS)
    assert torch.equal(first, again)
    assert turned.detach().numpy() == pytest.approx(first.detach().numpy(), abs=1e-9)
    for p, value in zip(submission.parameters(), before, strict=True):
        assert torch.equal(p, value)


def test_an_observed_song_joins_the_support(tuner, check_stream):
    submission = tuner()
    reader = submission.adapt(SUPPORT[:1])
    reader.observe(SUPPORT[1])
    assert torch.equal(reader.logits(SONGS), submission.adapt(SUPPORT).logits(SONGS))
    check_stream(reader, SONGS, 1e-12)


def test_rate_and_steps_are_the_best_on_validation(baseline, toy_splits, context, monkeypatch):
    module, few_shot = baseline("fine_tuning"), baseline("common.few_shot")
    rates = {"adam": (1e-3, 1e-2), "sgd": (1e20,)}
    monkeypatch.setattr(module, "RATES", rates)
    model = module.FineTuning(**TINY)
    model.fit(*toy_splits, context)
    chosen = (model.kind, model.rate)
    assert model.kind == "adam"
    figures = {}
    for rate in rates["adam"]:
        model.kind, model.rate = "adam", rate
        for shots in (1, 2, 5):
            episodes = few_shot.held_out_episodes(toy_splits[1], context, shots, 2)
            for steps in range(4):
                other = dict(vars(model)) | {"steps_at": {1: steps}}
                probe = module.FineTuning(**TINY)
                vars(probe).update(other)
                figures[rate, shots, steps] = few_shot.few_shot_nll(probe.adapt, episodes, context.device)
    best = {r: min(figures[r, 5, s] for s in range(4)) for r in rates["adam"]}
    assert chosen[1] == min(best, key=best.get)
    for shots in (1, 2, 5):
        curve = [figures[chosen[1], shots, steps] for steps in range(4)]
        assert model.steps_at[shots] == curve.index(min(curve))
    assert max(model.steps_at.values()) > 0
    assert model.notes["steps at 5 shots"] == model.steps_at[5]


def test_a_run_without_support_can_be_fitted(baseline, toy_splits, context):
    model = baseline("fine_tuning").FineTuning(**TINY)
    model.fit(*toy_splits, replace(context, shots=(0,)))
    assert set(model.steps_at) == {0, 1}


def test_through_the_harness(keeps_the_rules):
    keeps_the_rules("fine_tuning", TINY, optimiser="sgd")
