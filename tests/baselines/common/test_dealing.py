"""Pieces of songs, and how they are dealt to steps."""

import math

import numpy as np
import pytest
import torch


@pytest.fixture
def dealing(baseline):
    return baseline("common.dealing")


@pytest.fixture
def model(baseline):
    return baseline("common.lstm").LSTMLanguageModel(100, 6, 8, layers=2, dropout=0.3).eval()


def test_pieces_are_the_songs_with_the_states_before_them(dealing, model, toy_splits, context):
    batch = context.episodes(toy_splits[0], shots=3, queries=1, batch_size=2).batch(0)
    for episode, (inputs, targets, found) in enumerate(dealing.cut(model, batch.support, 8)):
        place = 0
        for song, length in zip(batch.support[episode], batch.support_lengths[episode].tolist(), strict=True):
            state, fed = None, torch.tensor([1, *song[: length - 1].tolist()])
            for begin in range(0, length, 8):
                part = slice(begin, min(begin + 8, length))
                size = part.stop - begin
                assert inputs[place, :size].tolist() == fed[part].tolist()
                assert targets[place].tolist() == [*song[part].tolist(), *[0] * (8 - size)]
                with torch.no_grad():
                    for layer in range(2):
                        for own, before in enumerate(found[layer]):
                            expected = torch.zeros(8) if state is None else state[layer][own][0]
                            torch.testing.assert_close(before[place], expected)
                    _, state = model.features(fed[part][None], state)
                place += 1
        assert place == len(inputs) == len(found[0][0])


def test_every_piece_is_dealt_before_one_comes_again(dealing):
    pieces = [
        dealing.Pieces(torch.arange(n), torch.arange(n) * 2, (torch.arange(n) * 3,)) for n in (3, 7, 40)
    ]
    one, two, (three,) = dealing.deal(pieces, 12, np.random.default_rng(0))
    assert one.shape == (3, 12)
    assert (two == 2 * one).all()
    assert (three == 3 * one).all()
    for row, (whole, *_) in zip(one.tolist(), pieces, strict=True):
        assert set(row[: len(whole)]) >= set(whole.tolist()) or len(set(row)) == 12
        assert max(map(row.count, row)) == math.ceil(12 / min(len(whole), 12))


def test_steps_get_equal_shares_in_order(dealing):
    pieces = dealing.Pieces(torch.arange(12).view(1, 12), torch.arange(12).view(1, 12), ())
    assert [step.inputs.tolist() for step in dealing.steps(pieces, 5)] == [
        [[0, 1, 2, 3, 4]],
        [[5, 6, 7, 8, 9]],
        [[10, 11]],
    ]
