"""The discrete neural statistician against Bayes by enumeration, and on artists with words of their own."""

import math

import numpy as np
import pytest
import torch

SUPPORT = [np.array([4, 5, 2], np.uint16), np.array([6, 7, 5, 4, 9, 3], np.uint16)]
QUERY = torch.tensor([[5, 5, 4, 5, 6, 2], [12, 13, 12, 13, 0, 0]])
LIGHT = {"embedding": 24, "hidden": 24, "dropout": 0.0, "peak": 2e-3, "batch": 32, "epochs": 10}


@pytest.fixture
def module(baseline):
    return baseline("neural_statistician")


@pytest.fixture
def model(baseline):
    torch.manual_seed(0)
    return baseline("common.lstm").LSTMLanguageModel(20, 5, 7).double().eval()


@pytest.fixture
def learner(module, model):
    torch.manual_seed(1)
    made = module.CodeLearner(model, 3).double()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return made


def by_enumeration(learner, model, support, song, plain):
    """log p(song | support) by the sum over codes of whole songs; `plain` without tempering."""
    embedding, bias = model.embed.weight.detach(), model.bias.detach()

    def nats(tokens, code):
        features = model.features(torch.tensor([[1, *tokens[:-1]]]))[0][0]
        changed = (1 + learner.scale[code]) * features + learner.shift[code]
        logs = (changed @ embedding.T + bias).log_softmax(-1)
        return float(-logs[range(len(tokens)), list(tokens)].sum())

    u, v = learner.evidence.tolist()
    inverse = 1.0 if plain else math.exp(u - v * math.log(max(len(support), 1)))
    prior = learner.log_prior.softmax(0).tolist()
    joint = [prior[c] * math.exp(-inverse * sum(nats(s.tolist(), c) for s in support)) for c in range(3)]
    return math.log(sum(w / sum(joint) * math.exp(-nats(song, c)) for c, w in enumerate(joint)))


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("plain", [True, False])
def test_it_is_bayes_rule(module, model, learner, count, plain):
    """With b = 1 the sum over tokens of log p(x_t) is the log of the mixture of whole songs."""
    with torch.no_grad():
        learner.log_temper.zero_()
        if plain:
            learner.evidence.zero_()
        predictor = module.StatisticianPredictor(model, learner, SUPPORT[:count])
        for row in QUERY:
            song = row[row != 0].tolist()
            scores = predictor.logits(torch.tensor([song]))[0].log_softmax(-1)
            found = float(scores[range(len(song)), song].sum())
            expected = by_enumeration(learner, model, SUPPORT[:count], song, plain)
            assert found == pytest.approx(expected, abs=1e-6)


def test_the_loss_is_the_cost_of_the_predictor(module, model, learner, baseline):
    read = baseline("common.heads").read_songs
    query = [row[row != 0].numpy() for row in QUERY]
    with torch.no_grad():
        nats = float(learner.nats(read(model, SUPPORT), read(model, query)))
        scores = module.StatisticianPredictor(model, learner, SUPPORT).logits(QUERY)
    gained = scores.gather(-1, QUERY[..., None])[..., 0][QUERY != 0].sum()
    assert nats == pytest.approx(-float(gained), abs=1e-9)


def test_the_support_is_a_set_and_songs_join_it(module, model, learner, check_stream):
    reader = module.StatisticianPredictor(model, learner, SUPPORT)
    scores = reader.logits(QUERY)
    torch.testing.assert_close(scores.exp().sum(-1), torch.ones(2, 6).double(), rtol=0, atol=1e-12)
    other = module.StatisticianPredictor(model, learner, SUPPORT[::-1])
    torch.testing.assert_close(other.logits(QUERY), scores, rtol=0, atol=1e-12)
    check_stream(reader, QUERY, 1e-12)
    one = module.StatisticianPredictor(model, learner, SUPPORT[:1])
    assert not torch.allclose(one.logits(QUERY), scores, atol=1e-4)
    one.observe(SUPPORT[1])
    torch.testing.assert_close(one.logits(QUERY), scores, rtol=0, atol=1e-12)


def test_the_divergence_is_in_nats(module, model, learner):
    with torch.no_grad():
        assert module.StatisticianPredictor(model, learner, []).divergence() == pytest.approx(0, abs=1e-12)
        learner.log_prior.zero_()
        learner.evidence[0] = 9.0  # sure of one code
        sure = module.StatisticianPredictor(model, learner, SUPPORT).divergence()
    assert sure == pytest.approx(math.log(3), abs=1e-6)


def test_without_codes_that_differ_it_is_the_lstm(module, model):
    learner = module.CodeLearner(model, 3).double()
    found = module.StatisticianPredictor(model, learner, SUPPORT).logits(QUERY)
    torch.testing.assert_close(found, model(QUERY).log_softmax(-1), rtol=0, atol=1e-12)


def test_it_learns_which_language_an_artist_speaks(module, baseline, languages, context):
    train, validation = languages
    few_shot = baseline("common.few_shot")
    meta = {"meta_batches": 300, "meta_every": 60, "meta_batch": 4, "meta_peak": 2e-2, "episodes": 8}
    submission = module.NeuralStatistician(**LIGHT, **meta, codes=4)
    submission.fit(train, validation, context)
    none, few = (few_shot.held_out_episodes(validation, context, k, 8) for k in (0, 5))
    own = few_shot.few_shot_nll(submission.adapt, few, context.device)
    assert own < few_shot.few_shot_nll(submission.adapt, none, context.device) - 0.1
    wrong = submission.adapt([song.tokens for song in train.artists[0].songs[:5]])
    others = [e for e in few if int(e.artist.split()[-1]) % 4]
    own = few_shot.few_shot_nll(submission.adapt, others, context.device)
    assert own < few_shot.few_shot_nll(lambda _: wrong, others, context.device) - 0.1
    assert submission.notes["KL in nats at 5 shots"] == pytest.approx(math.log(4), abs=0.5)


def test_keeps_the_rules(keeps_the_rules):
    keeps_the_rules("neural_statistician")
