"""Pad songs of different lengths into one tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fsdl_bench.codecs.base import PAD, Tokens

if TYPE_CHECKING:
    import torch


def pad(songs: Sequence[Tokens], device: torch.device | str = "cpu") -> torch.Tensor:
    """Return songs as one int64 tensor [B, T], padded with PAD to the length of the longest.

    Args:
        songs: B songs, each uint16 [T_b].
        device: the device of the tensor.
    """
    import torch

    longest = max(map(len, songs), default=0)
    rows = np.full((len(songs), longest), PAD, np.int64)
    for row, song in zip(rows, songs, strict=True):
        row[: len(song)] = song
    return torch.from_numpy(rows).to(device)
