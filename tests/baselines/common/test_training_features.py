"""Features of the meta-training songs: those of the LSTM, whatever was drawn before."""

import pytest
import torch


@pytest.fixture
def features(baseline, toy_splits):
    torch.manual_seed(0)
    model = baseline("common.lstm").LSTMLanguageModel(100, 6, 8, dropout=0.0).eval()
    return baseline("common.training_features").TrainingFeatures(model, toy_splits[0])


def episodes(context, split, index, shots=3):
    return context.episodes(split, shots=shots, queries=2, batch_size=3).batch(index)


def test_they_are_those_of_the_model(features, baseline, context, toy_splits):
    batch = episodes(context, toy_splits[0], 0)
    read = baseline("common.heads").read
    for i, (support, query) in enumerate(features.episodes(batch)):
        for found, songs in ((support, batch.support[i]), (query, batch.query[i])):
            assert torch.equal(found.tokens, songs)
            expected = read(features.model, songs).features
            torch.testing.assert_close(
                found.features[found.scored], expected[found.scored], rtol=0, atol=0.02
            )


def test_they_do_not_depend_on_what_was_drawn_before(features, baseline, context, toy_splits):
    other = baseline("common.training_features").TrainingFeatures(features.model, toy_splits[0])
    for index in range(4):
        features.episodes(episodes(context, toy_splits[0], index))
    batch = episodes(context, toy_splits[0], 5)
    for one, two in zip(features.episodes(batch), other.episodes(batch), strict=True):
        for found, expected in zip(one, two, strict=True):
            assert torch.equal(found.features, expected.features)


def test_no_support(features, context, toy_splits):
    for support, query in features.episodes(episodes(context, toy_splits[0], 0, shots=0)):
        assert support.tokens.numel() == 0
        assert query.scored.any()
