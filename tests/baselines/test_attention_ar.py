"""Attention to windows of the support: against loops, and on songs that repeat the support backwards."""

import numpy as np
import pytest
import torch

SUPPORT = [np.array([4, 5, 2], np.uint16), np.array([6, 7, 5, 4, 9, 3], np.uint16)]
QUERY = torch.tensor([[5, 5, 4, 5, 6, 2], [12, 13, 12, 13, 0, 0]])


@pytest.fixture
def module(baseline):
    return baseline("attention_ar")


@pytest.fixture
def heads(baseline):
    return baseline("common.heads")


@pytest.fixture
def model(baseline):
    torch.manual_seed(0)
    return baseline("common.lstm").LSTMLanguageModel(20, 5, 7).double().eval()


@pytest.fixture
def learner(module, model):
    torch.manual_seed(1)
    made = module.AttentionLearner(model, heads=2, width=8).double()
    torch.nn.init.normal_(made.out.weight)
    return made


@pytest.fixture
def predictor(learner, heads, model):
    def head(songs):
        return learner.head(heads.read_songs(model, songs))

    return lambda songs: heads.SupportPredictor(model, head, songs)


def by_hand(learner, model, features, support):
    """The equations of one query song, one head and one window at a time: scores [T, V]."""
    embedding = model.embed.weight.detach()

    def place(position):
        angles = position * 4.0 ** -torch.arange(7)
        return torch.cat([angles.sin(), angles.cos()]).double()

    known = [learner.none[0]]
    for song in support:
        tokens = [*song.tolist(), 0, 0, 0]
        for i in range(len(song)):
            vectors = [embedding[t] if t else torch.zeros(5).double() for t in tokens[i : i + 4]]
            known.append(learner.key_value(torch.cat([*vectors, place(i)])))
    rows = []
    for t, f in enumerate(features):
        query, found = learner.query(torch.cat([f, place(t)])), []
        for head in range(2):
            part = slice(4 * head, 4 * head + 4)
            similar = torch.stack([query[part] @ row[:8][part] / 2.0 for row in known])
            weights = similar.softmax(0)
            found.append(sum(w * row[8:][part] for w, row in zip(weights, known, strict=True)))
        hidden = learner.hidden(torch.cat([f, *found])).tanh()
        rows.append(embedding @ (f + learner.out(hidden)) + model.bias)
    return torch.stack(rows)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_the_scores_are_those_of_the_equations(predictor, learner, model, baseline, count):
    found = predictor(SUPPORT[:count]).logits(QUERY)
    with torch.no_grad():
        features = model.features(baseline("common.text").shift(QUERY))[0]
        expected = by_hand(learner, model, features[0], SUPPORT[:count])
    torch.testing.assert_close(found[0], expected, rtol=0, atol=1e-12)


def test_before_meta_training_it_is_the_lstm(module, model, heads):
    learner = module.AttentionLearner(model).double()
    found = heads.SupportPredictor(model, lambda s: learner.head(heads.read_songs(model, s)), SUPPORT)
    torch.testing.assert_close(found.logits(QUERY), model(QUERY), rtol=0, atol=1e-12)


def test_the_support_is_a_set_and_songs_join_it(predictor, check_stream):
    reader = predictor(SUPPORT)
    scores = reader.logits(QUERY)
    torch.testing.assert_close(predictor(SUPPORT[::-1]).logits(QUERY), scores, rtol=0, atol=1e-12)
    check_stream(reader, QUERY, 1e-12)
    one = predictor(SUPPORT[:1])
    assert not torch.allclose(one.logits(QUERY), scores, atol=1e-3)
    one.observe(SUPPORT[1])
    torch.testing.assert_close(one.logits(QUERY), scores, rtol=0, atol=1e-12)


def test_attention_to_a_reversed_song_is_the_anti_diagonal(module, baseline, heads):
    """Queries are the support song backwards. The model learns to read it from its end to its start."""
    length = 12
    model = baseline("common.lstm").LSTMLanguageModel(40, 24, 24, dropout=0.0).eval()
    learner = module.AttentionLearner(model, heads=1, width=64)
    optimiser = torch.optim.Adam(learner.parameters(), 3e-3)
    random = np.random.default_rng(0)

    def episode():
        song = random.integers(4, 40, length)
        return heads.read(model, torch.tensor(song[None])), heads.read(
            model, torch.tensor(song[None, ::-1].copy())
        )

    for _ in range(600):
        loss = sum(learner.nats(*episode()) for _ in range(4)) / (4 * length)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    losses, places = [], []
    with torch.no_grad():
        for _ in range(20):
            support, query = episode()
            losses.append(float(learner.nats(support, query)) / length)
            weights = learner.attention(query.features, 0, learner.patches(support))[0, 0, :, 1:]
            places.append((weights * torch.arange(length)).sum(-1) / weights.sum(-1))
    assert np.mean(losses) < 1.0  # log 36 = 3.6 without the support
    read = torch.stack(places).mean(0)
    backwards = torch.arange(length - 1, -1, -1)
    assert (read - backwards).abs().max() < 3.0  # a window holds the token and up to three others
    assert np.corrcoef(read, backwards)[0, 1] > 0.95


def test_keeps_the_rules(keeps_the_rules):
    keeps_the_rules("attention_ar")
