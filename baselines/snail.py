"""SNAIL: temporal convolutions and attention over the support songs and the query song in one row.

    row = BOS s_1 BOS s_2 ... BOS s_K BOS q        p(q_t) = softmax(E f(row before q_t) + b)

Mishra, Rohaninejad, Chen & Abbeel 2018, "A Simple Neural Attentive Meta-Learner". The convolutions gather
what was read lately, the attention finds it again anywhere in the row; the network is in `common/snail.py`,
with the paper's sizes for its larger task: width 128, attention (64, 32), 9 dense blocks of 24 filters,
attention (128, 64), 9 dense blocks, attention (128, 64).

It is trained from scratch as `transformer_context.py` is: rows of songs of one artist in random order, a loss
on all of them, so that song n of a row trains n - 1 shots; Muon for linear layers, AdamW for the rest. In the
streaming protocol observed songs are appended to the row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from common.constrained import Constrained, constrained
from common.episode_training import EpisodeRecipe, train_on_episodes
from common.pieces import half
from common.rows import RowBatches, Rows
from common.snail import Cache, Snail, SnailStream
from common.text import as_row, shift
from common.training import Recipe
from torch import Tensor, nn

from fsdl_bench import PAD, FitContext, Split, Tokens


@dataclass(eq=False)
class SNAIL:
    """Convolutions and attention over support and query.

    Args:
        width, layers, filters: the model's size, see `common.snail.Snail`.
        dropout: probability, in training.
        peak: highest learning rate.
        decay: weight decay.
        tokens: the largest number of tokens in a batch, unless one row is longer.
        epochs: as many training tokens as that many passes over the meta-training songs.
        average: horizon of the averaged weights, as a share of the training.
        patience: half epochs without a better validation figure after which training stops.
        minutes: wall time after which training stops; for trials.
        episodes: validation episodes, for each number of shots, that training stops by.
    """

    width: int = 128
    layers: int = 9
    filters: int = 24
    dropout: float = 0.1
    peak: float = 5e-3
    decay: float = 0.05
    tokens: int = 2048
    epochs: int = 3
    average: float = 0.02
    patience: int = 4
    minutes: float = math.inf
    episodes: int = 24

    family: ClassVar[str] = "in context"
    budget: ClassVar[str] = "hour"

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Train on rows of songs."""
        self.codec = context.codec
        self.model = Snail(context.vocab_size, self.width, self.layers, self.filters, self.dropout)
        self.model.to(context.device)
        rows = RowBatches(train, context, self.tokens)
        recipe = Recipe(
            batches=0,
            peak=self.peak,
            weight_decay=self.decay,
            muon=True,
            average=self.average,
            patience=self.patience,
            minutes=self.minutes,
        )
        done = train_on_episodes(
            self.model,
            self.adapt,
            rows,
            lambda row: [row_loss(self.model, row)],
            lambda row: int((row.targets != PAD).sum()),
            rows.per_epoch,
            validation,
            context,
            EpisodeRecipe(self.epochs, recipe, self.episodes),
        )
        self.notes: dict[str, Any] = done.notes()

    def adapt(self, support: Sequence[Tokens]) -> Constrained:
        predictor = SNAILPredictor(self.model)
        for song in support:
            predictor.observe(song)
        return constrained(predictor, self.codec)

    def parameters(self) -> list[nn.Parameter]:
        return list(self.model.parameters())


class SNAILPredictor:
    """The model after some songs."""

    def __init__(self, model: Snail) -> None:
        self.model = model
        self.cache: Cache | None = None

    @torch.no_grad()
    def observe(self, song: Tokens) -> None:
        """Append a song to the row."""
        _, self.cache = self.model.features(as_row([song], self.model.device), self.cache)

    def logits(self, songs: Tensor) -> Tensor:
        return self.model.scores(self.model.features(shift(songs), self.cache)[0])

    def stream(self, songs: int = 1) -> SnailStream:
        return SnailStream(self.model, self.cache, songs)


def row_loss(model: Snail, rows: Rows) -> Tensor:
    """Return nats per token of all songs of some rows."""
    scored = rows.targets != PAD
    with half(rows.inputs.device):
        features, _ = model.features(rows.inputs)
        nats = model.nats(features[scored], rows.targets[scored])
    return nats / scored.sum()
