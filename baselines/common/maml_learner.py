"""theta and alpha of MAML: the outer loss, and the weights adapted to a support."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import vmap

from common.dealing import Pieces, cut, deal, steps
from common.functional_lstm import lstm_features
from common.inner_loop import InnerLoop
from common.lstm import LSTMLanguageModel
from common.update_rules import SGD, Adam, UpdateRule, Weights
from fsdl_bench import PAD, EpisodeBatch, Tokens, pad

ADAPTED = {
    "all": ("embed.", "lstm.", "project.", "bias"),
    "light": ("embed.", "lstm.*.weight_ih", "lstm.*.bias", "project.", "bias"),
    "head": ("project.", "bias"),
    "bias": ("bias",),
}
"""Prefixes of the names of the adapted weights; `*` is any layer."""

RULES = {"sgd": SGD, "adam": Adam}

QUERY_PIECES = 16


@dataclass(frozen=True)
class Plan:
    """How a support is used: n inner steps with alpha times `factor`, each on its share of the pieces."""

    steps: int
    factor: float = 1.0


class MAMLLearner(nn.Module):
    """theta and alpha.

    Args:
        model: the initial theta.
        loop: the inner loop.
        inner: a key of `RULES`.
        adapted: a key of `ADAPTED`.
        per_weight: give alpha the shape of the weights.
        rows: pieces a step.
        length: tokens a piece.
        speed: log alpha is its parameter times this: it has further to go than a weight.
    """

    def __init__(
        self,
        model: LSTMLanguageModel,
        loop: InnerLoop,
        inner: str = "sgd",
        adapted: str = "light",
        per_weight: bool = False,
        rows: int = 8,
        length: int = 32,
        speed: float = 300.0,
    ) -> None:
        super().__init__()
        self.speed = speed
        self.batches: Tensor
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))
        self.model, self.loop, self.inner = model.adaptable(), loop, inner
        self.rows, self.length = rows, length
        self.names = [name for name, _ in self.model.named_parameters() if is_adapted(name, adapted)]
        self.per_weight = per_weight
        self.make_rule()

    def make_rule(self) -> None:
        """Make the parameters of the update rule: log alpha / speed."""
        self.log_rates = nn.ParameterList(
            torch.zeros_like(weight if self.per_weight else weight.sum()) for weight in self.start.values()
        )

    @property
    def start(self) -> Weights:
        """The adapted part of theta."""
        weights = dict(self.model.named_parameters())
        return {name: weights[name] for name in self.names}

    @torch.no_grad()
    def scale(self, factor: float) -> None:
        """Multiply alpha, which is 1 at first."""
        for log in self.log_rates:
            log += math.log(factor) / self.speed

    def begin_batch(self, fixed: int) -> None:
        """Count a batch of meta-training; theta learns once `fixed` batches were counted before."""
        self.model.requires_grad_(int(self.batches) >= fixed)
        self.batches += 1

    def loss(self, weights: Weights, pieces: Pieces) -> Tensor:
        """Return nats per token of one episode's pieces; weights that are not adapted are theta's."""
        return self.token_nats(weights, pieces)[0].sum() / (pieces.targets != PAD).sum()

    def token_nats(self, weights: Weights, pieces: Pieces) -> tuple[Tensor, Tensor]:
        """Return the nats of each token [P, n], 0 for PAD, and the features [P, n, D]."""
        weights = dict(self.model.named_parameters()) | weights
        features = lstm_features(weights, pieces.inputs, pieces.state)
        scores = nn.functional.linear(features, weights["embed.weight"], weights["bias"])
        nats = nn.functional.cross_entropy(
            scores.flatten(0, 1), pieces.targets.flatten(), ignore_index=PAD, reduction="none"
        )
        return nats.unflatten(0, pieces.targets.shape), features

    def inner_loss(self, weights: Weights, pieces: Pieces) -> Tensor:
        """Return the loss that the inner steps descend."""
        return self.loss(weights, pieces)

    def outer_loss(self, batch: EpisodeBatch, random: np.random.Generator, steps: int) -> Tensor:
        """Return L_Q(w_n), averaged over B episodes."""
        *_, last = self.outer_losses(batch, random, steps, each=False)
        return last

    def outer_losses(
        self, batch: EpisodeBatch, random: np.random.Generator, steps: int, each: bool = True
    ) -> list[Tensor]:
        """Return L_Q(w_k), averaged over B episodes: for k = 1 .. n, or for n alone if not `each`.

        Without support it is L_Q(theta).
        """
        query = deal(cut(self.model, batch.query, self.length), QUERY_PIECES, random)
        if not batch.support.shape[1]:
            return [vmap(self.loss, in_dims=(None, 0))({}, query).mean()]
        path = list(self._path(batch.support, Plan(steps), self.rows, random))
        return [vmap(self.loss)(found, query).mean() for found in (path if each else path[-1:])]

    @torch.no_grad()
    def adapted(self, songs: Sequence[Tokens], plan: Plan) -> LSTMLanguageModel:
        """Return a copy of the model with w_n of one episode, using every piece of its support."""
        model = copy.deepcopy(self.model).eval()
        if songs and plan.steps:
            pieces = sum(math.ceil(len(song) / self.length) for song in songs)
            rows = max(self.rows, math.ceil(pieces / plan.steps))
            support = pad(songs, model.device)[None]
            *_, found = self._path(support, plan, rows, np.random.default_rng(0))
            model.load_state_dict({name: weight[0] for name, weight in found.items()}, strict=False)
        return model

    def _path(self, support: Tensor, plan: Plan, rows: int, random: np.random.Generator) -> Iterator[Weights]:
        """Yield w_1, ..., w_n [B, ...] for supports int64 [B, K, T]."""
        pieces = deal(cut(self.model, support, self.length), plan.steps * rows, random)
        rule = self.rule(plan.factor)
        yield from self.loop.path(self.inner_loss, self.start, rule, steps(pieces, rows))

    def rule(self, factor: float) -> UpdateRule:
        """Return the update rule, with alpha times `factor`."""
        rates = [factor * (self.speed * log).exp() for log in self.log_rates]
        return RULES[self.inner](dict(zip(self.names, rates, strict=True)))


def is_adapted(name: str, adapted: str) -> bool:
    """Return whether the weight of this name is adapted."""
    general = ".".join("*" if part.isdigit() else part for part in name.split("."))
    return general.startswith(ADAPTED[adapted])
