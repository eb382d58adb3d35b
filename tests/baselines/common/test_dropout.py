"""Dropout from bytes: its share, its mean and its masks."""

import pytest
import torch


def test_dropout_keeps_the_mean_and_drops_its_share(common):
    torch.manual_seed(0)
    x = torch.ones(64, 50, 40)
    drop = common.dropout.Dropout(0.3)
    y = drop(x)
    dropped = round(0.3 * 256) / 256
    assert float((y == 0).float().mean()) == pytest.approx(dropped, abs=0.005)
    assert y[y != 0].unique().tolist() == pytest.approx([1 / (1 - dropped)])
    assert drop.eval()(x) is x


def test_locked_dropout_has_one_mask_for_all_places(common):
    torch.manual_seed(0)
    y = common.dropout.Dropout(0.5, locked=True)(torch.ones(8, 30, 25))
    assert torch.equal(y, y[:, :1].expand_as(y))
    assert 0 < float((y == 0).float().mean()) < 1
    assert not torch.equal(y[0], y[1])
