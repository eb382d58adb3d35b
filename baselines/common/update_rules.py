"""Update rules of an inner loop, as in optax: `init` returns a state, `update` returns new weights and state.

    SGD    w <- w - alpha g
    Adam   w <- w - alpha m / (sqrt(v) + eps), with bias-corrected moments m and v (Kingma & Ba 2015)

alpha is one number a tensor, or one a weight (Meta-SGD: Li et al. 2017), and may be learned. A rule works on
the weights of one episode and can be differentiated; `inner_loop.py` runs it for many episodes at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from common.trees import Tree, tree_map

Weights = dict[str, Tensor]


class UpdateRule(Protocol):
    """How weights change with their gradients.

    Attributes:
        learned: the tensors that an outer loop trains; the same for all episodes. A rule is a dataclass, so
            that `dataclasses.replace(rule, learned=...)` exchanges them.
    """

    @property
    def learned(self) -> Tree: ...

    def init(self, weights: Weights) -> Tree:
        """Return the state at the start of an episode."""
        ...

    def update(self, gradients: Weights, state: Tree, weights: Weights, loss: Tensor) -> tuple[Weights, Tree]:
        """Return the next weights and state.

        Args:
            gradients: of the loss, one for each weight.
            state: from `init` or the previous update.
            weights: the current weights.
            loss: a scalar.
        """
        ...


@dataclass(frozen=True)
class SGD:
    """Gradient descent.

    Attributes:
        learned: alpha for each tensor: a scalar, or of the shape of the weights.
    """

    learned: Weights

    def init(self, weights: Weights) -> Tree:
        return ()

    def update(self, gradients: Weights, state: Tree, weights: Weights, loss: Tensor) -> tuple[Weights, Tree]:
        return {name: w - self.learned[name] * gradients[name] for name, w in weights.items()}, state


@dataclass(frozen=True)
class Adam:
    """Adam, with moments that are zero at the start of an episode.

    Attributes:
        learned: alpha for each tensor: a scalar, or of the shape of the weights.
        betas, eps: as in the paper, but eps is larger than 1e-8: near a zero gradient Adam's step has the
            slope 1 / eps, which enters a second-order outer gradient.
    """

    learned: Weights
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-3

    def init(self, weights: Weights) -> Tree:
        zero = tree_map(torch.zeros_like, weights)
        return {"mean": zero, "square": zero, "count": next(iter(weights.values())).new_zeros(())}

    def update(self, gradients: Weights, state: Tree, weights: Weights, loss: Tensor) -> tuple[Weights, Tree]:
        first, second = self.betas
        count = state["count"] + 1
        mean = tree_map(lambda m, g: first * m + (1 - first) * g, state["mean"], gradients)
        square = tree_map(lambda v, g: second * v + (1 - second) * g * g, state["square"], gradients)
        new = {}
        for name, w in weights.items():
            step = mean[name] / (1 - first**count) / (root(square[name] / (1 - second**count)) + self.eps)
            new[name] = w - self.learned[name] * step
        return new, {"mean": mean, "square": square, "count": count}


def root(x: Tensor) -> Tensor:
    """Return the square root, with slope 0 at 0: no gradient, and no second derivative either."""
    positive = x > 0
    return torch.where(positive, torch.where(positive, x, 1.0).sqrt(), 0.0)


def clipped(gradients: Weights, norm: float) -> Weights:
    """Return the gradients of one episode, scaled down to a joint norm of at most `norm`."""
    if norm == float("inf"):
        return gradients
    length = root(torch.stack([g.square().sum() for g in gradients.values()]).sum())
    scale = (norm / length.clamp(min=1e-12)).clamp(max=1.0)
    return {name: g * scale for name, g in gradients.items()}
