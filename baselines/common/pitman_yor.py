"""A hierarchy of Pitman-Yor processes: all artists, one artist, one song.

For contexts u of m - 1 tokens, from m = 1 up, each of the two lower levels s = artist, song has a restaurant,

    P_s,u(w) = [ c(u w) - d_m t(u w) + (theta_m + d_m t(u)) B_s,u(w) ] / (theta_m + c(u))
    B_s,u    = lambda P_s,u' + (1 - lambda) P_{s-1},u         B_s = P_{s-1} for the empty context

c counts the tokens of the support, or of the song so far; t(u w) = 1 for every w that was seen, so t(u) is
the number of different tokens after u. u' is u without its oldest token, and P_0,u the model of all artists
(`kneser_ney.KneserNey` with processes). A context that was not seen has P_s,u = B_s,u. Every B mixes the
shorter context of the same level with the same context of the level above, as in the graphical Pitman-Yor
process (Wood & Teh 2009, "A Hierarchical Nonparametric Bayesian Approach to Statistical Language Model Domain
Adaptation"). lambda = sigmoid(a_m + b_m log(1 + c_0(u))) falls with the number of times that the
training songs show u.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.special import expit

from common.kneser_ney import Counts, Floats, Ints, KneserNey, with_bos
from common.ngram_memory import Memory, Seen, context_keys, hits, hits_so_far
from common.ngram_mixing import Targets, joined, minimised
from common.ngram_predictor import Lookup
from fsdl_bench import Tokens

LEVELS = 2
"""The artist and the song."""


@dataclass(frozen=True)
class Restaurants:
    """The settings of the lower levels: (logit d, log theta, a, b) for each, float64 [2, reach, 4]."""

    values: torch.Tensor

    @classmethod
    def start(cls, reach: int) -> Restaurants:
        return cls(torch.tensor([0.0, 1.0, 0.0, -0.3], dtype=torch.float64).repeat(LEVELS, reach, 1))

    @property
    def reach(self) -> int:
        return self.values.shape[1]

    @cached_property
    def plain(self) -> Floats:
        """(d, theta, a, b) as an array [2, reach, 4]: a step for a few songs is faster with numpy."""
        d, theta, a, b = self.values.unbind(-1)
        return torch.stack([d.sigmoid(), theta.exp(), a, b], -1).numpy()

    def discount(self, level: int, m: int) -> torch.Tensor:
        return self.values[level, m - 1, 0].sigmoid()

    def theta(self, level: int, m: int) -> torch.Tensor:
        return self.values[level, m - 1, 1].exp()

    def share(self, level: int, m: int, trained: torch.Tensor) -> torch.Tensor:
        """Return lambda for contexts that occur `trained` times in the training songs, [N]."""
        _, _, a, b = self.values[level, m - 1]
        return (a + b * trained.log1p()).sigmoid()


def seated(base: Floats, seen: Seen, discount: float, theta: float) -> Floats:
    """Return float64 [N, V]: P of N restaurants with this base [N, V]."""
    keys = seen.rows * base.shape[1] + seen.words
    dishes, which = np.unique(keys, return_inverse=True)
    counts = np.bincount(which, seen.counts, len(dishes))
    rows, words = np.divmod(dishes, base.shape[1])
    tables = np.bincount(rows, minlength=len(base))
    known = seen.totals > 0
    weight = np.where(known, seen.totals + theta, 1.0)
    found = base * np.where(known, (theta + discount * tables) / weight, 1.0)[:, None]
    found[rows, words] += (counts - discount) / weight[rows]
    return found


def mixed(model: KneserNey, restaurants: Restaurants, contexts: Sequence[Ints], seen: Lookup) -> Floats:
    """Return float64 [N, V]: the distribution after N contexts; see `ngram_predictor` for the arguments."""
    own: list[Floats] = []
    levels = model.by_level(contexts)
    upper, trained = np.zeros(0), np.zeros(0)
    for m in range(1, restaurants.reach + 1):
        if m <= model.order:
            upper, trained = next(levels)
        else:
            trained = np.zeros(len(upper))
        above = upper if m > 1 else upper.copy()  # `by_level` goes on in the same array
        for level, found in enumerate(seen(m)):
            discount, theta, a, b = restaurants.plain[level, m - 1]
            if m > 1:
                share = expit(a + b * np.log1p(trained))[:, None]
                above = share * own[level] + (1 - share) * above
            if found.totals.any():  # otherwise P = B
                above = seated(above, found, discount, theta)
            own[level : level + 1] = [above]
    return own[-1]


class Evidence(Targets):
    """What the targets of some songs need of the model and their restaurants, to fit the settings quickly.

    Attributes:
        seen: for each m and level c(u), c(u w) of the target w, and t(u), [N] each.
    """

    def __init__(self, model: KneserNey, songs: Sequence[tuple[Tokens, Memory]], reach: int) -> None:
        super().__init__(model, songs, reach, _visits, visits_so_far)

    def fit(self) -> Restaurants:
        """Return the settings that maximise the likelihood."""
        return Restaurants(
            minimised(lambda values: self._nats(Restaurants(values)), Restaurants.start(self.reach).values)
        )

    def nats(self, restaurants: Restaurants) -> float:
        """Return the mean of -log p of the targets: the steps of `mixed`, for one token each."""
        return float(self._nats(restaurants))

    def _nats(self, restaurants: Restaurants) -> torch.Tensor:
        own: list[torch.Tensor] = []
        upper = self.start
        for m in range(1, restaurants.reach + 1):
            trained = torch.zeros_like(upper)
            if m <= len(self.chain):
                got, passed, trained = self.chain[m - 1]
                upper = got + passed * upper
            above = upper
            for level, (totals, counts, tables) in enumerate(self.seen[m - 1]):
                if m > 1:
                    share = restaurants.share(level, m, trained)
                    above = share * own[level] + (1 - share) * above
                discount, theta = restaurants.discount(level, m), restaurants.theta(level, m)
                place = (counts - discount * (counts > 0) + (theta + discount * tables) * above) / (
                    totals + theta
                )
                above = torch.where(totals > 0, place, above)
                own[level : level + 1] = [above]
        return -above.log().mean()


def _visits(tokens: Ints, seen: Seen) -> tuple[Floats, Floats, Floats]:
    totals, shares = hits(tokens, seen)
    return totals, np.rint(shares * totals), np.bincount(seen.rows, minlength=len(tokens)).astype(float)


def visits_so_far(tokens: Ints, m: int) -> tuple[Floats, Floats, Floats]:
    """Return c(u), c(u w) of each token w, and t(u), for the song before each token, [T] each."""
    totals, shares = hits_so_far(tokens, m)
    counts = np.rint(shares * totals)
    keys = context_keys(tokens, m)
    order = np.argsort(keys, kind="stable")
    new = (counts == 0)[order].astype(float)  # the token is new after its context
    before = np.cumsum(new) - new
    begins = np.flatnonzero(np.diff(keys[order], prepend=keys[order[0]] - 1))
    tables = np.empty(len(tokens))
    tables[order] = before - np.repeat(before[begins], np.diff(begins, append=len(keys)))
    return totals, counts, tables


def best_model(counts: Counts, orders: Sequence[int], songs: Sequence[Tokens]) -> tuple[KneserNey, float]:
    """Return the model of all artists that fits held-out songs best, and its nats per token of them.

    Args:
        counts: of the meta-training songs.
        orders: to choose from.
        songs: the held-out songs; the last order and modified discounts are used without any.
    """
    if not songs:
        return KneserNey(counts, orders[-1]), math.nan
    models = [KneserNey(counts, order, fitted_processes(counts, order, songs)) for order in orders]
    total = sum(map(len, songs))
    nats = [-sum(float(np.log(model.of_targets(song)).sum()) for song in songs) / total for model in models]
    best = int(np.argmin(nats))
    return models[best], nats[best]


def fitted_processes(counts: Counts, order: int, songs: Sequence[Tokens]) -> list[tuple[float, float]]:
    """Return (d, theta) of each order of the model of all artists: those that fit held-out songs best."""
    plain = KneserNey(counts, order)
    texts = [with_bos(song) for song in songs]
    found = []
    for song in texts:
        pairs = zip(plain.levels, plain.contexts(song[:-1]), strict=True)
        found.append(
            [
                (
                    level.total(contexts),
                    np.where((at := level.find(contexts, song[1:])) >= 0, level.counts[at], 0).astype(float),
                    level.tables(contexts).astype(float),
                )
                for level, contexts in pairs
            ]
        )
    evidence = joined(found)
    start = torch.from_numpy(plain.uniform[np.concatenate([song[1:] for song in texts])])

    def nats(values: torch.Tensor) -> torch.Tensor:
        p = start
        for (totals, own, tables), (logit, log) in zip(evidence, values, strict=True):
            discount, theta = logit.sigmoid(), log.exp()
            level = (own - discount * (own > 0) + (theta + discount * tables) * p) / (totals + theta)
            p = torch.where(totals > 0, level, p)
        return -p.log().mean()

    begin = torch.tensor([1.0, 0.0], dtype=torch.float64).repeat(plain.order, 1)
    return [(float(logit.sigmoid()), float(log.exp())) for logit, log in minimised(nats, begin)]
