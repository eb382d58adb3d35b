"""Several `lstm.py` that differ in their seed, averaged in probability. They ignore the support.

    p(x_t | x_<t) = sum_m p_m(x_t | x_<t) / M

Averages of networks that were trained apart are better than each of them (Zaremba, Sutskever & Vinyals 2014,
"Recurrent Neural Network Regularization", section 4.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from common.constrained import constrained
from common.mixture import MixturePredictor
from common.predictors import LSTMPredictor
from common.pretrained import pretrained_lstm
from lstm import LSTM
from torch import nn

from fsdl_bench import FitContext, Predictor, Split, Tokens


@dataclass(eq=False)
class Ensemble(LSTM):
    """The mean of M language models; the same predictor for every artist.

    Args:
        members: M. Their seeds follow one another, so that runs with seeds 0, M, 2M have no model in common.
    """

    members: int = 4

    system: ClassVar[bool] = True
    budget: ClassVar[str] = "open"  # type: ignore[assignment]

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Train each model, or reuse the one trained with the same settings and seed."""
        super().fit(train, validation, context)
        self.models = [self.model]
        for number in range(1, self.members):
            own = replace(context, seed=context.seed + number)
            model, training, _ = pretrained_lstm(self.settings, train, validation, own)
            self.models.append(model)
            self.notes[f"validation figure of member {number}"] = training.best

    def adapt(self, support: Sequence[Tokens]) -> Predictor:
        mean = MixturePredictor([LSTMPredictor(model) for model in self.models], temper=0.0)
        return constrained(mean, self.codec)

    def parameters(self) -> list[nn.Parameter]:
        return [weight for model in self.models for weight in model.parameters()]
