"""Learning to learn by gradient descent: an LSTM outputs the updates of the weights of the trained `lstm.py`.

Andrychowicz et al. 2016: for each coordinate of the adapted weights

    (m, s) = LSTM(pre(g), s)      w <- w + 0.01 (W m + b)

with two layers of 20 units, one such LSTM for each tensor and the same for all its coordinates
(`common/learned_rules.py`). W and b are zero at first, so meta-training starts from the trained LSTM. The
outer loss is the nats per token of query songs, averaged over the steps, whose number is drawn from 1 to 10.
As in the paper, the gradients of the learner are constants of the outer loss.

The projection and the biases of the output are adapted: the optimiser's state costs 80 numbers a coordinate.
Steps, pieces and the choice of the number of steps for each number of shots are those of `maml.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from common.inner_loop import InnerLoop
from common.learned_rules import CellWeights, LearnedOptimiser
from common.lstm import LSTMLanguageModel
from common.maml_learner import MAMLLearner
from common.update_rules import UpdateRule
from maml import MAML
from torch import Tensor, nn

from fsdl_bench import EpisodeBatch


@dataclass(eq=False)
class LearnedOptimizer(MAML):
    """LSTM whose output layer is adapted by a learned optimiser.

    Args:
        units, optimiser_layers: of the optimiser.
        most_steps: the largest number of steps in meta-training.
    """

    units: int = 20
    optimiser_layers: int = 2
    most_steps: int = 10
    adapted: Literal["all", "light", "head", "bias"] = "head"
    second_order: bool = False
    checkpointed: bool = True
    meta_batch: int = 2
    meta_peak: float = 1e-3

    name: ClassVar[str] = "learned_optimizer"

    @property
    def rates(self) -> Sequence[float]:
        return (1.0,)  # the optimiser finds its rate

    def new_learner(self, loop: InnerLoop) -> MAMLLearner:
        return OptimiserLearner(
            self.model,
            loop,
            self.units,
            self.optimiser_layers,
            adapted=self.adapted,
            rows=self.rows,
            length=self.length,
        )

    def outer_loss(self, batch: EpisodeBatch, random: np.random.Generator) -> Tensor:
        steps = int(random.integers(1, self.most_steps + 1))
        return torch.stack(self.learner.outer_losses(batch, random, steps)).mean()


class OptimiserLearner(MAMLLearner):
    """theta and the optimiser of each adapted tensor.

    Args:
        model: the initial theta.
        loop: the inner loop, of first order.
        units, layers: of the optimiser.
        options: of `MAMLLearner`.
    """

    def __init__(
        self, model: LSTMLanguageModel, loop: InnerLoop, units: int = 20, layers: int = 2, **options: Any
    ) -> None:
        self.units, self.layers = units, layers
        super().__init__(model, loop, **options)

    def make_rule(self) -> None:
        """Make the optimisers, whose output is zero at first."""
        inputs = [2, *[self.units] * (self.layers - 1)]
        self.cells = nn.ModuleList(
            CellWeights(size, self.units) for _ in self.names for size in inputs[: self.layers]
        )
        read = self.units if self.layers else 1
        self.out_weights = nn.Parameter(torch.zeros(len(self.names), 1, read))
        self.out_biases = nn.Parameter(torch.zeros(len(self.names), 1))

    def scale(self, factor: float) -> None:
        """Do nothing: there is no rate to set."""

    def rule(self, factor: float) -> UpdateRule:
        cells = [dict(cell.named_parameters()) for cell in self.cells]
        learned = {
            name: {"cells": cells[i * self.layers : (i + 1) * self.layers], "w": w, "b": b}
            for i, (name, w, b) in enumerate(zip(self.names, self.out_weights, self.out_biases, strict=True))
        }
        return LearnedOptimiser(learned, self.units, self.layers, factor=factor)
