"""Mix n-gram caches into a Kneser-Ney model, and fit the weights. `ngram_cache.py` has the equations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from scipy.optimize import minimize

from common.kneser_ney import Floats, Ints, KneserNey
from common.ngram_memory import Memory, Seen, context_keys, hits, hits_so_far
from common.ngram_predictor import Lookup
from fsdl_bench import Tokens

Merge = Literal["mixture", "counts"]


@dataclass(frozen=True)
class Weights:
    """How much the caches are trusted.

    Attributes:
        merge: the formula. pairs: float64 [2, reach, 2]: for the support's cache and the song's, for each m,
        (logit r, log s) of a
            mixture or (log r, log s) of counts.
    """

    merge: Merge
    pairs: torch.Tensor

    @classmethod
    def start(cls, merge: Merge, reach: int) -> Weights:
        """Return the start of the fit: one count of the cache is worth 20, or its share is 1/8."""
        pair = [-2.0, 3.0] if merge == "mixture" else [3.0, 1.0]
        return cls(merge, torch.tensor(pair, dtype=torch.float64).repeat(2, reach, 1))

    @property
    def reach(self) -> int:
        return self.pairs.shape[1]

    def constants(self) -> torch.Tensor:
        """Return what `share` needs: (r, s) of a mixture, or (s, 1 / r) of counts; float64 [2, reach, 2]."""
        first, second = self.pairs.unbind(-1)
        pair = (first.sigmoid(), second.exp()) if self.merge == "mixture" else (second.exp(), (-first).exp())
        return torch.stack(pair, -1)

    @cached_property
    def plain(self) -> Floats:
        """The constants as an array: a step for a few songs is several times as fast with numpy."""
        return self.constants().numpy()

    def share(self, constants: Any, seen: Any, trained: Any) -> Any:
        """Return l for two of the constants, and for n(h) and c_m(h), each [N]; tensors, or arrays."""
        one, other = constants
        if self.merge == "mixture":
            return one * seen / (seen + other)
        return seen / (seen + one + trained * other)

    def chain(self, order: int) -> range:
        """Return the m whose caches are mixed in within the n-gram chain; the others follow after it."""
        return range(1, min(self.reach, order) + 1) if self.merge == "counts" else range(0)


def mixed(
    model: KneserNey,
    weights: Weights,
    contexts: Sequence[Ints],
    seen: Lookup,
) -> Floats:
    """Return float64 [N, V]: the distribution after N contexts, with both caches mixed in.

    Args:
        model: the n-gram model.
        weights: of the caches.
        contexts: of the model, N for each level.
        seen: m -> what the support's and the song's cache saw after the contexts of m - 1 tokens.
    """

    def mix(p: Floats, m: int, trained: Floats) -> None:
        for constants, found in zip(weights.plain[:, m - 1], seen(m), strict=True):
            if not found.totals.any():
                continue  # none of the contexts was seen, so all shares are 0
            share = weights.share(constants, found.totals, trained)
            each = share / np.maximum(found.totals, 1)
            p *= 1 - share[:, None]
            np.add.at(p, (found.rows, found.words), each[found.rows] * found.counts)

    chain = weights.chain(model.order)
    for k, (p, trained) in enumerate(model.by_level(contexts), 1):
        if k in chain:
            mix(p, k, trained)
    for m in range(len(chain) + 1, weights.reach + 1):
        mix(p, m, np.zeros(len(p)))
    return p


class Targets:
    """What the targets of some songs need of the model and of two caches.

    Args:
        model: the n-gram model.
        songs: each with the memory of its support.
        reach: of the caches.
        of_support: (tokens, what the support saw after their contexts) -> arrays [T].
        of_song: (tokens, m) -> the same arrays for the song so far.

    Attributes:
        start: p_0 of each target [N].
        chain: for each k (a, b, c_k(h)) with p_k = a + b p_{k-1}, [N] each.
        seen: for each m and cache the arrays, [N] each.
    """

    def __init__(
        self,
        model: KneserNey,
        songs: Sequence[tuple[Tokens, Memory]],
        reach: int,
        of_support: Callable[[Ints, Seen], Sequence[Floats]],
        of_song: Callable[[Ints, int], Sequence[Floats]],
    ) -> None:
        texts = [np.asarray(tokens, np.int64) for tokens, _ in songs]
        self.start = torch.from_numpy(model.uniform[np.concatenate(texts)])
        self.chain = joined(model.parts_of_targets(tokens) for tokens in texts)
        self.reach = reach
        self.seen = [
            joined(
                [of_support(tokens, memory.seen(context_keys(tokens, m), m)), of_song(tokens, m)]
                for tokens, (_, memory) in zip(texts, songs, strict=True)
            )
            for m in range(1, reach + 1)
        ]


class Evidence(Targets):
    """The targets of some songs, so that weights are fitted quickly.

    Attributes:
        seen: for each m and cache n(h), and n(h w) / n(h) of the target w, [N] each.
    """

    def __init__(self, model: KneserNey, songs: Sequence[tuple[Tokens, Memory]], reach: int) -> None:
        super().__init__(model, songs, reach, hits, hits_so_far)

    def fit(self, merge: Merge) -> Weights:
        """Return the weights that maximise the likelihood."""
        begin = Weights.start(merge, self.reach).pairs
        return Weights(merge, minimised(lambda pairs: self._nats(Weights(merge, pairs)), begin))

    def nats(self, weights: Weights) -> float:
        """Return the mean of -log p of the targets: the steps of `mixed`, for one token each."""
        return float(self._nats(weights))

    def _nats(self, weights: Weights) -> torch.Tensor:
        every = weights.constants()

        def mix(p: torch.Tensor, m: int, trained: torch.Tensor) -> torch.Tensor:
            for constants, (totals, found) in zip(every[:, m - 1], self.seen[m - 1], strict=True):
                share = weights.share(constants, totals, trained)
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


def joined(songs: Iterable[Sequence[Sequence[Floats]]]) -> list[list[torch.Tensor]]:
    """Concatenate the arrays of all songs: [song][i][j] -> [i][j]."""
    return [
        [torch.from_numpy(np.concatenate(parts)) for parts in zip(*rows, strict=True)]
        for rows in zip(*songs, strict=True)
    ]


def minimised(nats: Callable[[torch.Tensor], torch.Tensor], begin: torch.Tensor) -> torch.Tensor:
    """Return the values, as `begin` float64 [...], at which `nats` is least; L-BFGS."""

    def value_and_gradient(flat: Floats) -> tuple[float, Floats]:
        values = torch.tensor(flat).view_as(begin).requires_grad_()
        found = nats(values)
        (gradient,) = torch.autograd.grad(found, values)
        return found.item(), gradient.numpy().ravel()

    bounds = [(-15.0, 15.0)] * begin.numel()
    result = minimize(
        value_and_gradient,
        begin.numpy().ravel(),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"ftol": 1e-6},  # relative: a step that gains less than 3e-6 nats/token is the last
    )
    return torch.from_numpy(result.x).view_as(begin)
