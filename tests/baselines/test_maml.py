"""MAML: the inner steps against torch.optim, and the effect of meta-training."""

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from fsdl_bench import pad

SMALL = {
    "embedding": 16,
    "hidden": 16,
    "dropout": 0.0,
    "epochs": 1,
    "batch": 16,
    "meta_batches": 3,
    "meta_every": 3,
    "episodes": 2,
    "steps": 2,
    "rows": 2,
    "length": 16,
}


@pytest.fixture
def module(baseline):
    return baseline("maml")


@pytest.fixture
def learner(module, baseline):
    """An untrained learner in double precision, whose steps are of 2 pieces of 8 tokens."""
    model = baseline("common.lstm").LSTMLanguageModel(100, 6, 8, dropout=0.3)
    loop = baseline("common.inner_loop").InnerLoop(clip=1.0)
    return baseline("common.maml_learner").MAMLLearner(model, loop, adapted="all", rows=2, length=8).double()


@pytest.fixture
def songs(toy_splits):
    return [song.tokens for song in toy_splits[0].artists[0].songs]


def test_pieces_of_a_song_cost_what_the_song_costs(learner, songs, baseline):
    """Their loss is the song's mean nats: states carry it from piece to piece."""
    song = torch.tensor(songs[0].astype("int64"))[None]
    (pieces,) = baseline("common.dealing").cut(learner.model, song[None], 8)
    with torch.no_grad():
        whole = nn.functional.cross_entropy(learner.model(song)[0], song[0])
        assert float(learner.loss({}, pieces)) == pytest.approx(float(whole), abs=1e-9)


