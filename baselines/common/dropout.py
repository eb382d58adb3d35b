"""Dropout that is several times faster than `nn.Dropout` on a CPU, with one mask per row or per element."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LEVELS = 256
"""One random byte decides about each element, so p is rounded to a multiple of 1/256."""


class Dropout(nn.Module):
    """Return x m / (1 - p) with P(m = 0) = p in training, and x in evaluation mode.

    Args:
        p: probability of a zero.
        locked: use one mask for all time steps of a row (Gal & Ghahramani 2016, "A Theoretically Grounded
            Application of Dropout in Recurrent Neural Networks").
    """

    def __init__(self, p: float, locked: bool = False) -> None:
        super().__init__()
        self.p, self.locked = p, locked

    def forward(self, x: Tensor) -> Tensor:
        """Drop elements of x [B, T, ...]; without `locked`, x may have any shape."""
        dropped = round(self.p * LEVELS)
        if not self.training or not dropped:
            return x
        shape = (len(x), 1, *x.shape[2:]) if self.locked else x.shape
        count = torch.Size(shape).numel()
        words = torch.empty(-(-count // 8), dtype=torch.int64, device=x.device).random_(-(2**63), None)
        kept = words.view(torch.uint8)[:count].view(shape) >= dropped
        return x * (kept.to(x.dtype) * (LEVELS / (LEVELS - dropped)))
