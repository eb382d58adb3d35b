"""N-gram model with a cache of the support songs and of the song so far: the classic adaptive language model.

The base is `ngram.py`. For contexts h of m - 1 = 0, 1, ... tokens let n(h w) be the number of times that w
followed h in the cache: in the support, or in the song before this token. If h occurred n(h) > 0 times, a
distribution p is mixed with what the cache saw,

    p(w) <- (1 - l) p(w) + l n(h w) / n(h)

for each m in turn, first with the support's cache and then with the song's (Kuhn & De Mori 1990; Jelinek et
al. 1991). Two ways are fitted, and the better one on the validation artists is used:

    mixture   p is the finished n-gram model, and         l = r n(h) / (n(h) + s)
    counts    p is p_m of the n-gram chain, which goes
              on to p_{m+1} from there, and               l = n(h) / (n(h) + s + c_m(h) / r)

The first mixes models: r alone is linear interpolation, r = 1 a Dirichlet prior of strength s. The second
merges counts: one count of the cache is worth r of the c_m(h) in training (Bacchiani et al. 2006). r and s,
one pair for each m and each cache, maximise the likelihood of query songs of validation episodes, from zero
to the largest number of shots together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np
import torch
from common.constrained import Constrained, constrained
from common.kneser_ney import Floats, Ints
from common.ngram_memory import HASH, Memory, Seen
from common.ngram_mixing import Evidence, Merge, Weights, mixed, probabilities
from common.ngram_order import NGramStream, best_order, log_scores

from fsdl_bench import BOS, BadInput, FitContext, Split, Tokens


class NGramCache:
    """Kneser-Ney n-grams with caches of the support and of the song so far.

    Args:
        orders: the n-gram orders to choose from.
        reach: the longest n-grams in the cache.
        merge: "mixture" or "counts"; the better on validation if None.
        episodes: validation episodes, for each number of shots, that the weights are fitted on.
    """

    family = "n-gram"
    budget = "quarter-hour"

    def __init__(
        self,
        orders: tuple[int, ...] = (2, 3, 4, 5, 6, 7, 8),
        reach: int = 8,
        merge: Merge | None = None,
        episodes: int = 32,
    ) -> None:
        self.orders, self.reach, self.episodes = orders, reach, episodes
        self.merges: tuple[Merge, ...] = (merge,) if merge else get_args(Merge)

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Count the meta-training songs, choose the order, and fit the weights of the caches."""
        self.model = best_order(train, validation, context, self.orders)
        self.weights = self._fit_weights(validation, context)
        self.codec = context.codec
        self.notes = {"order": self.model.order, "merge": self.weights.merge}

    def _fit_weights(self, validation: Split, context: FitContext) -> Weights:
        most = max(context.shots)
        try:
            episodes = [
                episode
                for k in sorted({0, min(5, most), most})
                for episode in context.episodes(validation, shots=k, queries=2, stop=self.episodes)
            ]
        except BadInput as error:
            context.log(f"the weights are not fitted: {error}")
            return Weights.start(self.merges[0], self.reach)
        drawn = [
            (song.tokens, Memory([s.tokens for s in episode.support], self.reach))
            for episode in episodes
            for song in episode.query
        ]
        evidence = Evidence(self.model, drawn, self.reach)
        found = {}
        for merge in self.merges:
            weights = evidence.fit(merge)
            found[evidence.nats(weights)] = weights
            context.log(f"{merge}: {evidence.nats(weights):.4f} nats/token on validation episodes")
        return found[min(found)]

    def adapt(self, support: Sequence[Tokens]) -> Constrained:
        return constrained(NGramCachePredictor(self, support), self.codec)

    def parameters(self) -> int:
        """Return the number of n-grams and weights."""
        return self.model.size + self.weights.pairs.numel()


class NGramCachePredictor:
    """The model with some songs in its cache."""

    def __init__(self, submission: NGramCache, songs: Sequence[Tokens]) -> None:
        self.submission, self.songs = submission, list(songs)
        self.memory = Memory(self.songs, submission.reach)

    def logits(self, songs: torch.Tensor) -> torch.Tensor:
        """Return log-probabilities [B, T, V]."""
        model, weights = self.submission.model, self.submission.weights
        return log_scores(
            lambda tokens: probabilities(model, self.memory, weights, tokens), songs, model.vocab_size
        )

    def observe(self, song: Tokens) -> None:
        """Add a song to the support."""
        self.songs.append(song)
        self.memory = Memory(self.songs, self.submission.reach)

    def stream(self, songs: int = 1) -> NGramCacheStream:
        return NGramCacheStream(self.submission, self.memory)


class NGramCacheStream(NGramStream):
    """Several songs in lock-step; each has its own cache of the song so far."""

    def __init__(self, submission: NGramCache, memory: Memory) -> None:
        super().__init__(submission.model)
        self.weights, self.memory = submission.weights, memory
        self.recent = np.zeros((0, 0), np.int64)  # the last reach - 1 tokens of each song, [B, reach - 1]
        self.keys: list[Ints] = []  # of the contexts so far, [B, reach] each
        self.words: list[Ints] = []

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        now, reach = tokens.cpu().numpy(), self.weights.reach
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

        return mixed(self.model, self.weights, contexts, seen)
