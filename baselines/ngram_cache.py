"""N-gram model with a cache of the support songs and of the song so far: the classic adaptive language model.

The base is `ngram.py`. For contexts h of m - 1 = 0, 1, ... tokens let n(h w) be how often w followed h in the
cache: in the support, or in the song before this token. Where h came n(h) > 0 times, a distribution p is
mixed with what the cache saw,

    p(w) <- (1 - l) p(w) + l n(h w) / n(h)

for each m in turn, first with the support's cache and then with the song's (Kuhn & De Mori 1990; Jelinek et
al. 1991). Two ways are fitted and the better one on the validation artists is used:

    mixture   p is the finished n-gram model, and         l = r n(h) / (n(h) + s)
    counts    p is p_m of the n-gram chain, which goes
              on to p_{m+1} from there, and               l = n(h) / (n(h) + s + c_m(h) / r)

The first mixes models: r alone is linear interpolation, r = 1 a Dirichlet prior of strength s. The second
merges counts: one count of the cache is worth r of the c_m(h) in training (Bacchiani et al. 2006). r and s,
one pair for each m and each cache, maximise the likelihood of query songs of validation episodes, zero
shots to the most together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from ngram import Floats, Ints, KneserNey, best_order, log_scores, ranges
from scipy.optimize import minimize
from scipy.special import expit

from fsdl_bench import BOS, BadInput, FitContext, Split, Tokens

Merge = Literal["mixture", "counts"]

HASH = -0x61C8864680B583EB
"""2^64 / golden ratio, odd: multiplies the hash of a context before the next token is added."""


class NGramCache:
    """Kneser-Ney n-grams that take in the support and the song so far.

    Args:
        orders: the n-gram orders to choose from.
        reach: the longest n-grams in the cache.
        merge: "mixture" or "counts"; the better on validation unless given.
        episodes: validation episodes, for each number of shots, that the weights are fitted on.
    """

    family = "n-gram"

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
        self.notes = {"order": self.model.order, "merge": self.weights.merge}

    def _fit_weights(self, validation: Split, context: FitContext) -> Weights:
        """On episodes of the validation artists, from none to the most shots together."""
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

    def adapt(self, support: Sequence[Tokens]) -> NGramCachePredictor:
        """Remember the support."""
        return NGramCachePredictor(self, support)

    def parameters(self) -> int:
        """How many n-grams are stored, and the weights."""
        return self.model.size + self.weights.pairs.size


class NGramCachePredictor:
    """The model with some songs in its cache."""

    def __init__(self, submission: NGramCache, songs: Sequence[Tokens]) -> None:
        self.submission, self.songs = submission, list(songs)
        self.memory = Memory(self.songs, submission.reach)

    def logits(self, songs: torch.Tensor) -> torch.Tensor:
        """[B, T] -> log-probabilities [B, T, V]."""
        model, weights = self.submission.model, self.submission.weights
        return log_scores(
            lambda tokens: probabilities(model, self.memory, weights, tokens), songs, model.vocab_size
        )

    def observe(self, song: Tokens) -> None:
        """In the streaming protocol a query song joins the support."""
        self.songs.append(song)
        self.memory = Memory(self.songs, self.submission.reach)


@dataclass(frozen=True)
class Seen:
    """What a cache saw after the contexts of a song's tokens.

    Attributes:
        totals: n(h) for the context of each token [T].
        rows, words, counts: token numbers, words that followed their contexts, and how often [E].
    """

    totals: Ints
    rows: Ints
    words: Ints
    counts: Ints


class Memory:
    """What followed each context of m - 1 tokens in some songs, for m from 1 to `reach`."""

    def __init__(self, songs: Sequence[Tokens], reach: int) -> None:
        self._entries = []
        words = np.concatenate([np.zeros(0, np.int64), *songs]).astype(np.int64)
        for m in range(1, reach + 1):
            keys = np.concatenate([np.zeros(0, np.int64), *(context_keys(song, m) for song in songs)])
            _, first, counts = np.unique(keys * HASH + words, return_index=True, return_counts=True)
            order = np.argsort(keys[first])
            first = first[order]
            self._entries.append((keys[first], words[first], counts[order]))

    def seen(self, tokens: Ints, m: int) -> Seen:
        """For each token of another song."""
        keys, words, counts = self._entries[m - 1]
        wanted = context_keys(tokens, m)
        starts, ends = (np.searchsorted(keys, wanted, side) for side in ("left", "right"))
        rows, entries = ranges(starts, ends)
        totals = np.bincount(rows, counts[entries], len(tokens)).astype(np.int64)
        return Seen(totals, rows, words[entries], counts[entries])


def seen_so_far(tokens: Ints, m: int) -> Seen:
    """For each token, in its own song before it."""
    keys = context_keys(tokens, m)
    same = np.tril(keys[:, None] == keys[None, :], -1)
    rows, places = np.nonzero(same)
    return Seen(same.sum(axis=1), rows, tokens[places], np.ones_like(rows))


def context_keys(tokens: npt.ArrayLike, m: int) -> Ints:
    """A 64-bit hash of the m - 1 tokens before each token [T]; before a song stand BOS without end."""
    text = np.concatenate([np.full(max(m - 1, 1), BOS), np.asarray(tokens, np.int64)])
    keys = np.zeros(len(tokens), np.int64)
    for start in range(m - 1):
        keys = keys * HASH + text[start : start + len(keys)]  # wraps around
    return keys


@dataclass(frozen=True)
class Weights:
    """How much the caches are trusted.

    Attributes:
        merge: which formula.
        pairs: float64 [2, reach, 2]: for the support's cache and the song's, for each m, (logit r, log s)
            in a mixture and (log r, log s) for counts.
    """

    merge: Merge
    pairs: Floats

    @classmethod
    def start(cls, merge: Merge, reach: int) -> Weights:
        """Where the fit begins: a share of an eighth for a few occurrences, or 20 training counts for one."""
        pair = [-2.0, 3.0] if merge == "mixture" else [3.0, 1.0]
        return cls(merge, np.tile(np.array(pair), (2, reach, 1)))

    def share(self, cache: int, m: int, seen: Ints, trained: Floats) -> Floats:
        """l of each token [T], given n(h) and c_m(h)."""
        r, s = self.pairs[cache, m - 1]
        if self.merge == "mixture":
            return expit(r) * seen / (seen + np.exp(s))
        return seen / (seen + np.exp(s) + trained * np.exp(-r))


def probabilities(model: KneserNey, memory: Memory, weights: Weights, tokens: npt.ArrayLike) -> Floats:
    """float64 [T, V]: row t is p(. | support, tokens[:t])."""
    tokens = np.asarray(tokens, np.int64)
    reach = weights.pairs.shape[1]

    def mix(p: Floats, m: int, trained: Floats) -> None:
        for cache, seen in enumerate((memory.seen(tokens, m), seen_so_far(tokens, m))):
            share = weights.share(cache, m, seen.totals, trained)
            p *= (1 - share)[:, None]
            each = np.divide(share, seen.totals, out=np.zeros(len(share)), where=seen.totals > 0)
            np.add.at(p, (seen.rows, seen.words), each[seen.rows] * seen.counts)

    chain = range(1, min(reach, model.order) + 1) if weights.merge == "counts" else range(0)
    for k, (p, trained) in enumerate(model.by_level(tokens), 1):
        if k in chain:
            mix(p, k, trained)
    for m in range(len(chain) + 1, reach + 1):
        mix(p, m, np.zeros(len(tokens)))
    return p


class Evidence:
    """What the targets of some songs need of the model and of the caches, to fit the weights quickly."""

    def __init__(self, model: KneserNey, songs: Sequence[tuple[Tokens, Memory]], reach: int) -> None:
        self.order, self.reach = model.order, reach
        texts = [np.asarray(tokens, np.int64) for tokens, _ in songs]
        self.start = model.uniform[np.concatenate(texts)]
        chains = [model.parts_of_targets(tokens) for tokens in texts]
        self.chain = [
            [np.concatenate(part) for part in zip(*level, strict=True)] for level in zip(*chains, strict=True)
        ]
        self.seen = [
            [
                _hits(
                    texts, [memory.seen(tokens, m) for tokens, (_, memory) in zip(texts, songs, strict=True)]
                ),
                _hits(texts, [seen_so_far(tokens, m) for tokens in texts]),
            ]
            for m in range(1, reach + 1)
        ]

    def fit(self, merge: Merge) -> Weights:
        """The weights that maximise the likelihood."""
        begin = Weights.start(merge, self.reach).pairs
        found = minimize(
            lambda flat: self.nats(Weights(merge, flat.reshape(begin.shape))),
            begin.ravel(),
            method="L-BFGS-B",
            bounds=[(-15.0, 15.0)] * begin.size,
            options={"eps": 1e-4},
        )
        return Weights(merge, found.x.reshape(begin.shape))

    def nats(self, weights: Weights) -> float:
        """Mean -log p of the targets: the same steps as `probabilities`, for one token each."""

        def mix(p: Floats, m: int, trained: Floats) -> Floats:
            for cache, (totals, hits) in enumerate(self.seen[m - 1]):
                share = weights.share(cache, m, totals, trained)
                p = (1 - share) * p + share * hits
            return p

        p = self.start
        chain = range(1, min(self.reach, self.order) + 1) if weights.merge == "counts" else range(0)
        for k, (own, passed, trained) in enumerate(self.chain, 1):
            p = own + passed * p
            if k in chain:
                p = mix(p, k, trained)
        for m in range(len(chain) + 1, self.reach + 1):
            p = mix(p, m, np.zeros(len(p)))
        return float(-np.log(p).mean())


def _hits(songs: Sequence[Ints], caches: Sequence[Seen]) -> tuple[Ints, Floats]:
    """n(h) and n(h w) / n(h) of every target w of the songs."""
    totals = np.concatenate([seen.totals for seen in caches])
    hits = np.concatenate(
        [
            np.bincount(seen.rows, seen.counts * (seen.words == tokens[seen.rows]), len(tokens))
            for tokens, seen in zip(songs, caches, strict=True)
        ]
    )
    return totals, np.divide(hits, totals, out=np.zeros(len(hits)), where=totals > 0)
