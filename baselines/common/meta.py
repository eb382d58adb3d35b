"""Model-agnostic meta-learning: an inner loop that can be differentiated, for many episodes at a time.

    w_0 = theta      w_{k+1} = w_k - alpha u(g_k),  g_k = grad L_k(w_k)      outer: d L_Q(w_n) / d theta

(Finn, Abbeel & Levine 2017). u is the identity (SGD) or Adam's step, with moments that are zero when an
episode begins (Kingma & Ba 2015). alpha is one number a tensor, or one a weight (Meta-SGD: Li et al. 2017),
and may be learnt. g_k may be clipped, inside the graph. The first-order variant takes u(g_k) for a constant.

Episodes go through `torch.func.vmap` together, which nn.LSTM cannot: `lstm_features` writes it out of linear
maps.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import grad, vmap
from torch.utils.checkpoint import checkpoint

from common.lstm import State

Weights = dict[str, Tensor]
Batch = tuple[Tensor, ...]
"""What one inner step learns from; of B episodes together, each tensor has a first dimension B."""

Loss = Callable[[Weights, Batch], Tensor]
"""Weights of one episode and a batch -> a scalar."""

Step = Callable[[list[Weights], Weights, Batch], list[Weights]]
"""Weights and moments of all episodes, rates and a batch -> the next weights and moments."""


@dataclass(frozen=True)
class InnerLoop:
    """How an episode's weights are found.

    Attributes:
        optimiser: "sgd" or "adam".
        second_order: whether the outer gradient goes through the inner gradients.
        clip: largest norm of an inner gradient, over all adapted weights.
        checkpointed: whether the outer gradient computes each inner step again in place of keeping it: a
            third more time, for the memory of one step in place of all.
        betas, eps: Adam's. Near a zero gradient Adam's step has the slope 1 / eps, which a second-order outer
            gradient meets: 1e-8 would not do.
    """

    optimiser: Literal["sgd", "adam"] = "sgd"
    second_order: bool = True
    clip: float = float("inf")
    checkpointed: bool = False
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-3

    def run(
        self, loss: Loss, weights: Weights, rates: Mapping[str, Tensor], batches: Sequence[Batch]
    ) -> Weights:
        """Adapt to B episodes.

        Args:
            loss: of one episode; what it uses beside its arguments is the same for all and is not adapted.
            weights: theta, what is adapted of it.
            rates: alpha for each of them, a scalar or of its shape.
            batches: what each step learns from, in turn; at least one.

        Returns:
            w_n of each episode: tensors [B, ...].
        """
        state = [weights]
        if self.optimiser == "adam":
            state += [{name: torch.zeros_like(w) for name, w in weights.items()} for _ in range(2)]
        for number, batch in enumerate(batches, 1):
            shared = None if number == 1 else 0  # all episodes begin alike: their first step is one product
            step = vmap(partial(self._step, loss, number), in_dims=(shared, None, 0))
            again = self.checkpointed and torch.is_grad_enabled()
            state = (_recomputed if again else _called)(step, state, dict(rates), batch)
        return state[0]

    def _step(
        self, loss: Loss, number: int, state: list[Weights], rates: Weights, batch: Batch
    ) -> list[Weights]:
        """One step of one episode; `state` is the weights and the optimiser's moments."""
        weights, *moments = state
        with contextlib.nullcontext() if self.second_order else torch.no_grad():
            gradients = clipped(grad(loss)(weights, batch), self.clip)
            if moments:
                gradients, moments = self._adam(gradients, moments, number)
        return [{name: w - rates[name] * gradients[name] for name, w in weights.items()}, *moments]

    def _adam(self, gradients: Weights, moments: list[Weights], number: int) -> tuple[Weights, list[Weights]]:
        (b1, b2), (mean, square) = self.betas, moments
        mean = {name: b1 * mean[name] + (1 - b1) * g for name, g in gradients.items()}
        square = {name: b2 * square[name] + (1 - b2) * g * g for name, g in gradients.items()}
        steps = {
            name: mean[name] / (1 - b1**number) / (root(square[name] / (1 - b2**number)) + self.eps)
            for name in gradients
        }
        return steps, [mean, square]


def _called(step: Step, state: list[Weights], rates: Weights, batch: Batch) -> list[Weights]:
    return step(state, rates, batch)


def _recomputed(step: Step, state: list[Weights], rates: Weights, batch: Batch) -> list[Weights]:
    """The step, which keeps nothing for the backward pass and is computed again there.

    `checkpoint` in the variant that runs the backward pass of a second forward one: the other one hangs hooks
    on what is kept, which `torch.func` does not bear.
    """
    names, parts = list(rates), len(state)

    def flat(*tensors: Tensor) -> tuple[Tensor, ...]:
        end = (parts + 1) * len(names)
        *given, own = [
            dict(zip(names, tensors[i : i + len(names)], strict=True)) for i in range(0, end, len(names))
        ]
        return tuple(part[name] for part in step(given, own, tensors[end:]) for name in names)

    given = [part[name] for part in [*state, rates] for name in names]
    found = checkpoint(flat, *given, *batch, use_reentrant=True)
    return [
        dict(zip(names, found[i : i + len(names)], strict=True)) for i in range(0, len(found), len(names))
    ]


def root(x: Tensor) -> Tensor:
    """The square root, whose slope at 0 is taken for 0: no gradient, no second one either."""
    positive = x > 0
    return torch.where(positive, torch.where(positive, x, 1.0).sqrt(), 0.0)


def clipped(gradients: Weights, most: float) -> Weights:
    """Gradients of one episode, together of norm `most` at the most."""
    if most == float("inf"):
        return gradients
    norm = root(sum(g.square().sum() for g in gradients.values()))
    scale = (most / norm.clamp(min=1e-12)).clamp(max=1.0)
    return {name: g * scale for name, g in gradients.items()}


def lstm_features(weights: Mapping[str, Tensor], inputs: Tensor, state: State) -> Tensor:
    """`LSTMLanguageModel.features` without dropout, of its weights by name: linear maps and nothing fused.

    Args:
        weights: `named_parameters` of the model.
        inputs: int64 [N, T].
        state: (h, c), each [layers, N, hidden].

    Returns:
        [N, T, D].
    """
    x = nn.functional.embedding(inputs, weights["embed.weight"])
    for layer, (h, c) in enumerate(zip(*state, strict=True)):
        into, back, *biases = (
            weights[f"lstm.{name}_l{layer}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        rows = []
        for fed in nn.functional.linear(x, into, sum(biases)).unbind(1):
            i, f, g, o = (fed + nn.functional.linear(h, back)).chunk(4, dim=-1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            rows.append(h)
        x = torch.stack(rows, 1)
    return nn.functional.linear(x, weights["project.weight"], weights["project.bias"])
