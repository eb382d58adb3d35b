"""Contexts of a support, and what they change in the LSTM."""

import pytest
import torch


@pytest.fixture
def conditioning(baseline):
    return baseline("common.conditioning")


@pytest.fixture
def encoders(baseline):
    return baseline("common.encoders")


def supports(count, episodes=2):
    generator = torch.Generator().manual_seed(0)
    songs = torch.randint(1, 20, (episodes, count, 9), generator=generator)
    if count:
        songs[:, 0, 6:] = 0
    return songs


def test_zero_maps_are_the_plain_lstm(conditioning, model):
    maps = conditioning.Conditioning(model, 6).double()
    inputs, c = torch.randint(20, (3, 8)), torch.randn(3, 6, dtype=torch.float64)
    features, state = conditioning.conditioned_features(model, inputs, maps.initial_state(c), maps.film(c))
    expected, last = model.features(inputs)
    torch.testing.assert_close(features, expected, rtol=0, atol=1e-12)
    for found, wanted in zip(state, last, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
    assert not maps.logit_bias(c).any()


def test_scale_and_shift_are_applied_to_the_gates(conditioning, model):
    """A shift alone is the same as adding it to the bias of the gates."""
    shift = torch.randn(28, dtype=torch.float64)
    film = [conditioning.Film(torch.zeros(1, 28).double(), shift[None])] * 2
    inputs = torch.randint(20, (1, 8))
    zero = ((torch.zeros(1, 7).double(),) * 2,) * 2
    found, _ = conditioning.conditioned_features(model, inputs, zero, film)
    with torch.no_grad():
        for layer in model.lstm:
            layer.bias_ih_l0 += shift
    torch.testing.assert_close(found, model.features(inputs)[0], rtol=0, atol=1e-12)
    doubled = [conditioning.Film(torch.ones(1, 28).double(), torch.zeros(1, 28).double())] * 2
    found, _ = conditioning.conditioned_features(model, inputs, zero, doubled)
    with torch.no_grad():
        for layer in model.lstm:
            for weight in layer.parameters():
                weight *= 2
    torch.testing.assert_close(found, model.features(inputs)[0], rtol=0, atol=1e-12)


def test_the_support_is_a_set_and_padding_changes_nothing(encoders):
    torch.manual_seed(1)
    encoder = encoders.SupportEncoder(20, 8, 12).double()
    songs = supports(3)
    c = encoder(songs)
    torch.testing.assert_close(encoder(songs[:, [2, 0, 1]]), c, rtol=0, atol=1e-12)
    torch.testing.assert_close(encoder(torch.nn.functional.pad(songs, (0, 4))), c, rtol=0, atol=1e-12)
    assert not torch.allclose(encoder(songs[:, :2]), c)


def test_without_support_it_is_the_prior(encoders):
    encoder = encoders.SupportEncoder(20, 8, 12)
    with torch.no_grad():
        encoder.pool.prior.normal_()
    torch.testing.assert_close(encoder(supports(0)), encoder.pool.prior.expand(2, -1))
    vectors = torch.randn(2, 4, 12)
    expected = (encoder.pool.prior + vectors.sum(1)) / 5
    torch.testing.assert_close(encoder.pool(vectors), expected)
