"""Continuous cache on the trained `lstm.py`: the support and the song so far, remembered by hidden state.

Grave, Joulin & Usunier 2017, "Improving Neural Language Models with a Continuous Cache":

    p(w | x_<t) = (1 - l) p_LM(w | x_<t) + l sum_i softmax_i(theta f_t . f_i) 1[x_i = w]

f_i is the feature vector from which the model predicts x_i (what stands before the output layer), and i runs
over the last `window` tokens before t, in the support songs one after the other and then in the song itself.
With nothing remembered yet, p is p_LM. Mixed as normalised log-probabilities, so scores are exact. In the
streaming protocol every song that was observed is remembered too.

theta, l and the window are the best of a full grid on validation episodes, without support and with five
songs. theta depends on the scale of f, so its grid is in units of 1 / mean |f|^2. Nothing else is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import ClassVar

import torch
from common.few_shot import headline_shots, held_out_episodes
from common.lstm import LSTMLanguageModel, State, shift
from common.songs import padded
from lstm import LSTM
from torch import Tensor

from fsdl_bench import PAD, Episode, FitContext, Split, Tokens

SHARPNESS = (0.0, 2.0, 5.0, 10.0, 20.0, 40.0)
"""theta times the mean square of f."""
SHARES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
WINDOWS = (100, 500, 2000, 10000)


@dataclass(frozen=True)
class Cache:
    """The cache's settings: theta, l and the window."""

    theta: float
    share: float
    window: int


@dataclass(eq=False)
class NeuralCache(LSTM):
    """LSTM with a continuous cache of the support and of the song so far.

    Args:
        episodes: validation episodes, of each number of shots, that the cache's settings are chosen on.
    """

    episodes: int = 24

    family: ClassVar[str] = "cache"

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Train the LSTM, or take it, and choose the cache's settings."""
        super().fit(train, validation, context)
        shots = (0, headline_shots(context))
        chosen = [e for k in shots for e in held_out_episodes(validation, context, k, self.episodes)]
        self.cache, cost = search(self.model, chosen)
        context.log(f"{self.cache}: {cost:.4f} nats/{context.unit} on validation at {shots} shots")
        self.notes |= vars(self.cache)

    def adapt(self, support: Sequence[Tokens]) -> NeuralCachePredictor:
        """Remember the support."""
        return NeuralCachePredictor(self.model, self.cache, support)


@dataclass(frozen=True)
class Memory:
    """What is remembered, oldest first: features [M, D], and the tokens int64 [M] that they predicted."""

    keys: Tensor
    tokens: Tensor

    def and_then(self, keys: Tensor, tokens: Tensor, window: int) -> Memory:
        """With more behind it; only the last `window` are kept."""
        return Memory(torch.cat([self.keys, keys])[-window:], torch.cat([self.tokens, tokens])[-window:])


class NeuralCachePredictor:
    """The model with some songs in its cache."""

    def __init__(self, model: LSTMLanguageModel, cache: Cache, songs: Sequence[Tokens]) -> None:
        self.model, self.cache = model, cache
        weights = model.embed.weight
        self.memory = Memory(weights[:0].detach(), torch.zeros(0, dtype=torch.int64, device=weights.device))
        if songs:
            self._remember(songs)

    def observe(self, song: Tokens) -> None:
        """Remember a song."""
        self._remember([song])

    @torch.no_grad()
    def _remember(self, songs: Sequence[Tokens]) -> None:
        tokens = padded(songs, self.model.bias.device)
        here = tokens != PAD
        features = self.model.features(shift(tokens))[0]
        self.memory = self.memory.and_then(features[here], tokens[here], self.cache.window)

    def logits(self, songs: Tensor) -> Tensor:
        """[B, T] -> log-probabilities [B, T, V]."""
        features = self.model.features(shift(songs))[0]
        return mixture(self.model, self.cache, self.memory, features, songs)

    def stream(self) -> NeuralCacheStream:
        """Token by token."""
        return NeuralCacheStream(self)


