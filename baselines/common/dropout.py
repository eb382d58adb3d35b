"""Dropout that costs a fraction of `nn.Dropout` on a processor, and may hold one mask for a whole piece."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LEVELS = 256
"""A byte decides over each number: p is rounded to a 256th, and the scale is that of the rounded p."""


class Dropout(nn.Module):
    """x m / (1 - p), m drawn with P(m = 0) = p; in evaluation mode x.

    Args:
        p: probability.
        locked: one m for all places of a row (Gal & Ghahramani 2016, "A Theoretically Grounded Application
            of Dropout in Recurrent Neural Networks").
    """

    def __init__(self, p: float, locked: bool = False) -> None:
        super().__init__()
        self.p, self.locked = p, locked

    def forward(self, x: Tensor) -> Tensor:
        """x [B, T, D] to the same shape."""
        dropped = round(self.p * LEVELS)
        if not self.training or not dropped:
            return x
        shape = (len(x), 1, *x.shape[2:]) if self.locked else x.shape
        count = torch.Size(shape).numel()
        words = torch.empty(-(-count // 8), dtype=torch.int64, device=x.device).random_(-(2**63), None)
        kept = words.view(torch.uint8)[:count].view(shape) >= dropped
        return x * (kept.to(x.dtype) * (LEVELS / (LEVELS - dropped)))
