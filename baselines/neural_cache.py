"""Continuous cache on the trained `lstm.py`: it remembers the support and the song so far.

Grave, Joulin & Usunier 2017, "Improving Neural Language Models with a Continuous Cache":

    p(w | x_<t) = (1 - l) p_LM(w | x_<t) + l sum_i softmax_i(theta f_t . f_i) 1[x_i = w]

f_i are the features from which the model predicts x_i (the input of the output layer). i runs over the last
`window` tokens before t: the support songs one after the other, then the song itself. With an empty cache p
is p_LM. In the streaming protocol every observed song is remembered too.

theta, l and the window are chosen from a full grid on validation episodes, with no support and with five
songs. Nothing else is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from common.cache import CacheSettings, no_memory, remembered, song_mixture
from common.cache_search import search
from common.cache_stream import CacheStream
from common.constrained import Constrained, constrained
from common.few_shot import headline_shots, held_out_episodes
from common.lstm import LSTMLanguageModel
from common.pretrained import choice
from common.text import shift
from lstm import LSTM
from torch import Tensor

from fsdl_bench import FitContext, Split, Tokens


@dataclass(eq=False)
class NeuralCache(LSTM):
    """LSTM with a continuous cache of the support and of the song so far.

    Args:
        episodes: validation episodes, for each number of shots, that the cache's settings are chosen on.
    """

    episodes: int = 24

    family: ClassVar[str] = "cache"
    ignores_support: ClassVar[bool] = False

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Train or reuse the LSTM, and choose the cache's settings."""
        super().fit(train, validation, context)
        self.trained = choice(self, "neural_cache", context)
        found = self.trained.choose(lambda: self._search(validation, context))
        self.cache = CacheSettings(**found)
        self.notes |= found

    def _search(self, validation: Split, context: FitContext) -> dict[str, float]:
        shots = (0, headline_shots(context))
        episodes = [e for k in shots for e in held_out_episodes(validation, context, k, self.episodes)]
        cache, nll = search(self.model, episodes)
        context.log(f"{cache}: {nll:.4f} nats/{context.unit} on validation at {shots} shots")
        return dict(vars(cache))

    def adapt(self, support: Sequence[Tokens]) -> Constrained:
        return constrained(NeuralCachePredictor(self.model, self.cache, support), self.codec)


class NeuralCachePredictor:
    """The model with some songs in its cache."""

    def __init__(self, model: LSTMLanguageModel, cache: CacheSettings, songs: Sequence[Tokens]) -> None:
        self.model, self.cache = model, cache
        self.memory = remembered(model, no_memory(model), songs, cache.window)

    def observe(self, song: Tokens) -> None:
        """Remember a song."""
        self.memory = remembered(self.model, self.memory, [song], self.cache.window)

    def logits(self, songs: Tensor) -> Tensor:
        """Return log-probabilities [B, T, V]."""
        features = self.model.features(shift(songs))[0]
        return song_mixture(self.model, self.cache, self.memory, features, songs)

    def stream(self, songs: int = 1) -> CacheStream:
        return CacheStream(self.model, self.cache, self.memory, songs)
