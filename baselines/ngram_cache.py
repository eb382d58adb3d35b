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
from functools import partial
from typing import get_args

from common.constrained import Constrained, constrained
from common.ngram_memory import songs_with_memories
from common.ngram_mixing import Evidence, Merge, Weights, mixed
from common.ngram_order import best_order
from common.ngram_predictor import CachePredictor

from fsdl_bench import FitContext, Split, Tokens


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
        drawn = songs_with_memories(validation, context, self.episodes, self.reach)
        if not drawn:
            return Weights.start(self.merges[0], self.reach)
        evidence = Evidence(self.model, drawn, self.reach)
        found = {}
        for merge in self.merges:
            weights = evidence.fit(merge)
            found[evidence.nats(weights)] = weights
            context.log(f"{merge}: {evidence.nats(weights):.4f} nats/token on validation episodes")
        return found[min(found)]

    def adapt(self, support: Sequence[Tokens]) -> Constrained:
        mix = partial(mixed, self.model, self.weights)
        return constrained(CachePredictor(self.model, mix, self.reach, support), self.codec)

    def parameters(self) -> int:
        """Return the number of n-grams and weights."""
        return self.model.size + self.weights.pairs.numel()
