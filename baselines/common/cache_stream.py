"""The cache of `cache.py`, token by token for several songs in lock-step."""

from __future__ import annotations

import torch
from torch import Tensor

from common.cache import CacheSettings, Memory, mix
from common.lstm import LSTMLanguageModel, State
from common.predictors import StepFeatures

ROOM = 512
"""The songs' own cache grows by this many tokens at a time."""


class CacheStream:
    """B songs, each with its own cache behind a shared memory.

    Args:
        model: the language model.
        settings: of the cache.
        memory: tokens before the songs, shared.
        songs: B.
    """

    def __init__(self, model: LSTMLanguageModel, settings: CacheSettings, memory: Memory, songs: int) -> None:
        self.model, self.settings, self.memory = model, settings, memory
        self.step_features = StepFeatures(model)
        self.state: State | None = None
        self.features = model.bias.new_zeros(songs, 0)
        self.keys = model.bias.new_zeros(songs, 0, model.embed.embedding_dim)
        self.tokens = memory.tokens.new_zeros(songs, 0)
        self.length = -1

    @torch.no_grad()
    def step(self, tokens: Tensor) -> Tensor:
        """Return log-probabilities [B, V] after tokens int64 [B]; BOS comes first."""
        if self.length >= 0:
            self._remember(tokens)
        self.length += 1
        self.features, self.state = self.step_features(tokens, self.state)
        scores = self.model.scores(self.features).log_softmax(-1)
        shared = max(0, min(len(self.memory.tokens), self.settings.window - self.length))
        own = max(0, self.length - self.settings.window)
        keys, past = self.keys[:, own : self.length], self.tokens[:, own : self.length]
        start = len(self.memory.tokens) - shared
        similar = torch.cat(
            [
                self.features @ self.memory.keys[start:].T,
                torch.bmm(keys, self.features[:, :, None])[:, :, 0],
            ],
            dim=1,
        )
        if not similar.shape[1]:
            return scores
        before = torch.cat([self.memory.tokens[start:].expand(len(tokens), -1), past], dim=1)
        weights = (self.settings.theta * similar).softmax(-1)
        return mix(scores, weights, before, self.settings.share)

    def _remember(self, tokens: Tensor) -> None:
        if self.length == self.keys.shape[1]:
            self.keys = torch.cat([self.keys, self.keys.new_zeros(len(tokens), ROOM, self.keys.shape[2])], 1)
            self.tokens = torch.cat([self.tokens, self.tokens.new_zeros(len(tokens), ROOM)], 1)
        self.keys[:, self.length], self.tokens[:, self.length] = self.features, tokens
