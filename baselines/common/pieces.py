"""Losses of long songs, piece by piece: truncated backpropagation through time.

A model for this file has `features(inputs, state) -> (features, state)`, with a state of any nested shape,
and `nats(features, targets)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import torch
from torch import Tensor

from common.text import shift
from common.trees import Tree, detach
from fsdl_bench import PAD


class RecurrentModel(Protocol):
    """A language model that carries a state from piece to piece."""

    def features(self, inputs: Tensor, state: Tree = None) -> tuple[Tensor, Tree]:
        """Return features [B, T, D] and the last state, for inputs int64 [B, T]."""
        ...

    def nats(self, features: Tensor, targets: Tensor) -> Tensor:
        """Return the sum of -log p of targets int64 [N] with features [N, D]."""
        ...


def half(device: torch.device) -> torch.autocast:
    """Return an autocast to bfloat16 if the device is fast at it, else one that does nothing."""
    fast = device.type == "cuda" or (device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)


def song_losses(model: RecurrentModel, piece: int) -> Callable[[Tensor], Iterator[Tensor]]:
    """Return a function from songs int64 [B, T] to their `piece_losses`."""
    return lambda songs: piece_losses(model, shift(songs), songs, piece)


def piece_losses(
    model: RecurrentModel, inputs: Tensor, targets: Tensor, piece: int, first: int | None = None
) -> Iterator[Tensor]:
    """Yield the loss of each piece, divided by the same number, so that all tokens have the same weight.

    The loss of a piece in which most songs have ended is therefore small.
    """
    for nats in piece_nats(model, inputs, targets, piece, first):
        yield nats / (len(targets) * min(piece, targets.shape[1]))


def piece_nats(
    model: RecurrentModel, inputs: Tensor, targets: Tensor, piece: int, first: int | None = None
) -> Iterator[Tensor]:
    """Yield the nats of each piece. The state is carried to the next piece and detached.

    Args:
        model: the language model.
        inputs: int64 [B, T].
        targets: int64 [B, T]; PAD is not scored.
        piece: tokens in a piece.
        first: tokens in the first piece; like the others if None.
    """
    state, start, stop = None, 0, first or piece
    while start < inputs.shape[1]:
        part = targets[:, start:stop]
        with half(inputs.device):
            features, state = model.features(inputs[:, start:stop], state)
            scored = part != PAD
            nats = model.nats(features[scored], part[scored])
        yield nats
        state, start, stop = detach(state), stop, stop + piece
