"""Learned update rules: a small LSTM, shared by all coordinates of a tensor, turns gradients into updates.

    meta-LSTM   w <- w_0 + sigmoid(f) (w - w_0) - sigmoid(i) g
                f = W_f [h, w - w_0, f_before] + b_f      i = W_i [h, w - w_0, i_before] + b_i
                h = LSTM(pre(loss), pre(g))
    optimiser   w <- w + s (W [m or the input] + b)       m = LSTM(pre(g)), in several layers

(Ravi & Larochelle 2017, "Optimization as a Model for Few-Shot Learning", equations 2 to 4; Andrychowicz et
al. 2016, "Learning to Learn by Gradient Descent by Gradient Descent".) pre is the pair

    (log |g| / p, sign g) if |g| >= e^-p, else (-1, e^p g)

The meta-LSTM of the paper forgets towards zero, which is harmless before batch normalisation only; here it
forgets towards w_0. A rule works on one episode; `inner_loop.py` runs it for many at a time. Each coordinate
has its own state and all of a tensor share their weights, so permuting coordinates permutes updates.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from common.trees import Tree
from common.update_rules import Weights


def preprocessed(x: Tensor, p: float) -> Tensor:
    """Return pre(x), [..., 2]."""
    size = x.abs()
    large = size >= torch.e**-p
    log = torch.where(large, torch.where(large, size, 1.0).log() / p, -1.0)
    return torch.stack([log, torch.where(large, x.sign(), torch.e**p * x)], dim=-1)


def cell(x: Tensor, h: Tensor, c: Tensor, weights: Tree) -> tuple[Tensor, Tensor]:
    """Return the next h and c [..., units] of an LSTM with weights {"w": [4 units, inputs + units], "b"}."""
    gates = linear(torch.cat([x, h], dim=-1), weights["w"], weights["b"])
    i, f, g, o = gates.chunk(4, dim=-1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


class CellWeights(nn.Module):
    """The weights of `cell`.

    Args:
        inputs, units: of the LSTM.
    """

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.empty(4 * units, inputs + units).uniform_(-0.1, 0.1))
        self.b = nn.Parameter(torch.zeros(4 * units))


@dataclass(frozen=True)
class MetaLSTMRule:
    """The meta-LSTM.

    Attributes:
        learned: for each name of a weight {"cell": of `cell`, "w": [2, units + 2], "b": [2]}; row 0 is the
            forget gate.
        units: of the LSTM.
        factor: multiplies the input gate.
        p: of the preprocessing.
    """

    learned: Tree
    units: int
    factor: float = 1.0
    p: float = 10.0

    def init(self, weights: Weights) -> Tree:
        return {
            name: {
                "start": w,
                "h": w.new_zeros(*w.shape, self.units),
                "c": w.new_zeros(*w.shape, self.units),
                "before": w.new_zeros(*w.shape, 2),
            }
            for name, w in weights.items()
        }

    def update(self, gradients: Weights, state: Tree, weights: Weights, loss: Tensor) -> tuple[Weights, Tree]:
        new, next_state = {}, {}
        for name, w in weights.items():
            now, given = state[name], self.learned[name]
            of_loss = preprocessed(loss, self.p).expand(*w.shape, 2)
            x = torch.cat([of_loss, preprocessed(gradients[name], self.p)], dim=-1)
            h, c = cell(x, now["h"], now["c"], given["cell"])
            moved = w - now["start"]
            rows = [
                linear(
                    torch.cat([h, moved[..., None], now["before"][..., gate : gate + 1]], dim=-1),
                    given["w"][gate : gate + 1],
                    given["b"][gate : gate + 1],
                )
                for gate in range(2)
            ]
            gates = torch.cat(rows, dim=-1)
            forget, take = gates.sigmoid().unbind(-1)
            new[name] = now["start"] + forget * moved - self.factor * take * gradients[name]
            next_state[name] = now | {"h": h, "c": c, "before": gates}
        return new, next_state


@dataclass(frozen=True)
class LearnedOptimiser:
    """The LSTM whose output is the update.

    Attributes:
        learned: for each name of a weight {"cells": of `cell`, one a layer, "w": [1, units], "b": [1]}.
        units: of each layer.
        layers: number of layers; with 0 the update is linear in the gradient itself.
        scale: s.
        factor: multiplies the update.
        p: of the preprocessing.
    """

    learned: Tree
    units: int
    layers: int = 2
    scale: float = 0.01
    factor: float = 1.0
    p: float = 5.0

    def init(self, weights: Weights) -> Tree:
        return {
            name: [(w.new_zeros(*w.shape, self.units),) * 2 for _ in range(self.layers)]
            for name, w in weights.items()
        }

    def update(self, gradients: Weights, state: Tree, weights: Weights, loss: Tensor) -> tuple[Weights, Tree]:
        new, next_state = {}, {}
        for name, w in weights.items():
            given, g = self.learned[name], gradients[name]
            x = preprocessed(g, self.p) if self.layers else g[..., None]
            kept = []
            for (h, c), weights_of_cell in zip(state[name], given["cells"], strict=True):
                x, c = cell(x, h, c, weights_of_cell)
                kept.append((x, c))
            step = linear(x, given["w"], given["b"])[..., 0]
            new[name] = w + self.factor * self.scale * step
            next_state[name] = kept
        return new, next_state
