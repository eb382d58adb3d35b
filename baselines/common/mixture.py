"""A finite mixture of predictors with posterior weights: exact, in batches and in streams.

    p(x_t | x_<t) = sum_m w_m,t p_m(x_t | x_<t)      w_m,t = w_m,1 prod_{s<t} p_m(x_s | x_<s)^a / normaliser

With a = 1 the weights are the posterior, and the product over t is the mixture of the songs' probabilities,
sum_m w_m,1 p_m(x). a < 1 tempers the posterior, and a = 0 keeps the weights fixed; p is normalised and exact
for every a, because a weight depends on earlier tokens only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


class MixturePredictor:
    """The mixture of several adapted predictors.

    Args:
        experts: M predictors.
        weights: w_m,1, [M]; equal if None.
        temper: a.
    """

    def __init__(self, experts: Sequence[Any], weights: Tensor | None = None, temper: float = 1.0) -> None:
        self.experts, self.temper = experts, temper
        given = torch.ones(len(experts)) if weights is None else weights
        self.log_weights = (given.double() / given.double().sum()).log()

    def logits(self, songs: Tensor) -> Tensor:
        """Return log-probabilities [B, T, V] in the coarsest type of the experts' scores."""
        raw = self.scores(songs)
        scores = torch.stack([log_probabilities(one) for one in raw])
        gained = scores.gather(-1, songs.expand(len(scores), -1, -1)[..., None])[..., 0].cumsum(-1)
        before = torch.cat([torch.zeros_like(gained[..., :1]), gained[..., :-1]], dim=-1)
        start = self.log_weights.to(scores.device)[:, None, None]
        return mixed(scores, start + self.temper * before).to(coarsest(raw))

    def scores(self, songs: Tensor) -> Sequence[Any]:
        """Return the experts' scores, [B, T, V] each."""
        return [expert.logits(songs) for expert in self.experts]

    def observe(self, song: object) -> None:
        """Hand an observed song to every expert that has `observe`."""
        for expert in self.experts:
            if hasattr(expert, "observe"):
                expert.observe(song)

    def stream(self, songs: int = 1) -> MixtureStream:
        return MixtureStream(self, songs)

    def steps(self, songs: int) -> Callable[[Tensor], Sequence[Any]]:
        """Return a function from the next token of each song [B] to the experts' scores, [B, V] each."""
        streams = [expert.stream(songs) for expert in self.experts]
        return lambda tokens: [stream.step(tokens) for stream in streams]


class MixtureStream:
    """Several songs in lock-step; each carries its own posterior weights."""

    def __init__(self, mixture: MixturePredictor, songs: int) -> None:
        self.each = mixture.steps(songs)
        self.temper = mixture.temper
        self.log_weights = mixture.log_weights[:, None].expand(-1, songs)
        self.scores: Tensor | None = None

    def step(self, tokens: Tensor) -> Tensor:
        if self.scores is not None:
            gained = self.scores.gather(-1, tokens.expand(len(self.scores), -1)[..., None])[..., 0]
            self.log_weights = self.log_weights + self.temper * gained
        raw = self.each(tokens)
        self.scores = torch.stack([log_probabilities(one) for one in raw])
        return mixed(self.scores, self.log_weights.to(self.scores.device)).to(coarsest(raw))


class Given:
    """An expert whose scores [B, T, V] are known."""

    def __init__(self, scores: Tensor) -> None:
        self.scores = scores

    def logits(self, songs: Tensor) -> Tensor:
        return self.scores


def log_probabilities(scores: Tensor) -> Tensor:
    """Return normalised log-probabilities in float64."""
    return torch.as_tensor(scores).double().log_softmax(-1)


def coarsest(scores: Sequence[Any]) -> torch.dtype:
    """Return the coarsest type among scores: a mixture is no more precise than its experts."""
    return max((torch.as_tensor(one).dtype for one in scores), key=lambda dtype: torch.finfo(dtype).eps)


def mixed(scores: Tensor, log_weights: Tensor) -> Tensor:
    """Return log sum_m w_m p_m for scores [M, ..., V] and log-weights [M, ...], which are normalised here.

    A song that no expert can explain has weights of 0; it keeps equal ones.
    """
    weights = torch.where(log_weights.isneginf().all(0), 0.0, log_weights).log_softmax(0)
    return (scores + weights[..., None]).logsumexp(0)


def fit_weights(logs: Sequence[Tensor], tokens: Sequence[Tensor], steps: int = 200) -> Tensor:
    """Return the fixed weights [M] under which some tokens are most likely, by expectation maximisation.

    Args:
        logs: log p_i, [M, N, V] each.
        tokens: int64 [N] each.
        steps: of the iteration; each makes the tokens more likely.
    """
    gained = torch.cat(
        [
            log.gather(-1, ids.expand(len(log), -1)[..., None])[..., 0]
            for log, ids in zip(logs, tokens, strict=True)
        ],
        dim=1,
    ).double()
    weights = gained.new_full((len(gained),), 1 / len(gained))
    for _ in range(steps):
        weights = (weights.log()[:, None] + gained).softmax(0).mean(1)
    return weights
