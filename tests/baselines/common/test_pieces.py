"""Losses of songs piece by piece, against whole songs."""

import math

import numpy as np
import pytest
import torch

from fsdl_bench import BOS, PAD, pad


@pytest.fixture
def exact(common, monkeypatch):
    """Training code without bfloat16."""
    monkeypatch.setattr(common.pieces, "half", lambda device: torch.autocast(device.type, enabled=False))


@pytest.fixture
def nats_of(by_hand):
    """`nats_of(model, songs)`: -log p of each song by itself."""
    return lambda model, songs: [-by_hand(model, song)[range(len(song)), song].sum() for song in songs]


@pytest.mark.parametrize("piece", [3, 4, 100])
def test_pieces_add_up_to_the_songs(common, model, exact, nats_of, piece):
    songs = [[5, 9, 3, 19, 5, 2], [4, 4], [7, 8, 9, 10, 2]]
    batch = pad([np.array(song, np.uint16) for song in songs])
    losses = list(common.pieces.song_losses(model, piece)(batch))
    assert len(losses) == math.ceil(6 / piece)
    assert sum(loss.item() for loss in losses) * 3 * min(piece, 6) == pytest.approx(
        sum(nats_of(model, songs)), rel=1e-6
    )


def test_a_piece_learns_from_its_own_targets_only(common, model, exact):
    """The gradient stops at the cut, and padding teaches nothing."""
    batch = torch.tensor([[5, 9, 3, 19], [6, PAD, PAD, PAD]])
    _, second = common.pieces.song_losses(model, 2)(batch)
    found = torch.autograd.grad(second, model.lstm[0].weight_hh_l0)[0]
    state = common.trees.detach(model.features(torch.tensor([[BOS, 5]]))[1])
    scores = model.scores(model.features(torch.tensor([[9, 3]]), state)[0])
    loss = torch.nn.functional.cross_entropy(scores[0], torch.tensor([3, 19]), reduction="sum") / 4
    expected = torch.autograd.grad(loss, model.lstm[0].weight_hh_l0)[0]
    assert found.numpy() == pytest.approx(expected.numpy(), abs=1e-8)


@pytest.mark.parametrize(("first", "cuts"), [(1, [1, 3, 2]), (2, [2, 3, 1]), (None, [3, 3])])
def test_the_first_piece_may_have_another_length(common, model, exact, first, cuts):
    batch = torch.tensor([[5, 9, 3, 19, 5, 2]])
    found = list(common.pieces.piece_nats(model, common.text.shift(batch), batch, 3, first))
    logs = model(batch)[0].log_softmax(-1)[range(6), batch[0]]
    expected = [-part.sum().item() for part in logs.split(cuts)]
    assert [nats.item() for nats in found] == pytest.approx(expected, rel=1e-6)
