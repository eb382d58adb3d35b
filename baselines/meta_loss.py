"""Few-shot density estimation with a learned inner loss, on the trained `lstm.py`.

(Reed et al. 2018, "Few-shot Autoregressive Density Estimation: Towards Learning to Learn Distributions",
section 3.2.) The model takes gradient steps on the support, as in MAML, but down a loss that is learned too:

    L(w) = sum_t [a(f_t) nll_t + |g(f_t)|^2] / T      w_{k+1} = w_k - alpha grad L(w_k)

f_t are the features at token t under the current weights, a > 0 says how much is to be learned from a token,
and g is a network with one hidden layer. a is 1 at first, and g is small, but not 0, where its gradient would
vanish. Both are learned through the gradient of the gradient only: the outer loss is the plain nats per token
of query songs. theta and alpha are learned as well, and everything else is as in `maml.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from common.dealing import Pieces
from common.inner_loop import InnerLoop
from common.lstm import LSTMLanguageModel
from common.maml_learner import MAMLLearner
from common.update_rules import Weights
from maml import MAML
from torch import Tensor, nn

from fsdl_bench import PAD

SMALL = 0.03
"""The standard deviation of the last layer of g at first."""


@dataclass(eq=False)
class MetaLoss(MAML):
    """LSTM that takes a few steps down a learned loss on the support.

    Args:
        units: of the hidden layer of g, and width of its output.
    """

    units: int = 32

    name: ClassVar[str] = "meta_loss"

    def new_learner(self, loop: InnerLoop) -> MAMLLearner:
        return MetaLossLearner(
            self.model, loop, self.units, rows=self.rows, length=self.length, speed=self.speed
        )


class MetaLossLearner(MAMLLearner):
    """theta, alpha, a and g.

    Args:
        model: the initial theta.
        loop: the inner loop, of second order.
        units: see `MetaLoss`.
        options: of `MAMLLearner`.
    """

    def __init__(self, model: LSTMLanguageModel, loop: InnerLoop, units: int = 32, **options: object) -> None:
        super().__init__(model, loop, **options)  # type: ignore[arg-type]
        width = model.embed.embedding_dim
        self.log_a = nn.Linear(width, 1)
        nn.init.zeros_(self.log_a.weight)
        nn.init.zeros_(self.log_a.bias)
        last = nn.Linear(units, units)
        nn.init.normal_(last.weight, std=SMALL)
        nn.init.zeros_(last.bias)
        self.g = nn.Sequential(nn.Linear(width, units), nn.Tanh(), last)

    def inner_loss(self, weights: Weights, pieces: Pieces) -> Tensor:
        nats, features = self.token_nats(weights, pieces)
        scored = pieces.targets != PAD
        terms = self.log_a(features)[..., 0].exp() * nats + self.g(features).square().sum(-1)
        return torch.where(scored, terms, 0.0).sum() / scored.sum()
