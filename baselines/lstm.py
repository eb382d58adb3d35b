"""LSTM language model trained on all meta-training songs. It ignores the support.

The first baseline of the proposal (Larochelle, Finn & Ravi 2017), and the reference for every gain. The model
is in `common/lstm.py`, its training in `common/base.py`, and the settings of each size in `common/sizes.py`.
The weights of the hour class ship with the package for both headline tracks (`common/pretrained.py`).

`neural_cache.py`, `two_caches.py`, `dynamic_evaluation.py`, `fine_tuning.py` and `maml.py` start from this
model. They take the same arguments, and the first of them that is fitted trains it for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

from common.base import LSTMSettings
from common.constrained import constrained
from common.predictors import LSTMPredictor
from common.pretrained import Trained, pretrained_lstm
from common.sizes import Size, lstm_settings
from torch import nn

from fsdl_bench import FitContext, Predictor, Split, Tokens


@dataclass(eq=False)
class LSTM:
    """LSTM language model; the same predictor for every artist.

    Args:
        size: the budget class that the settings are for: "quarter-hour", "hour" or "open".
        embedding, hidden, layers, dropout, weight_dropout, peak, decay, batch, piece, epochs, average,
            transpose, tempo, minutes: override one setting of the size; see `LSTMSettings`.
    """

    size: Size = "hour"
    embedding: int | None = None
    hidden: int | None = None
    layers: int | None = None
    dropout: float | None = None
    weight_dropout: float | None = None
    peak: float | None = None
    decay: float | None = None
    batch: int | None = None
    piece: int | None = None
    epochs: int | None = None
    average: float | None = None
    transpose: bool | None = None
    tempo: float | None = None
    minutes: float | None = None

    family: ClassVar[str] = "static"
    ignores_support: ClassVar[bool] = True

    @property
    def budget(self) -> Size:
        return self.size

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Load the weights that ship, reuse the model trained with the same settings, or train it."""
        changes = {field.name: getattr(self, field.name) for field in fields(LSTMSettings)}
        self.settings = lstm_settings(self.size, context.kind, **changes)
        self.model, self.training, weights = pretrained_lstm(self.settings, train, validation, context)
        self.trained = Trained("lstm", self.model, self.training, asdict(self.settings))
        self.codec = context.codec
        self.notes: dict[str, Any] = {"size": self.size, "weights": weights} | self.training.notes()

    def adapt(self, support: Sequence[Tokens]) -> Predictor:
        return constrained(LSTMPredictor(self.model), self.codec)

    def parameters(self) -> list[nn.Parameter]:
        return list(self.model.parameters())
