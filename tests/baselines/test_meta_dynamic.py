"""Meta-learned rates: dynamic evaluation and the LSTM as special cases, and the outer gradient."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fsdl_bench import pad

SMALL = {
    "embedding": 8,
    "hidden": 12,
    "epochs": 1,
    "meta_batches": 3,
    "meta_every": 3,
    "episodes": 2,
    "statistics": 3,
    "segment": 8,
}


@pytest.fixture
def module(baseline):
    return baseline("meta_dynamic")


@pytest.fixture
def dynamic(baseline):
    return baseline("common.dynamic")


@pytest.fixture
def model(baseline):
    torch.manual_seed(0)
    return baseline("common.lstm").LSTMLanguageModel(100, 6, 8, dropout=0.0).double().eval()


@pytest.fixture
def songs(toy_splits):
    return [song.tokens for song in toy_splits[0].artists[0].songs]


@pytest.fixture
def rules(model, dynamic):
    """The rule within a song, and over the support by number of songs."""
    torch.manual_seed(1)
    rates = [torch.rand_like(w) for w in model.parameters()]
    pulls = [0.1 * torch.rand_like(w) for w in model.parameters()]
    song = dynamic.Rule(0.3, rates, pulls, 8)
    return song, {1: replace(song, eta=0.2), 2: replace(song, eta=0.1, passes=2)}


@pytest.fixture
def learner(module, model):
    return module.RateLearner(model, [1, 2]).double()


def scores_of(dynamic, model, rules, support, query):
    return dynamic.DynamicPredictor(model, rules[1], rules[0], support).logits(pad([query]))[0]


def test_factors_of_one_are_dynamic_evaluation(learner, dynamic, model, rules, songs):
    expected = scores_of(dynamic, model, rules, songs[:2], songs[3])
    found = scores_of(dynamic, model, learner.rules(*rules), songs[:2], songs[3])
    assert torch.equal(found, expected)


def test_rates_of_zero_are_the_lstm(learner, dynamic, model, rules, songs):
    with torch.no_grad():
        learner.song_rates.fill_(-torch.inf)
        learner.support_rates.fill_(-torch.inf)
        found = scores_of(dynamic, model, learner.rules(*rules), songs[:2], songs[3])
        torch.testing.assert_close(found, model(pad([songs[3]]))[0], rtol=0, atol=1e-10)


def test_every_tensor_has_its_own_factor(learner, dynamic, model, rules, songs):
    """Of one tensor that learns three times as fast, and is pulled back twice as hard."""
    with torch.no_grad():
        learner.song_rates[2] = np.log(3.0)
        learner.song_pulls[2] = np.log(2.0)
    song = replace(
        rules[0],
        rates=[3 * r if j == 2 else r for j, r in enumerate(rules[0].rates)],
        pulls=[2 * p if j == 2 else p for j, p in enumerate(rules[0].pulls)],
    )
    expected = scores_of(dynamic, model, (song, rules[1]), songs[:2], songs[3])
    found = scores_of(dynamic, model, learner.rules(*rules), songs[:2], songs[3])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def nats(dynamic, model, rules, support, query):
    scores = scores_of(dynamic, model, rules, support, query).log_softmax(-1)
    return -float(scores[range(len(query)), query.astype("int64")].sum())


@pytest.mark.parametrize("name", ["song_rates", "song_pulls", "support_rates", "support_pulls"])
def test_the_outer_gradient_is_exact_for_one_update(learner, dynamic, model, rules, songs, name):
    """One update of the support and none of the query, or the other way round: no second derivative.

    A pull acts from the second update on, so there is a step before it, with a rate that is not learned.
    """
    query, support = songs[3][:16], []
    if name.startswith("support"):
        query, support = songs[3][:8], [songs[0][: 8 if name.endswith("rates") else 16]]
    elif name.endswith("pulls"):
        query = songs[3][:24]
    rows = pad(support) if support else torch.zeros(0, 0, dtype=torch.int64)
    loss = learner.surrogate(model, learner.rules(*rules), rows, pad([query]))
    found = torch.autograd.grad(loss, getattr(learner, name))[0]
    parameter = getattr(learner, name)
    for j in range(found.shape[-1]):
        values = []
        for step in (1e-5, -1e-5):
            with torch.no_grad():
                parameter.view(-1)[j] += step
                values.append(nats(dynamic, model, learner.rules(*rules), support, query))
                parameter.view(-1)[j] -= step
        expected = (values[0] - values[1]) / 2e-5
        tolerance = 1e-5 if name.endswith("rates") else 0.2 * abs(expected) + 1e-5
        assert float(found.view(-1)[j]) == pytest.approx(expected, abs=tolerance)


def test_the_loss_looks_at_no_segment_after_its_update(learner, model, rules, songs):
    """The last segment's own update changes nothing: the outer gradient of a single segment is zero."""
    none = torch.zeros(0, 0, dtype=torch.int64)
    loss = learner.surrogate(model, learner.rules(*rules), none, pad([songs[3][:8]]))
    loss.backward()
    for parameter in learner.parameters():
        assert parameter.grad is None or not parameter.grad.any()


def test_meta_training_finds_better_rates(module, baseline, own_words, context):
    """From rates that are far too small."""
    few_shot = baseline("common.few_shot")
    size = {"embedding": 24, "hidden": 24, "dropout": 0.0, "peak": 2e-3, "batch": 32, "epochs": 2}
    start = {"segment": 5, "statistics": 20, "rate": 1e-5, "support_rate": 1e-5, "pull": 1e-4}
    meta = {"meta_batches": 60, "meta_every": 20, "meta_batch": 2, "meta_peak": 0.3, "episodes": 8}
    submission = module.MetaDynamic(**size, **start, **meta)
    submission.fit(*own_words, context)
    curve = [figure for _, figure in submission.trained.training.curve]
    few = few_shot.held_out_episodes(own_words[1], context, 5, 12)
    untrained = baseline("dynamic_evaluation").DynamicEvaluation(**size, **start)
    untrained.fit(*own_words, context)
    before, after = (
        few_shot.few_shot_nll(each.adapt, few, context.device) for each in (untrained, submission)
    )
    assert after < before - 0.05
    assert curve[-1] < curve[0]
    assert submission.learner.support_rates.detach().max() > 1.0


def test_keeps_the_rules(keeps_the_rules):
    keeps_the_rules("meta_dynamic", SMALL)
