"""The trained LSTM with another output layer: its features, and what a support makes of them.

The LSTM does not learn here, so its features are computed once and without a gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from common.lstm import LSTMLanguageModel, State
from common.pieces import half
from common.predictors import StepFeatures
from common.text import shift
from fsdl_bench import PAD, Tokens, pad

Head = Callable[[Tensor, int], Tensor]
"""Features [B, T, D], the position of the first of them -> scores [B, T, V]."""


class Read(NamedTuple):
    """Songs as the LSTM reads them.

    Attributes:
        tokens: int64 [N, T], padded.
        features: [N, T, D], which predict the tokens.
    """

    tokens: Tensor
    features: Tensor

    @property
    def scored(self) -> Tensor:
        """Which tokens are no padding: bool [N, T]."""
        return self.tokens != PAD


@torch.no_grad()
def read(model: LSTMLanguageModel, tokens: Tensor) -> Read:
    """Return songs int64 [..., T] as the model reads them; there may be none."""
    songs = tokens.flatten(0, -2)
    if not songs.numel():
        return Read(tokens, model.bias.new_zeros(*tokens.shape, model.embed.embedding_dim))
    with half(tokens.device):
        features = model.features(shift(songs))[0].to(model.bias.dtype)
    return Read(tokens, features.unflatten(0, tokens.shape[:-1]))


def read_songs(model: LSTMLanguageModel, songs: Sequence[Tokens]) -> Read:
    """Return some songs as the model reads them, at full precision; there may be none."""
    if not songs:
        return read(model, torch.zeros(0, 0, dtype=torch.int64, device=model.device))
    tokens = pad(songs, model.device)
    with torch.no_grad():
        return Read(tokens, model.features(shift(tokens))[0])


class HeadPredictor:
    """The LSTM with a given output layer.

    Args:
        model: the LSTM.
        head: the output layer.
    """

    def __init__(self, model: LSTMLanguageModel, head: Head) -> None:
        self.model, self.head = model, head

    @torch.no_grad()
    def logits(self, songs: Tensor) -> Tensor:
        return self.head(self.model.features(shift(songs))[0], 0)

    def stream(self, songs: int = 1) -> HeadStream:
        return HeadStream(self.model, self.head)


class HeadStream:
    """Several songs in lock-step."""

    def __init__(self, model: LSTMLanguageModel, head: Head) -> None:
        self.step_features, self.head = StepFeatures(model), head
        self.state: State | None = None
        self.position = 0

    @torch.no_grad()
    def step(self, tokens: Tensor) -> Tensor:
        features, self.state = self.step_features(tokens, self.state)
        self.position += 1
        return self.head(features[:, None], self.position - 1)[:, 0]


class SupportPredictor(HeadPredictor):
    """The LSTM with the output layer for some songs; observed songs join them.

    Args:
        model: the LSTM.
        head_for: songs -> the output layer.
        songs: the support.
    """

    def __init__(
        self, model: LSTMLanguageModel, head_for: Callable[[Sequence[Tokens]], Head], songs: Sequence[Tokens]
    ) -> None:
        self.head_for, self.songs = head_for, list(songs)
        super().__init__(model, head_for(self.songs))

    def observe(self, song: Tokens) -> None:
        """Add a song to the support."""
        self.songs.append(song)
        self.head = self.head_for(self.songs)
