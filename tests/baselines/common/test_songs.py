"""Batches of songs, their losses piece by piece, and the validation figure."""

import math

import numpy as np
import pytest
import torch

from fsdl_bench import BOS, PAD


@pytest.fixture
def exact(common, monkeypatch):
    """Training code without bfloat16."""
    monkeypatch.setattr(common.songs, "half", lambda device: torch.autocast(device.type, enabled=False))


def test_song_batches_hold_every_song_once_an_epoch(common, toy_splits):
    train = toy_splits[0]
    batches = common.songs.SongBatches(train, 7, 3, torch.device("cpu"))
    orders = []
    for epoch in range(2):
        numbers = range(epoch * batches.per_epoch, (epoch + 1) * batches.per_epoch)
        rows = [row[row != PAD].tolist() for number in numbers for row in batches(number)]
        assert sorted(rows) == sorted(song.tokens.tolist() for song in train.songs)
        orders.append(rows)
    assert orders[0] != orders[1]
    again = common.songs.SongBatches(train, 7, 3, torch.device("cpu"))
    late = batches.per_epoch + 1
    assert torch.equal(again(late), batches(late))
    assert torch.equal(again(1), batches(1))
    other = common.songs.SongBatches(train, 7, 4, torch.device("cpu"))
    assert other(0).shape != batches(0).shape or not torch.equal(other(0), batches(0))


def test_song_batches_waste_little_on_padding(common, toy_splits):
    batches = common.songs.SongBatches(toy_splits[0], 7, 0, torch.device("cpu"))
    cells = sum(batches(number).numel() for number in range(batches.per_epoch))
    assert cells < 1.1 * sum(len(song.tokens) for song in toy_splits[0].songs)


@pytest.fixture
def nats_of(by_hand):
    """`nats_of(model, songs)`: -log p of each song by itself."""
    return lambda model, songs: [-by_hand(model, song)[range(len(song)), song].sum() for song in songs]


@pytest.mark.parametrize("piece", [3, 4, 100])
def test_pieces_add_up_to_the_songs(common, model, exact, nats_of, piece):
    songs = [[5, 9, 3, 19, 5, 2], [4, 4], [7, 8, 9, 10, 2]]
    batch = common.songs.padded([np.array(song, np.uint16) for song in songs], torch.device("cpu"))
    losses = list(common.songs.song_losses(model, piece)(batch))
    assert len(losses) == math.ceil(6 / piece)
    assert sum(loss.item() for loss in losses) * 3 * min(piece, 6) == pytest.approx(
        sum(nats_of(model, songs)), rel=1e-6
    )


def test_a_piece_learns_from_its_own_targets_only(common, model, exact):
    """The gradient stops at the cut, and padding teaches nothing."""
    batch = torch.tensor([[5, 9, 3, 19], [6, PAD, PAD, PAD]])
    _, second = common.songs.song_losses(model, 2)(batch)
    found = torch.autograd.grad(second, model.lstm.weight_hh_l0)[0]
    state = tuple(part.detach() for part in model.features(torch.tensor([[BOS, 5]]))[1])
    scores = model.scores(model.features(torch.tensor([[9, 3]]), state)[0])
    loss = torch.nn.functional.cross_entropy(scores[0], torch.tensor([3, 19]), reduction="sum") / 4
    expected = torch.autograd.grad(loss, model.lstm.weight_hh_l0)[0]
    assert found.numpy() == pytest.approx(expected.numpy(), abs=1e-8)


def test_validation_nll_is_the_mean_over_artists(common, baseline, toy_splits, exact):
    torch.manual_seed(0)
    model = common.lstm.LSTMLanguageModel(100, 8, 8).eval()
    figures = []
    for artist in toy_splits[1].artists:
        songs = list(artist.songs)[:4]
        nats = 0.0
        for song in songs:
            ids = torch.from_numpy(song.tokens.astype(np.int64))
            nats -= model(ids[None])[0].log_softmax(-1)[range(len(ids)), ids].sum().item()
        figures.append(nats / sum(song.units for song in songs))
    found = common.songs.validation_nll(model, toy_splits[1], torch.device("cpu"), songs=4)
    assert found == pytest.approx(np.mean(figures), rel=1e-5)