class NeuralCacheStream:
    """One song, token by token; the cache grows as it goes."""

    def __init__(self, predictor: NeuralCachePredictor) -> None:
        self.model, self.cache, self.memory = predictor.model, predictor.cache, predictor.memory
        self.state: State | None = None
        self.waiting: Tensor | None = None

    @torch.no_grad()
    def step(self, token: int) -> Tensor:
        """Scores [V] for the token after this one; BOS comes first."""
        tokens = torch.tensor([[token]], device=self.model.bias.device)
        if self.waiting is not None:
            self.memory = self.memory.and_then(self.waiting[0], tokens[0], self.cache.window)
        self.waiting, self.state = self.model.features(tokens, self.state)
        return mixture(self.model, self.cache, self.memory, self.waiting, tokens)[0, 0]


def mixture(
    model: LSTMLanguageModel, cache: Cache, memory: Memory, features: Tensor, songs: Tensor
) -> Tensor:
    """Log-probabilities [B, T, V] of songs int64 [B, T] with features [B, T, D] after what is remembered."""
    scores = model.scores(features).log_softmax(-1)
    weights = attention(similarity(features, memory), cache.theta, cache.window)
    tokens = torch.cat([memory.tokens.expand(len(songs), -1), songs], dim=1)
    found = torch.zeros_like(scores).scatter_add_(2, tokens[:, None].expand_as(weights), weights)
    share = cache.share * (weights.sum(-1, keepdim=True) > 0).to(scores)  # none where nothing is remembered
    return torch.logaddexp((1 - share).log() + scores, share.log() + found.log())


def similarity(features: Tensor, memory: Memory) -> Tensor:
    """f_t . f_i: [B, T, M + T], first for what is remembered, then for the songs themselves."""
    return torch.cat([features @ memory.keys.T, features @ features.transpose(1, 2)], dim=-1)


def attention(similar: Tensor, theta: float, window: int) -> Tensor:
    """Weights [B, T, M + T] over the last `window` places before each token; all 0 where there is none."""
    length, places = similar.shape[1:]
    now = torch.arange(places - length, places, device=similar.device)[:, None]
    place = torch.arange(places, device=similar.device)
    hidden = (place >= now) | (place < now - window)
    weights = (theta * similar).masked_fill(hidden, -torch.inf).softmax(-1)
    return weights.masked_fill(hidden, 0.0)  # a row without any place is NaN until here


@torch.no_grad()
def search(model: LSTMLanguageModel, episodes: Sequence[Episode]) -> tuple[Cache, float]:
    """The settings of least cost on some episodes, and the cost: nats per unit, the mean over episodes."""
    grid = list(product(SHARPNESS, WINDOWS))
    scale = 1 / mean_square(model, episodes)
    costs = torch.zeros(len(grid), len(SHARES), dtype=torch.float64)
    for episode in episodes:
        support = [song.tokens for song in episode.support]
        memory = NeuralCachePredictor(model, Cache(0.0, 0.0, max(WINDOWS)), support).memory
        nats = sum(_nats(model, memory, song.tokens, grid, scale) for song in episode.query)
        costs += nats / sum(song.units for song in episode.query) / len(episodes)
    best = int(costs.argmin())
    sharpness, window = grid[best // len(SHARES)]
    return Cache(sharpness * scale, SHARES[best % len(SHARES)], window), float(costs.min())


def _nats(
    model: LSTMLanguageModel,
    memory: Memory,
    song: Tokens,
    grid: Sequence[tuple[float, int]],
    scale: float,
) -> Tensor:
    """-log p of one song under every setting, of which only the targets' part is computed: [grid, SHARES]."""
    tokens = padded([song], model.bias.device)
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
    """Mean |f|^2 over the query songs."""
    songs = [padded([song.tokens], model.bias.device) for episode in episodes for song in episode.query]
    squares = [model.features(shift(song))[0].square().sum(-1).flatten() for song in songs]
    return float(torch.cat(squares).mean())
