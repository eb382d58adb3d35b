"""Sequential latents: the forward recursion against all paths, and artists with words of their own."""

import itertools
import math

import numpy as np
import pytest
import torch

SUPPORT = [np.array([4, 5, 2], np.uint16), np.arange(3, 19, dtype=np.uint16).repeat(2)[:21]]
QUERY = torch.randint(4, 20, (2, 40), generator=torch.Generator().manual_seed(3))
QUERY[1, 19:] = 0


@pytest.fixture
def module(baseline):
    return baseline("latent_attention")


@pytest.fixture
def model(baseline):
    torch.manual_seed(0)
    return baseline("common.lstm").LSTMLanguageModel(20, 5, 7).double().eval()


@pytest.fixture
def learner(module, model):
    torch.manual_seed(1)
    made = module.LatentLearner(model, codes=3, width=4).double()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return made


def over_all_paths(module, model, learner, support, song):
    """log p(song | support): the sum over all sequences of codes, from probabilities of whole windows."""
    features = model.features(torch.tensor([[1, *song[:-1]]]))[0][0]
    windows = module.LatentPredictor(model, learner, support).windows
    logs = learner.scores(features).log_softmax(-1)
    starts = range(0, len(song), 16)
    emitted = [
        [float(logs[z, range(s, min(s + 16, len(song))), song[s : s + 16]].sum()) for z in range(3)]
        for s in starts
    ]
    moves = [learner.log_transition(features[s], windows).tolist() for s in starts]
    first = learner.start.log_softmax(0).tolist()
    total = []
    for path in itertools.product(range(3), repeat=len(emitted) + 1):
        log_p = first[path[0]]
        for j, (before, now) in enumerate(itertools.pairwise(path)):
            log_p += moves[j][before][now] + emitted[j][now]
        total.append(log_p)
    top = max(total)
    return top + math.log(sum(math.exp(one - top) for one in total))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_the_recursion_is_the_sum_over_all_paths(module, model, learner, count):
    with torch.no_grad():
        scores = module.LatentPredictor(model, learner, SUPPORT[:count]).logits(QUERY)
        for row, song in zip(scores, QUERY, strict=True):
            tokens = song[song != 0].tolist()
            found = float(row[range(len(tokens)), tokens].sum())
            expected = over_all_paths(module, model, learner, SUPPORT[:count], tokens)
            assert found == pytest.approx(expected, abs=1e-9)


def test_the_loss_is_the_cost_of_the_predictor(module, model, learner, baseline):
    read = baseline("common.heads").read_songs
    query = [row[row != 0].numpy() for row in QUERY]
    with torch.no_grad():
        nats = float(learner.nats(read(model, SUPPORT), read(model, query)))
        scores = module.LatentPredictor(model, learner, SUPPORT).logits(QUERY)
    gained = scores.gather(-1, QUERY[..., None])[..., 0][QUERY != 0].sum()
    assert nats == pytest.approx(-float(gained), abs=1e-9)


def test_the_support_is_a_set_and_songs_join_it(module, model, learner, check_stream):
    reader = module.LatentPredictor(model, learner, SUPPORT)
    scores = reader.logits(QUERY)
    torch.testing.assert_close(scores.exp().sum(-1), torch.ones(2, 40).double(), rtol=0, atol=1e-12)
    other = module.LatentPredictor(model, learner, SUPPORT[::-1])
    torch.testing.assert_close(other.logits(QUERY), scores, rtol=0, atol=1e-12)
    check_stream(reader, QUERY, 1e-12)
    one = module.LatentPredictor(model, learner, SUPPORT[:1])
    assert not torch.allclose(one.logits(QUERY), scores, atol=1e-4)
    one.observe(SUPPORT[1])
    torch.testing.assert_close(one.logits(QUERY), scores, rtol=0, atol=1e-12)


def test_without_codes_that_differ_it_is_the_lstm(module, model, learner):
    with torch.no_grad():
        learner.to_features.weight.zero_()
        found = module.LatentPredictor(model, learner, SUPPORT).logits(QUERY)
        torch.testing.assert_close(found, model(QUERY).log_softmax(-1), rtol=0, atol=1e-12)


def test_it_learns_what_the_support_tells(module, baseline, languages, context):
    """The code of the first window is known before its first token."""
    train, validation = languages
    few_shot = baseline("common.few_shot")
    size = {"embedding": 24, "hidden": 24, "dropout": 0.0, "peak": 2e-3, "batch": 32, "epochs": 10}
    meta = {"meta_batches": 320, "meta_every": 40, "meta_batch": 4, "meta_peak": 2e-2, "episodes": 8}
    submission = module.LatentAttention(**size, **meta, codes=4, width=16)
    submission.fit(train, validation, context)
    none, few = (few_shot.held_out_episodes(validation, context, k, 8) for k in (0, 5))
    own = few_shot.few_shot_nll(submission.adapt, few, context.device)
    assert own < few_shot.few_shot_nll(submission.adapt, none, context.device) - 0.03
    wrong = submission.adapt([song.tokens for song in train.artists[0].songs[:5]])
    others = [e for e in few if int(e.artist.split()[-1]) % 4]
    own = few_shot.few_shot_nll(submission.adapt, others, context.device)
    assert own < few_shot.few_shot_nll(lambda _: wrong, others, context.device) - 0.1


def test_keeps_the_rules(keeps_the_rules):
    keeps_the_rules("latent_attention")
