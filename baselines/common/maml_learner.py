"""theta and alpha of MAML: the outer loss, and the weights adapted to a support."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
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

SPEED = 10.0
"""log alpha is the learned parameter times this: it has further to go than a weight."""

QUERY_PIECES = 16


@dataclass(frozen=True)
class Plan:
    """How a support is used: n inner steps with alpha times `factor`, each on its share of the pieces."""

    steps: int
    factor: float = 1.0

    def __str__(self) -> str:
        return f"{self.steps} steps, alpha times {self.factor:g}"


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
    ) -> None:
        super().__init__()
        self.model, self.loop, self.inner = model.adaptable(), loop, inner
        self.rows, self.length = rows, length
        weights = dict(self.model.named_parameters())
        self.names = [name for name in weights if is_adapted(name, adapted)]
        self.log_rates = nn.ParameterList(
            torch.zeros_like(weights[name] if per_weight else weights[name].sum()) for name in self.names
        )

    @torch.no_grad()
    def scale(self, factor: float) -> None:
        """Multiply alpha, which is 1 at first."""
        for log in self.log_rates:
            log += math.log(factor) / SPEED

    def loss(self, weights: Weights, pieces: Pieces) -> Tensor:
        """Return nats per token of one episode's pieces; weights that are not adapted are theta's."""
        weights = dict(self.model.named_parameters()) | weights
        features = lstm_features(weights, pieces.inputs, pieces.state)
        scores = nn.functional.linear(features, weights["embed.weight"], weights["bias"])
        nats = nn.functional.cross_entropy(
            scores.flatten(0, 1), pieces.targets.flatten(), ignore_index=PAD, reduction="sum"
        )
        return nats / (pieces.targets != PAD).sum()

    def inner_loss(self, weights: Weights, pieces: Pieces) -> Tensor:
        """Return the loss that the inner steps descend."""
        return self.loss(weights, pieces)

    def outer_loss(self, batch: EpisodeBatch, random: np.random.Generator, steps: int) -> Tensor:
        """Return L_Q(w_n), averaged over B episodes."""
        query = deal(cut(self.model, batch.query, self.length), QUERY_PIECES, random)
        if not batch.support.shape[1]:
            return vmap(self.loss, in_dims=(None, 0))({}, query).mean()
        found = self._found(batch.support, Plan(steps), self.rows, random)
        return vmap(self.loss)(found, query).mean()

    @torch.no_grad()
    def adapt(self, songs: Sequence[Tokens], plan: Plan) -> LSTMLanguageModel:
        """Return a copy of the model with w_n of one episode, using every piece of its support."""
        model = copy.deepcopy(self.model).eval()
        if songs and plan.steps:
            pieces = sum(math.ceil(len(song) / self.length) for song in songs)
            rows = max(self.rows, math.ceil(pieces / plan.steps))
            support = pad(songs, model.device)[None]
            found = self._found(support, plan, rows, np.random.default_rng(0))
            model.load_state_dict({name: weight[0] for name, weight in found.items()}, strict=False)
        return model

    def _found(self, support: Tensor, plan: Plan, rows: int, random: np.random.Generator) -> Weights:
        """Return w_n [B, ...] for supports int64 [B, K, T]."""
        pieces = deal(cut(self.model, support, self.length), plan.steps * rows, random)
        weights: Weights = dict(self.model.named_parameters())
        adapted = {name: weights[name] for name in self.names}
        return self.loop.run(self.inner_loss, adapted, self.rule(plan.factor), steps(pieces, rows))

    def rule(self, factor: float) -> UpdateRule:
        """Return the update rule, with alpha times `factor`."""
        rates = [factor * (SPEED * log).exp() for log in self.log_rates]
        return RULES[self.inner](dict(zip(self.names, rates, strict=True)))


def is_adapted(name: str, adapted: str) -> bool:
    """Return whether the weight of this name is adapted."""
    general = ".".join("*" if part.isdigit() else part for part in name.split("."))
    return general.startswith(ADAPTED[adapted])
