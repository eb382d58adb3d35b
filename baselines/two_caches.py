"""Two continuous caches on the trained `lstm.py`: one of the song so far, and one of the support, apart.

`neural_cache.py` remembers support and running song in one place, where a long support drowns the song. Here
each has its share (after Grave, Joulin & Usunier 2017, whose equation both are):

    p_song(w) = (1 - l) p_LM(w) + l sum_{i < t} softmax_i(theta f_t . f_i) 1[x_i = w]
    p(w)      = (1 - m_K) p_song(w) + m_K sum_j softmax_j(phi f_t . f_j) 1[s_j = w]

j runs over all tokens s_j of the support, f_j predicted them. In the streaming protocol an observed song
joins the support. theta, l and the song's window are the best of a grid on validation episodes without
support; then phi for all and m_K for each number of shots K, on episodes with K songs. m_K = 0 is among the
choices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from common.few_shot import chosen_for, held_out_episodes
from common.lstm import LSTMLanguageModel, shift
from common.songs import padded
from lstm import LSTM
from neural_cache import (
    SHARES,
    SHARPNESS,
    Cache,
    NeuralCachePredictor,
    NeuralCacheStream,
    mean_square,
    mixture,
    search,
)
from torch import Tensor
from tqdm import tqdm

from fsdl_bench import Episode, FitContext, Split, Tokens

EVERYTHING = 1 << 62
"""The window of the support's memory."""


@dataclass(eq=False)
class TwoCaches(LSTM):
    """LSTM with a cache of the song so far and another one of the support.

    Args:
        episodes: validation episodes, of each number of shots, that the caches' settings are chosen on.
    """

    episodes: int = 24

    family: ClassVar[str] = "cache"

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Train the LSTM, or take it, and choose the settings of both caches."""
        super().fit(train, validation, context)
        none = held_out_episodes(validation, context, 0, self.episodes)
        self.song, cost = search(self.model, none)
        context.log(f"song: {self.song}: {cost:.4f} nats/{context.unit} on validation at 0 shots")
        scale = 1 / mean_square(self.model, none)
        costs = {
            shots: self._costs(held_out_episodes(validation, context, shots, self.episodes), scale)
            for shots in tqdm(sorted({*context.shots} - {0}), desc="shares", unit="shots")
        }
        best = int(sum(cost.min(1).values for cost in costs.values()).argmin())
        self.phi = SHARPNESS[best] * scale
        self.shares = {0: 0.0} | {shots: SHARES[int(cost[best].argmin())] for shots, cost in costs.items()}
        self.notes |= vars(self.song) | {"phi": self.phi}
        for shots, cost in costs.items():
            self.notes[f"support's share at {shots} shots"] = self.shares[shots]
            context.log(
                f"{shots} shots: share {self.shares[shots]}, {cost[best].min():.4f} nats/{context.unit}"
            )

    @torch.no_grad()
    def _costs(self, episodes: Sequence[Episode], scale: float) -> Tensor:
        """Nats per unit for every phi and share, the mean over episodes: [SHARPNESS, SHARES]."""
        total = torch.zeros(len(SHARPNESS), len(SHARES), dtype=torch.float64)
        shares = torch.tensor(SHARES, dtype=torch.float64)[:, None]
        for episode in episodes:
            songs = [song.tokens for song in episode.support]
            predictor = TwoCachesPredictor(self.model, self.song, 0.0, {0: 0.0}, songs)
            for song in episode.query:
                tokens = padded([song.tokens], self.model.bias.device)
                features = self.model.features(shift(tokens))[0]
                own = mixture(self.model, self.song, predictor.nothing, features, tokens)
                own = own[0].double().exp().gather(1, tokens.T)[:, 0]
                same = predictor.memory.tokens == tokens.T
                for row, sharpness in enumerate(SHARPNESS):
                    weights = predictor.attention(features, sharpness * scale)[0]
                    mixed = (1 - shares) * own + shares * (weights * same).sum(-1)
                    total[row] -= mixed.log().sum(-1).cpu() / (
                        sum(song.units for song in episode.query) * len(episodes)
                    )
        return total

    def adapt(self, support: Sequence[Tokens]) -> TwoCachesPredictor:
        """Remember the support."""
        return TwoCachesPredictor(self.model, self.song, self.phi, self.shares, support)


class TwoCachesPredictor(NeuralCachePredictor):
    """The model with some songs in the support's cache.

    Args:
        model: the LSTM.
        cache: the song's.
        phi: of the support's cache.
        shares: m_K for some K, 0 among them; that of the largest K that the songs reach counts.
        songs: the support.
    """

    def __init__(
        self,
        model: LSTMLanguageModel,
        cache: Cache,
        phi: float,
        shares: Mapping[int, float],
        songs: Sequence[Tokens],
    ) -> None:
        self.phi, self.shares, self.songs = phi, shares, 0
        super().__init__(model, Cache(0.0, 0.0, EVERYTHING), ())
        self.nothing = self.memory
        for song in songs:
            self.observe(song)
        self.own = cache

    def observe(self, song: Tokens) -> None:
        """Remember a song among the support."""
        self.songs += 1
        super().observe(song)

    @property
    def share(self) -> float:
        """m_K."""
        return chosen_for(self.songs, self.shares)

    def attention(self, features: Tensor, phi: float) -> Tensor:
        """Weights [B, T, M] over the support's tokens."""
        return (phi * features @ self.memory.keys.T).softmax(-1)

    def logits(self, songs: Tensor) -> Tensor:
        """[B, T] -> log-probabilities [B, T, V]."""
        features = self.model.features(shift(songs))[0]
        return self.with_support(mixture(self.model, self.own, self.nothing, features, songs), features)

    def with_support(self, scores: Tensor, features: Tensor) -> Tensor:
        """Log-probabilities [B, T, V] mixed with what the support says at features [B, T, D]."""
        if not self.share:
            return scores
        weights = self.attention(features, self.phi)
        tokens = self.memory.tokens.expand_as(weights)
        found = torch.zeros_like(scores).scatter_add_(2, tokens, weights)
        share = torch.tensor(self.share, dtype=scores.dtype, device=scores.device)
        return torch.logaddexp((1 - share).log() + scores, share.log() + found.log())

    def stream(self) -> TwoCachesStream:
        """Token by token."""
        return TwoCachesStream(self)


class TwoCachesStream(NeuralCacheStream):
    """One song, token by token; its own cache grows as it goes, the support's stays."""

    def __init__(self, predictor: TwoCachesPredictor) -> None:
        super().__init__(predictor)
        self.predictor, self.cache, self.memory = predictor, predictor.own, predictor.nothing

    @torch.no_grad()
    def step(self, token: int) -> Tensor:
        """Scores [V] for the token after this one; BOS comes first."""
        scores = super().step(token)
        return self.predictor.with_support(scores[None, None], self.waiting)[0, 0]
