"""Batches of songs, and the validation figure."""

import numpy as np
import pytest
import torch

from fsdl_bench import PAD


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


def test_variants_are_drawn_anew_each_epoch_and_only_once(common, toy_splits):
    train = toy_splits[0]

    def first_token(song, random):
        return np.array([random.integers(3, 90), *song[1:]], np.uint16)

    batches = common.songs.SongBatches(train, 7, 3, torch.device("cpu"), first_token)
    epochs = [
        sorted(
            row[row != PAD].tolist()[1:] + row[:1].tolist()
            for n in range(batches.per_epoch)
            for row in batches(e * batches.per_epoch + n)
        )
        for e in range(2)
    ]
    assert epochs[0] != epochs[1]
    assert [row[:-1] for row in epochs[0]] == [row[:-1] for row in epochs[1]]
    assert torch.equal(batches(3), common.songs.SongBatches(train, 7, 3, torch.device("cpu"), first_token)(3))


def test_song_batches_waste_little_on_padding(common, toy_splits):
    batches = common.songs.SongBatches(toy_splits[0], 7, 0, torch.device("cpu"))
    cells = sum(batches(number).numel() for number in range(batches.per_epoch))
    assert cells < 1.1 * sum(len(song.tokens) for song in toy_splits[0].songs)


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
