"""Predict from an n-gram model, what followed each context in the support, and what followed it in the song.

How the three are combined is a function `mix(contexts, seen) -> p`:

    contexts   of the n-gram model, [N] for each level
    seen       m -> what the support and the song so far saw after the contexts of m - 1 tokens
    p          float64 [N, V], the distribution after each context
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from common.kneser_ney import Floats, Ints, KneserNey, with_bos
from common.ngram_memory import HASH, Memory, Seen, context_keys, seen_so_far
from common.ngram_order import NGramStream, log_scores
from fsdl_bench import BOS, Tokens

Lookup = Callable[[int], tuple[Seen, Seen]]
Mix = Callable[[Sequence[Ints], Lookup], Floats]


class CachePredictor:
    """An n-gram model with some songs in its cache, and the song so far in another.

    Args:
        model: the n-gram model.
        mix: combines the three; see above.
        reach: the longest n-grams in the caches.
        songs: the support.
    """

    def __init__(self, model: KneserNey, mix: Mix, reach: int, songs: Sequence[Tokens]) -> None:
        self.model, self.mix, self.reach, self.songs = model, mix, reach, list(songs)
        self.memory = Memory(self.songs, reach)

    def logits(self, songs: torch.Tensor) -> torch.Tensor:
        """Return log-probabilities [B, T, V]."""
        return log_scores(self.probabilities, songs, self.model.vocab_size)

    def probabilities(self, tokens: npt.ArrayLike) -> Floats:
        """Return float64 [T, V]: row t is p(. | support, tokens[:t])."""
        tokens = np.asarray(tokens, np.int64)
        return self.mix(
            self.model.contexts(with_bos(tokens)[:-1]),
            lambda m: (self.memory.seen(context_keys(tokens, m), m), seen_so_far(tokens, m)),
        )

    def observe(self, song: Tokens) -> None:
        """Add a song to the support."""
        self.songs.append(song)
        self.memory = Memory(self.songs, self.reach)

    def stream(self, songs: int = 1) -> CacheStream:
        return CacheStream(self.model, self.mix, self.reach, self.memory)


class CacheStream(NGramStream):
    """Several songs in lock-step; each has its own cache of the song so far."""

    def __init__(self, model: KneserNey, mix: Mix, reach: int, memory: Memory) -> None:
        super().__init__(model)
        self.mix, self.reach, self.memory = mix, reach, memory
        self.recent = np.zeros((0, 0), np.int64)  # the last reach - 1 tokens of each song, [B, reach - 1]
        self.keys: list[Ints] = []  # of the contexts so far, [B, reach] each
        self.words: list[Ints] = []

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        now, reach = tokens.cpu().numpy(), self.reach
        if not self.keys:
            self.recent = np.full((len(now), max(reach - 1, 1)), BOS)
        else:
            self.words.append(now)
            self.recent = np.concatenate([self.recent[:, 1:], now[:, None]], axis=1)
        self.keys.append(np.stack([self._key(m) for m in range(1, reach + 1)], axis=1))
        return super().step(tokens)

    def _key(self, m: int) -> Ints:
        key = np.zeros(len(self.recent), np.int64)
        for column in range(self.recent.shape[1] - (m - 1), self.recent.shape[1]):
            key = key * HASH + self.recent[:, column]
        return key

    def probabilities(self, contexts: Sequence[Ints]) -> Floats:
        now = self.keys[-1]
        past = np.stack(self.keys[:-1]) if self.words else np.zeros((0, *now.shape), np.int64)
        words = np.stack(self.words) if self.words else np.zeros((0, len(now)), np.int64)

        def seen(m: int) -> tuple[Seen, Seen]:
            same = (past[:, :, m - 1] == now[:, m - 1]).T
            rows, earlier = np.nonzero(same)
            own = Seen(same.sum(axis=1), rows, words[earlier, rows], np.ones_like(rows))
            return self.memory.seen(now[:, m - 1], m), own

        return self.mix(contexts, seen)
