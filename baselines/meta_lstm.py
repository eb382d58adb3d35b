"""Meta-LSTM: an LSTM learns how the weights of the trained `lstm.py` move on the support.

Ravi & Larochelle 2017, "Optimization as a Model for Few-Shot Learning": the update of a weight has the form
of an LSTM's cell state,

    w <- w_0 + sigmoid(f) (w - w_0) - sigmoid(i) g

with gates f and i from an LSTM of 20 units that reads loss and gradient, one for each tensor and the same
for all its coordinates (`common/learned_rules.py`). w_0, the initial cell state of the paper, is learned and
starts from the trained weights. The learner's gradients g are constants of the outer loss, as in the paper.

The projection and the biases of the output are adapted: the LSTM's state costs some 50 numbers a coordinate.
Five steps on pieces of the support, dealt as in `maml.py`. At first the forget gate is open (bias from
U(4, 5), as in the paper) and the input gate is logit(alpha), alpha being the best constant rate of a few on
validation episodes, so meta-training starts from gradient descent. (The paper forgets towards zero. Its
learner has batch normalisation, which hides that; without it, sigmoid(4.5) shrinks the weights by 1 % a
step.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from common.inner_loop import InnerLoop
from common.learned_rules import CellWeights, MetaLSTMRule
from common.lstm import LSTMLanguageModel
from common.maml_learner import MAMLLearner
from common.update_rules import UpdateRule
from maml import MAML
from torch import nn


@dataclass(eq=False)
class MetaLSTM(MAML):
    """LSTM whose output layer is adapted by a meta-LSTM.

    Args:
        units: of the meta-LSTM.
    """

    units: int = 20
    adapted: Literal["all", "light", "head", "bias"] = "head"
    second_order: bool = False
    checkpointed: bool = True
    meta_batch: int = 2
    meta_peak: float = 1e-3

    name: ClassVar[str] = "meta_lstm"

    @property
    def rates(self) -> Sequence[float]:
        return (0.03, 0.1, 0.3, 0.9)

    def new_learner(self, loop: InnerLoop) -> MAMLLearner:
        return MetaLSTMLearner(
            self.model, loop, self.units, adapted=self.adapted, rows=self.rows, length=self.length
        )


class MetaLSTMLearner(MAMLLearner):
    """theta and the meta-LSTM of each adapted tensor.

    Args:
        model: the initial theta.
        loop: the inner loop, of first order.
        units: of the meta-LSTM.
        options: of `MAMLLearner`.
    """

    def __init__(self, model: LSTMLanguageModel, loop: InnerLoop, units: int = 20, **options: Any) -> None:
        self.units = units
        super().__init__(model, loop, **options)

    def make_rule(self) -> None:
        """Make the meta-LSTMs: an open forget gate, and an input gate that `scale` sets."""
        self.cells = nn.ModuleList(CellWeights(4, self.units) for _ in self.names)
        count = len(self.names)
        self.gate_weights = nn.Parameter(torch.empty(count, 2, self.units + 2).uniform_(-0.01, 0.01))
        self.gate_biases = nn.Parameter(
            torch.stack([torch.empty(count).uniform_(4, 5), torch.zeros(count)], 1)
        )

    @torch.no_grad()
    def scale(self, factor: float) -> None:
        """Set the input gates to a constant rate."""
        self.gate_biases[:, 1] = torch.tensor(min(factor, 0.99)).logit()

    def rule(self, factor: float) -> UpdateRule:
        learned = {
            name: {"cell": dict(cell.named_parameters()), "w": w, "b": b}
            for name, cell, w, b in zip(
                self.names, self.cells, self.gate_weights, self.gate_biases, strict=True
            )
        }
        return MetaLSTMRule(learned, self.units, factor)
