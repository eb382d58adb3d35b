"""Two continuous caches on the trained `lstm.py`: one of the song so far, and one of the support.

In `neural_cache.py` a long support crowds out the song so far. Here each cache has its own share (both
equations after Grave, Joulin & Usunier 2017):

    p_song(w) = (1 - l) p_LM(w) + l sum_{i < t} softmax_i(theta f_t . f_i) 1[x_i = w]
    p(w)      = (1 - m_K) p_song(w) + m_K sum_j softmax_j(phi f_t . f_j) 1[s_j = w]

j runs over all tokens s_j of the support, which f_j predicted. In the streaming protocol an observed song
joins the support. theta, l and the song's window are chosen from a grid on validation episodes without
support; then phi for all K and m_K for each number of shots K, on episodes with K songs. m_K = 0 is among the
choices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from common.cache import CacheSettings, Memory, mix, no_memory, remembered, song_mixture
from common.cache_search import SHARES, SHARPNESS, mean_square, search
from common.cache_stream import CacheStream
from common.constrained import Constrained, constrained
from common.few_shot import for_shots, held_out_episodes, support_of, support_sizes
from common.lstm import LSTMLanguageModel
from common.pretrained import choice
from common.text import shift
from lstm import LSTM
from torch import Tensor
from tqdm import tqdm

from fsdl_bench import Episode, FitContext, Split, Tokens, pad

EVERYTHING = 1 << 62
"""The window of the support's memory."""


@dataclass(eq=False)
class TwoCaches(LSTM):
    """LSTM with a cache of the song so far and another one of the support.

    Args:
        episodes: validation episodes, for each number of shots, that the caches' settings are chosen on.
    """

    episodes: int = 24

    family: ClassVar[str] = "cache"
    ignores_support: ClassVar[bool] = False

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Train or reuse the LSTM, and choose the settings of both caches."""
        super().fit(train, validation, context)
        self.trained = choice(self, "two_caches", context)
        found = self.trained.choose(lambda: self._search(validation, context))
        self.song = CacheSettings(found["theta"], found["share"], int(found["window"]))
        self.phi = found["phi"]
        self.shares = {0: 0.0} | {
            shots: found[f"support's share at {shots} shots"] for shots in support_sizes(context)
        }
        self.notes |= found

    def _search(self, validation: Split, context: FitContext) -> dict[str, float]:
        """Return the settings of the song's cache, phi, and the support's shares."""
        none = held_out_episodes(validation, context, 0, self.episodes)
        song, nll = search(self.model, none)
        self.song = song
        context.log(f"song: {song}: {nll:.4f} nats/{context.unit} on validation at 0 shots")
        scale = 1 / mean_square(self.model, none)
        nlls = {
            shots: self._nlls(held_out_episodes(validation, context, shots, self.episodes), scale)
            for shots in tqdm(support_sizes(context), desc="shares", unit="number of shots")
        }
        best = int(torch.stack([each.min(1).values for each in nlls.values()]).sum(0).argmin())
        found = dict(vars(song)) | {"phi": SHARPNESS[best] * scale}
        for shots, each in nlls.items():
            share = SHARES[int(each[best].argmin())]
            context.log(f"{shots} shots: share {share}, {each[best].min():.4f} nats/{context.unit}")
            found[f"support's share at {shots} shots"] = share
        return found

    @torch.no_grad()
    def _nlls(self, episodes: Sequence[Episode], scale: float) -> Tensor:
        """Return nats per unit for every phi and share, averaged over episodes: [SHARPNESS, SHARES]."""
        total = torch.zeros(len(SHARPNESS), len(SHARES), dtype=torch.float64)
        shares = torch.tensor(SHARES, dtype=torch.float64)[:, None]
        nothing = no_memory(self.model)
        for episode in episodes:
            memory = remembered(self.model, nothing, support_of(episode), EVERYTHING)
            units = sum(song.units for song in episode.query) * len(episodes)
            for song in episode.query:
                tokens = pad([song.tokens], self.model.device)
                features = self.model.features(shift(tokens))[0]
                own = song_mixture(self.model, self.song, nothing, features, tokens)
                own = own[0].double().exp().gather(1, tokens.T)[:, 0]
                same = memory.tokens == tokens.T
                for row, sharpness in enumerate(SHARPNESS):
                    weights = support_attention(features, memory, sharpness * scale)[0]
                    mixed = (1 - shares) * own + shares * (weights * same).sum(-1)
                    total[row] -= mixed.log().sum(-1).cpu() / units
        return total

    def adapt(self, support: Sequence[Tokens]) -> Constrained:
        predictor = TwoCachesPredictor(self.model, self.song, self.phi, self.shares, support)
        return constrained(predictor, self.codec)


def support_attention(features: Tensor, memory: Memory, phi: float) -> Tensor:
    """Return weights [..., M] over the support's tokens for features [..., D]."""
    return (phi * features @ memory.keys.T).softmax(-1)


class TwoCachesPredictor:
    """The model with some songs in the support's cache.

    Args:
        model: the LSTM.
        song: the settings of the song's cache.
        phi: the sharpness of the support's cache.
        shares: m_K for some K, including 0; the largest K that the support reaches counts.
        songs: the support.
    """

    def __init__(
        self,
        model: LSTMLanguageModel,
        song: CacheSettings,
        phi: float,
        shares: Mapping[int, float],
        songs: Sequence[Tokens],
    ) -> None:
        self.model, self.song, self.phi, self.shares = model, song, phi, shares
        self.nothing = self.memory = no_memory(model)
        self.count = 0
        for one in songs:
            self.observe(one)

    def observe(self, song: Tokens) -> None:
        """Add a song to the support."""
        self.count += 1
        self.memory = remembered(self.model, self.memory, [song], EVERYTHING)

    def logits(self, songs: Tensor) -> Tensor:
        """Return log-probabilities [B, T, V]."""
        features = self.model.features(shift(songs))[0]
        scores = song_mixture(self.model, self.song, self.nothing, features, songs)
        return self.with_support(scores, features)

    def with_support(self, scores: Tensor, features: Tensor) -> Tensor:
        """Return log-probabilities [..., V] mixed with the support's cache at features [..., D]."""
        share = for_shots(self.shares, self.count)
        if not share:
            return scores
        weights = support_attention(features, self.memory, self.phi)
        return mix(scores, weights, self.memory.tokens.expand_as(weights), share)

    def stream(self, songs: int = 1) -> TwoCachesStream:
        return TwoCachesStream(self, songs)


class TwoCachesStream(CacheStream):
    """Songs in lock-step; their own caches grow, the support's does not."""

    def __init__(self, predictor: TwoCachesPredictor, songs: int) -> None:
        super().__init__(predictor.model, predictor.song, predictor.nothing, songs)
        self.with_support = predictor.with_support

    @torch.no_grad()
    def step(self, tokens: Tensor) -> Tensor:
        scores = super().step(tokens)
        return self.with_support(scores, self.features)
