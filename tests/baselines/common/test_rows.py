"""Rows of songs of one artist."""

import itertools

import numpy as np
import pytest
import torch


@pytest.fixture
def rows(baseline):
    return baseline("common.rows")


def test_rows_hold_songs_of_one_artist(rows, toy_splits, context):
    train, _ = toy_splits
    batches = rows.RowBatches(train, context, tokens=512)
    artist_of = {tuple(song.tokens.tolist()): song.artist_key for song in train.songs}
    rooms, firsts = set(), set()
    for index in range(40):
        batch = batches(index)
        rooms.add(batch.inputs.shape[1])
        assert batch.inputs.numel() <= 512 or len(batch.inputs) == 1
        for inputs, targets, positions in zip(*batch, strict=True):
            begins = [*torch.where(inputs == 1)[0].tolist(), len(inputs)]
            songs = []
            for number, (begin, end) in enumerate(itertools.pairwise(begins)):
                song = targets[begin:end]
                song = song[song != 0]
                songs.append(tuple(song.tolist()))
                length = len(song)
                assert inputs[begin + 1 : begin + length].tolist() == song[:-1].tolist()
                width = min(length + 1, end - begin)
                assert positions[begin : begin + width, 0].tolist() == list(range(width))
                assert (positions[begin : begin + width, 1] == number).all()
            *whole, cut = songs
            assert len(set(whole)) == len(whole)
            owners = {artist_of[song] for song in whole} | {
                artist for song, artist in artist_of.items() if not whole and song[: len(cut)] == cut
            }
            assert len(owners) == 1
            firsts.add(songs[0])
    assert len(rooms) == len(context.shots)
    assert len(firsts) > 50
    again = rows.RowBatches(train, context, tokens=512)(7)
    assert torch.equal(again.inputs, batches(7).inputs)
    assert not torch.equal(batches(7).inputs[:, :9], batches(8).inputs[: len(batches(7).inputs), :9])


def test_a_row_is_padded_after_the_last_song(rows, toy_splits, context):
    batches = rows.RowBatches(toy_splits[0], context, tokens=512)
    batches.artists = [songs[:1] for songs in batches.artists]
    inputs, targets, _ = batches._row(np.random.default_rng(0), 200)
    length = int((targets != 0).sum())
    assert inputs[0] == 1
    assert inputs[1 : length + 1].tolist() == targets[:length].tolist()
    assert (inputs[length + 1 :] == 0).all()