def test_adapting_is_gradient_descent_on_the_pieces(learner, songs, module, baseline):
    """The same steps by torch.optim.SGD on the fused LSTM, clipped alike."""
    learner.scale(0.5)
    found = learner.adapted(songs[:2], module.Plan(steps=3, factor=2.0))
    rows = max(2, math.ceil(sum(math.ceil(len(song) / 8) for song in songs[:2]) / 3))
    dealing = baseline("common.dealing")
    pieces = dealing.cut(learner.model, pad(songs[:2])[None], 8)
    dealt = dealing.deal(pieces, 3 * rows, np.random.default_rng(0))
    model = pickle.loads(pickle.dumps(learner.model))
    optimiser = torch.optim.SGD(model.parameters(), 1.0)
    for step in range(3):
        part = slice(step * rows, (step + 1) * rows)
        state = tuple(tuple(tensor[0, part] for tensor in layer) for layer in dealt.state)
        features, _ = model.features(dealt.inputs[0, part], state)
        loss = nn.functional.cross_entropy(
            model.scores(features).flatten(0, 1), dealt.targets[0, part].flatten(), ignore_index=0
        )
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    for name, weight in model.named_parameters():
        torch.testing.assert_close(found.get_parameter(name), weight, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("adapted", ["all", "light", "head", "bias"])
def test_only_what_is_asked_for_is_adapted(module, baseline, songs, adapted):
    model = baseline("common.lstm").LSTMLanguageModel(100, 6, 8)
    made = baseline("common.maml_learner")
    learner = made.MAMLLearner(
        model, baseline("common.inner_loop").InnerLoop(), adapted=adapted, rows=2, length=8
    )
    found = learner.adapted(songs[:2], module.Plan(2))
    moved = {name for name, w in found.named_parameters() if not torch.equal(w, model.get_parameter(name))}
    expected = {
        "all": {name for name, _ in model.named_parameters()},
        "light": {name for name, _ in model.named_parameters() if "weight_hh" not in name},
        "head": {"project.weight", "project.bias", "bias"},
        "bias": {"bias"},
    }
    assert moved == expected[adapted]
    for name, weight in learner.model.named_parameters():
        assert torch.equal(weight, model.get_parameter(name))


def test_no_support_is_theta(learner, songs, module):
    query = torch.tensor(songs[3].astype("int64"))[None]
    with torch.no_grad():
        torch.testing.assert_close(learner.adapted([], module.Plan(5))(query), learner.model(query))


def test_stream_and_observe(learner, songs, module):
    predictor = module.MAMLPredictor(learner, songs[:2], {2: module.Plan(3)})
    query = torch.tensor(songs[3].astype("int64"))[None]
    with torch.no_grad():
        scores = predictor.logits(query)[0]
        stream = predictor.stream()
        rows = torch.cat([stream.step(torch.tensor([token])) for token in [1, *songs[3][:-1].tolist()]])
        torch.testing.assert_close(rows, scores, rtol=0, atol=1e-10)
        predictor.observe(songs[2])
        again = module.MAMLPredictor(learner, songs[:3], {2: module.Plan(3)}).logits(query)[0]
        torch.testing.assert_close(predictor.logits(query)[0], again, rtol=0, atol=0)
    assert not torch.allclose(again, scores, atol=1e-4)


@pytest.mark.parametrize("options", [{}, {"inner": "adam"}, {"second_order": False, "per_weight": True}])
def test_meta_training_makes_the_support_worth_more(module, baseline, own_words, context, options):
    """From the same LSTM, the same plan gains more on new artists after meta-training than before."""
    few_shot = baseline("common.few_shot")
    size = {"embedding": 24, "hidden": 24, "dropout": 0.0, "peak": 2e-3, "batch": 32, "epochs": 2}
    size |= {"length": 10, "rows": 2, "average": 0.0}
    outer = {"meta_batches": 80, "meta_every": 20, "meta_batch": 8, "meta_peak": 5e-3, "episodes": 8}
    outer |= {"speed": 10.0, "meta_fixed": 20}
    submission = module.MAML(**size, **outer, **options)
    kept = {}
    training = baseline("common.meta_training")
    original = training.train

    def train(learner, *rest, **named):
        kept["before"] = pickle.loads(pickle.dumps(learner))
        return original(learner, *rest, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "train", train)
        submission.fit(*own_words, context)
    none, few = (few_shot.held_out_episodes(own_words[1], context, k, 12) for k in (0, 5))

    def nll(learner, episodes):
        plans = {0: module.Plan(submission.steps)}
        return few_shot.few_shot_nll(
            lambda songs: module.MAMLPredictor(learner, songs, plans), episodes, context.device
        )

    before, after = nll(kept["before"], few), nll(submission.learner, few)
    assert after < before - 0.1
    assert after < nll(submission.learner, none) - 0.3
    wrong = module.MAMLPredictor(
        submission.learner, [song.tokens for song in own_words[0].artists[0].songs[:5]], submission.plans
    )
    assert after < few_shot.few_shot_nll(lambda _: wrong, few, context.device) - 0.3
    rates = [log.detach() for log in submission.learner.log_rates]
    assert any(
        (log - start.detach()).abs().max() > 1e-3
        for log, start in zip(rates, kept["before"].log_rates, strict=True)
    )


@pytest.mark.parametrize("fixed", [0, 2, 4])
def test_theta_learns_after_the_first_batches(module, toy_splits, context, fixed):
    """Of three batches, those after the first `fixed` have a gradient for theta; all have one for alpha."""
    submission = module.MAML(**SMALL, meta_fixed=fixed)
    submission.fit(*toy_splits, context)
    learner = submission.learner
    learner.batches.zero_()
    batch = context.episodes(toy_splits[0], shots=2, queries=4, batch_size=2).batch(0)
    found = []
    for _ in range(3):
        learner.zero_grad(set_to_none=True)
        submission._loss(batch, np.random.default_rng(0)).backward()
        assert all(log.grad.abs() > 0 for log in learner.log_rates)
        found.append(all(weight.grad is not None for weight in learner.model.parameters()))
    assert found == [number >= fixed for number in range(3)]


def test_the_plan_is_that_of_the_number_of_songs(learner, songs, module):
    plans = {0: module.Plan(0), 1: module.Plan(0), 2: module.Plan(2), 4: module.Plan(3, 2.0)}
    query = torch.tensor(songs[3].astype("int64"))[None]
    for count, plan in [(1, plans[1]), (2, plans[2]), (3, plans[2]), (4, plans[4]), (5, plans[4])]:
        expected = learner.adapted(songs[:count], plan)
        with torch.no_grad():
            found = module.MAMLPredictor(learner, songs[:count], plans).logits(query)
            assert torch.equal(found, expected(query))
            assert torch.equal(found, learner.model(query)) == (plan.steps == 0)


def test_fits_for_shots_without_zero_and_five(module, toy_splits, context):
    submission = module.MAML(**SMALL)
    submission.fit(*toy_splits, replace(context, shots=(1, 6)))
    assert set(submission.plans) == {0, 1, 6}


def test_keeps_the_rules(keeps_the_rules):
    keeps_the_rules("maml", SMALL)
