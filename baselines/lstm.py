"""LSTM language model on all meta-training songs; the support is ignored.

The first baseline of the proposal (Larochelle, Finn & Ravi 2017), and the floor that every gain is measured
against. The model is `common/lstm.py`: one layer of 384 units, embedding 192, input and output tied, dropout
0.1. Trained with AdamW, 8e-3, warm-up and cosine decay, gradients clipped to 1, on batches of 32 whole songs
in pieces of 64 tokens (truncated backpropagation), until the validation artists' NLL no longer falls.

`neural_cache.py`, `dynamic_evaluation.py` and `fine_tuning.py` adapt this very model: they take the same
arguments, and whichever is fitted first trains it for all (`common/once.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from common.lstm import LSTMLanguageModel, LSTMPredictor
from common.once import made_once
from common.songs import SongBatches, song_losses, token_count, validation_nll
from common.training import Recipe, Training, train
from torch import nn

from fsdl_bench import FitContext, Predictor, Split, Tokens


@dataclass(eq=False)
class LSTM:
    """LSTM language model; the same predictor for every artist.

    Args:
        embedding: width of the tied embedding.
        hidden: units of each layer.
        layers: number of layers.
        dropout: probability, in training.
        peak: highest learning rate.
        decay: weight decay.
        batch: songs in a batch.
        epochs: passes over the meta-training songs, at most.
        patience: half epochs without a better validation NLL after which training stops.
        minutes: wall time after which it stops as well.
    """

    embedding: int = 192
    hidden: int = 384
    layers: int = 1
    dropout: float = 0.1
    peak: float = 8e-3
    decay: float = 0.01
    batch: int = 32
    epochs: int = 3
    patience: int = 4
    minutes: float = math.inf

    family: ClassVar[str] = "static"

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Train on every meta-training song, or take the model that was trained with these settings."""
        settings = {field.name: getattr(self, field.name) for field in fields(LSTM)}
        modules = [
            LSTM.__module__,
            "common.lstm",
            "common.dropout",
            "common.softmax",
            "common.songs",
            "common.training",
        ]
        self.model, self.training = made_once(
            lambda place: self._trained(train, validation, place), settings, modules, context
        )
        self.notes: dict[str, Any] = self.training.notes()

    def _trained(
        self, songs: Split, validation: Split, context: FitContext
    ) -> tuple[LSTMLanguageModel, Training]:
        model = LSTMLanguageModel(
            context.vocab_size, self.embedding, self.hidden, self.layers, self.dropout
        ).to(context.device)
        batches = SongBatches(songs, self.batch, context.seed, context.device)
        most = self.epochs * batches.per_epoch
        recipe = Recipe(
            batches=most,
            peak=self.peak,
            warmup=max(1, min(100, most // 20)),
            weight_decay=self.decay,
            every=math.ceil(batches.per_epoch / 2),
            patience=self.patience,
            minutes=self.minutes,
        )
        training = train(
            model,
            batches,
            song_losses(model, piece=64),
            lambda: validation_nll(model, validation, context.device),
            recipe,
            context,
            tokens=token_count,
            name="lstm",
        )
        return model, training

    def adapt(self, support: Sequence[Tokens]) -> Predictor:
        """Nothing is learnt from the support."""
        return LSTMPredictor(self.model)

    def parameters(self) -> list[nn.Parameter]:
        """Of the model."""
        return list(self.model.parameters())
