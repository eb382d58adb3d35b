"""The mixture against brute force over whole songs."""

import itertools

import numpy as np
import pytest
import torch

V = 4


@pytest.fixture
def table(markov_chain):
    return lambda seed: markov_chain(V, seed)


@pytest.fixture
def mixture(baseline):
    return baseline("common.mixture")


def song_log_p(expert, song):
    ids = torch.tensor([song])
    return expert.logits(ids)[0].gather(1, ids[0][:, None]).sum()


def test_a_song_has_the_mixture_of_its_probabilities(mixture, table):
    experts, weights = [table(0), table(1), table(2)], torch.tensor([0.5, 0.3, 0.2])
    predictor = mixture.MixturePredictor(experts, weights)
    total = 0.0
    for song in itertools.product(range(V), repeat=3):
        expected = sum(w * song_log_p(e, song).exp() for w, e in zip(weights.double(), experts, strict=True))
        found = song_log_p(predictor, song).exp()
        assert float(found) == pytest.approx(float(expected), rel=1e-6)
        total += float(found)
    assert total == pytest.approx(1)


@pytest.mark.parametrize("temper", [0.0, 0.3, 1.0])
def test_it_sums_to_one_and_the_stream_is_the_batch(mixture, check_stream, temper, table):
    predictor = mixture.MixturePredictor([table(0), table(1)], temper=temper)
    songs = torch.tensor([[2, 3, 1, 2, 2, 3], [3, 3, 2, 0, 0, 0], [1, 2, 2, 3, 1, 0]])
    assert predictor.logits(songs).exp().sum(-1).numpy() == pytest.approx(1.0, abs=1e-12)
    check_stream(predictor, songs, 1e-12)


def test_one_expert_is_that_expert(mixture, table):
    songs = torch.tensor([[2, 3, 1, 2]])
    alone = table(5)
    torch.testing.assert_close(mixture.MixturePredictor([alone]).logits(songs), alone.logits(songs))
    both = mixture.MixturePredictor([alone, table(6)], torch.tensor([1.0, 0.0]))
    torch.testing.assert_close(both.logits(songs), alone.logits(songs))


def test_without_tempering_the_weights_stay(mixture, table):
    songs = torch.tensor([[2, 3, 1, 2]])
    one, two = table(0), table(1)
    found = mixture.MixturePredictor([one, two], temper=0.0).logits(songs).exp()
    expected = (one.logits(songs).exp() + two.logits(songs).exp()) / 2
    torch.testing.assert_close(found, expected)


def test_the_fixed_weights_are_the_most_likely(mixture, table):
    tokens = torch.tensor([0, 3, 1, 2, 2, 0, 1, 3, 3, 1])
    logs = torch.stack([table(seed).table[tokens.roll(1)] for seed in range(2)])
    weights = mixture.fit_weights([logs[:, :6], logs[:, 6:]], [tokens[:6], tokens[6:]], steps=2000)

    def nats(share):
        mixed = (logs.exp() * torch.tensor([share, 1 - share])[:, None, None]).sum(0)
        return float(-mixed.gather(-1, tokens[:, None]).log().sum())

    assert float(weights.sum()) == pytest.approx(1)
    assert nats(float(weights[0])) <= min(nats(share) for share in np.linspace(0, 1, 401)) + 1e-5


def test_scores_have_the_coarsest_type_of_the_experts(mixture, markov_chain):
    """In float64 the rounding of a float32 expert would look like a score that depends on the batch."""
    songs = torch.tensor([[2, 3, 1, 2]])
    single, double = markov_chain(V, 0, torch.float32), markov_chain(V, 1)
    for experts, expected in [([single, double], torch.float32), ([double, double], torch.float64)]:
        predictor = mixture.MixturePredictor(experts)
        assert predictor.logits(songs).dtype == expected
        assert predictor.stream(1).step(torch.tensor([1])).dtype == expected
