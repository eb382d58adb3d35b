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

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from ngram import Floats, Ints, KneserNey, best_order, log_scores, ranges
from scipy.optimize import minimize

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
        return self.model.size + self.weights.pairs.numel()


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
    pairs: torch.Tensor

    @classmethod
    def start(cls, merge: Merge, reach: int) -> Weights:
        """Where the fit begins: a share of an eighth for a few occurrences, or 20 training counts for one."""
        pair = [-2.0, 3.0] if merge == "mixture" else [3.0, 1.0]
        return cls(merge, torch.tensor(pair, dtype=torch.float64).repeat(2, reach, 1))

    def share(self, cache: int, m: int, seen: torch.Tensor, trained: torch.Tensor) -> torch.Tensor:
        """l of each token [T], given n(h) and c_m(h)."""
        r, s = self.pairs[cache, m - 1]
        if self.merge == "mixture":
            return r.sigmoid() * seen / (seen + s.exp())
        return seen / (seen + s.exp() + trained * (-r).exp())

    def chain(self, order: int) -> range:
        """The m whose caches are mixed in within the n-gram chain; the others follow after it."""
        return range(1, min(self.pairs.shape[1], order) + 1) if self.merge == "counts" else range(0)


def probabilities(model: KneserNey, memory: Memory, weights: Weights, tokens: npt.ArrayLike) -> Floats:
    """float64 [T, V]: row t is p(. | support, tokens[:t])."""
    tokens = np.asarray(tokens, np.int64)

    def mix(p: Floats, m: int, trained: Floats) -> None:
        for cache, seen in enumerate((memory.seen(tokens, m), seen_so_far(tokens, m))):
            totals = torch.from_numpy(seen.totals)
            share = weights.share(cache, m, totals, torch.from_numpy(trained))
            each = (share / totals.clamp(min=1)).numpy()
            p *= 1 - share.numpy()[:, None]
            np.add.at(p, (seen.rows, seen.words), each[seen.rows] * seen.counts)

    chain = weights.chain(model.order)
    for k, (p, trained) in enumerate(model.by_level(tokens), 1):
        if k in chain:
            mix(p, k, trained)
    for m in range(len(chain) + 1, weights.pairs.shape[1] + 1):
        mix(p, m, np.zeros(len(tokens)))
    return p


class Evidence:
    """What the targets of some songs need of the model and of the caches, to fit the weights quickly.

    Attributes:
        start: p_0 of each target [N].
        chain: for each k what p_k has of its own, which part of p_{k-1} it adds, and c_k(h), [N] each.
        seen: for each m and cache n(h) and n(h w) / n(h) of the target w, [N] each.
    """

    def __init__(self, model: KneserNey, songs: Sequence[tuple[Tokens, Memory]], reach: int) -> None:
        texts = [np.asarray(tokens, np.int64) for tokens, _ in songs]
        self.start = torch.from_numpy(model.uniform[np.concatenate(texts)])
        self.chain = joined(model.parts_of_targets(tokens) for tokens in texts)
        self.reach = reach
        self.seen = [
            joined(
                [hits(tokens, memory.seen(tokens, m)), hits(tokens, seen_so_far(tokens, m))]
                for tokens, (_, memory) in zip(texts, songs, strict=True)
            )
            for m in range(1, reach + 1)
        ]

    def fit(self, merge: Merge) -> Weights:
        """The weights that maximise the likelihood."""
        begin = Weights.start(merge, self.reach).pairs

        def value_and_gradient(flat: Floats) -> tuple[float, Floats]:
            pairs = torch.tensor(flat).view_as(begin).requires_grad_()
            nats = self._nats(Weights(merge, pairs))
            (gradient,) = torch.autograd.grad(nats, pairs)
            return nats.item(), gradient.numpy().ravel()

        bounds = [(-15.0, 15.0)] * begin.numel()
        found = minimize(
            value_and_gradient, begin.numpy().ravel(), jac=True, method="L-BFGS-B", bounds=bounds
        )
        return Weights(merge, torch.from_numpy(found.x).view_as(begin))

    def nats(self, weights: Weights) -> float:
        """Mean -log p of the targets: the same steps as `probabilities`, for one token each."""
        return float(self._nats(weights))

    def _nats(self, weights: Weights) -> torch.Tensor:
        def mix(p: torch.Tensor, m: int, trained: torch.Tensor) -> torch.Tensor:
            for cache, (totals, found) in enumerate(self.seen[m - 1]):
                share = weights.share(cache, m, totals, trained)
                p = (1 - share) * p + share * found
            return p

        p, chain = self.start, weights.chain(len(self.chain))
        for k, (own, passed, trained) in enumerate(self.chain, 1):
            p = own + passed * p
            if k in chain:
                p = mix(p, k, trained)
        for m in range(len(chain) + 1, self.reach + 1):
            p = mix(p, m, torch.zeros_like(p))
        return -p.log().mean()


def hits(tokens: Ints, seen: Seen) -> tuple[Floats, Floats]:
    """n(h), and n(h w) / n(h) of every token w of a song, [T] each."""
    right = seen.counts * (seen.words == tokens[seen.rows])
    return seen.totals.astype(float), np.bincount(seen.rows, right, len(tokens)) / np.maximum(seen.totals, 1)


def joined(songs: Iterable[Sequence[Sequence[Floats]]]) -> list[list[torch.Tensor]]:
    """The arrays of all songs, one behind the other: [song][i][j] -> [i][j]."""
    return [
        [torch.from_numpy(np.concatenate(parts)) for parts in zip(*rows, strict=True)]
        for rows in zip(*songs, strict=True)
    ]
