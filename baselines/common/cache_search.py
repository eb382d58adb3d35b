"""Choose the settings of a cache on validation episodes, from a full grid.

Only the targets' probabilities are computed. theta depends on the scale of the features, so its grid is in
units of 1 / mean |f|^2.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor

from common.cache import CacheSettings, Memory, attention, no_memory, remembered, similarity
from common.few_shot import support_of
from common.lstm import LSTMLanguageModel
from common.text import shift
from fsdl_bench import Episode, Tokens, pad

SHARPNESS = (0.0, 2.0, 5.0, 10.0, 20.0, 40.0)
"""theta times the mean square of f."""
SHARES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
WINDOWS = (100, 500, 2000, 10000)


@torch.no_grad()
def search(model: LSTMLanguageModel, episodes: Sequence[Episode]) -> tuple[CacheSettings, float]:
    """Return the best settings, and their nats per unit, averaged over episodes."""
    grid = list(product(SHARPNESS, WINDOWS))
    scale = 1 / mean_square(model, episodes)
    nlls = torch.zeros(len(grid), len(SHARES), dtype=torch.float64)
    for episode in episodes:
        memory = remembered(model, no_memory(model), support_of(episode), max(WINDOWS))
        nats = sum(_nats(model, memory, song.tokens, grid, scale) for song in episode.query)
        nlls += nats / sum(song.units for song in episode.query) / len(episodes)
    best = int(nlls.argmin())
    sharpness, window = grid[best // len(SHARES)]
    return CacheSettings(sharpness * scale, SHARES[best % len(SHARES)], window), float(nlls.min())


def _nats(
    model: LSTMLanguageModel,
    memory: Memory,
    song: Tokens,
    grid: Sequence[tuple[float, int]],
    scale: float,
) -> Tensor:
    """Return -log p of one song under every setting: [grid, SHARES]."""
    tokens = pad([song], model.device)
    features = model.features(shift(tokens))[0]
    plain = model.scores(features).softmax(-1)[0].gather(1, tokens.T)[:, 0]
    similar = similarity(features, memory)
    same = torch.cat([memory.tokens, tokens[0]]) == tokens.T
    rows = []
    for sharpness, window in grid:
        weights = attention(similar, sharpness * scale, window)[0]
        share = torch.tensor(SHARES, device=plain.device)[:, None] * (weights.sum(-1) > 0)
        mixed = (1 - share) * plain + share * (weights * same).sum(-1)
        rows.append(-mixed.double().log().sum(-1).cpu())
    return torch.stack(rows)


@torch.no_grad()
def mean_square(model: LSTMLanguageModel, episodes: Sequence[Episode]) -> float:
    """Return the mean of |f|^2 over the query songs."""
    songs = [pad([song.tokens], model.device) for episode in episodes for song in episode.query]
    squares = [model.features(shift(song))[0].square().sum(-1).flatten() for song in songs]
    return float(torch.cat(squares).mean())
