"""A continuous cache: remember features and the tokens that they predicted, attend to them, mix.

    p(w) = (1 - l) p_LM(w) + l sum_i softmax_i(theta f_t . f_i) 1[x_i = w]

(Grave, Joulin & Usunier 2017, "Improving Neural Language Models with a Continuous Cache"). Log-probabilities
are mixed in the log domain, so the result is normalised and exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from common.lstm import LSTMLanguageModel
from common.text import shift
from fsdl_bench import PAD, Tokens, pad


@dataclass(frozen=True)
class CacheSettings:
    """theta, the share l, and the number of most recent tokens that are attended to."""

    theta: float
    share: float
    window: int


@dataclass(frozen=True)
class Memory:
    """Remembered tokens, oldest first: features [M, D], and the tokens int64 [M] that they predicted."""

    keys: Tensor
    tokens: Tensor

    def extended(self, keys: Tensor, tokens: Tensor, window: int) -> Memory:
        """Return the memory with more tokens appended, cut to the last `window`."""
        return Memory(torch.cat([self.keys, keys])[-window:], torch.cat([self.tokens, tokens])[-window:])


def no_memory(model: LSTMLanguageModel) -> Memory:
    """Return an empty memory for a model's features."""
    weight = model.embed.weight
    return Memory(weight[:0].detach(), torch.zeros(0, dtype=torch.int64, device=weight.device))


@torch.no_grad()
def remembered(model: LSTMLanguageModel, memory: Memory, songs: Sequence[Tokens], window: int) -> Memory:
    """Return the memory with the tokens of some songs appended."""
    if not songs:
        return memory
    tokens = pad(songs, model.device)
    kept = tokens != PAD
    return memory.extended(model.features(shift(tokens))[0][kept], tokens[kept], window)


def similarity(features: Tensor, memory: Memory) -> Tensor:
    """Return f_t . f_i [B, T, M + T] of features [B, T, D]: to the memory, then to the songs themselves."""
    return torch.cat([features @ memory.keys.T, features @ features.transpose(1, 2)], dim=-1)


def attention(similar: Tensor, theta: float, window: int) -> Tensor:
    """Return weights [B, T, M + T] over the last `window` tokens before each token; 0 if there is none."""
    length, total = similar.shape[1:]
    now = torch.arange(total - length, total, device=similar.device)[:, None]
    position = torch.arange(total, device=similar.device)
    hidden = (position >= now) | (position < now - window)
    weights = (theta * similar).masked_fill(hidden, -torch.inf).softmax(-1)
    return weights.masked_fill(hidden, 0.0)  # the softmax of no token at all is NaN


def mix(scores: Tensor, weights: Tensor, tokens: Tensor, share: float | Tensor) -> Tensor:
    """Return log((1 - l) p + l q), where q puts the attention weights on the tokens attended to.

    Args:
        scores: log p, [..., V].
        weights: [..., N]; a row of zeros leaves p as it is.
        tokens: int64 [..., N].
        share: l, a number or [..., 1].
    """
    found = torch.zeros_like(scores).scatter_add_(-1, tokens, weights)
    part = share * (weights.sum(-1, keepdim=True) > 0).to(scores)
    return torch.logaddexp((1 - part).log() + scores, part.log() + found.log())


def song_mixture(
    model: LSTMLanguageModel, settings: CacheSettings, memory: Memory, features: Tensor, songs: Tensor
) -> Tensor:
    """Return log-probabilities [B, T, V] of songs int64 [B, T], with a cache of the memory and of the song.

    Args:
        model: the language model.
        settings: of the cache.
        memory: tokens before the songs.
        features: [B, T, D], of the songs.
        songs: the songs.
    """
    weights = attention(similarity(features, memory), settings.theta, settings.window)
    tokens = torch.cat([memory.tokens.expand(len(songs), -1), songs], dim=1)
    scores = model.scores(features).log_softmax(-1)
    return mix(scores, weights, tokens[:, None].expand_as(weights), settings.share)
