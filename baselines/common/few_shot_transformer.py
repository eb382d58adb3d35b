"""What both Transformers share: their settings, and the training of a network that is to use a support.

It is stopped by the mean of the validation NLL at zero shots and at the headline's: at the latter alone, a
poor prior could pass for a large gain.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from torch import Tensor, nn

from common.few_shot import few_shot_nll, headline_shots, held_out_episodes
from common.training import Recipe, train
from common.transformer import Transformer
from fsdl_bench import FitContext, Predictor, Split, Tokens

Batch = TypeVar("Batch")


@dataclass(eq=False)
class FewShotTransformer(ABC):
    """A Transformer trained on several songs of one artist at a time.

    Args:
        width, layers, heads: the model's size.
        dropout: probability, in training.
        peak: highest learning rate.
        decay: weight decay.
        epochs: as many tokens as that many passes over the meta-training songs have, at most.
        patience: half epochs without a better validation figure after which training stops.
        minutes: wall time after which it stops as well.
        episodes: validation episodes, of each number of shots, that training stops by.
    """

    width: int = 128
    layers: int = 4
    heads: int = 2
    dropout: float = 0.1
    peak: float = 1e-2
    decay: float = 0.05
    epochs: int = 3
    patience: int = 4
    minutes: float = math.inf
    episodes: int = 24

    @abstractmethod
    def adapt(self, support: Sequence[Tokens]) -> Predictor:
        """Read the support."""

    def learn(
        self,
        batch: Callable[[int], Batch],
        loss: Callable[[Transformer, Batch], Tensor],
        tokens: Callable[[Batch], int],
        per_epoch: int,
        validation: Split,
        context: FitContext,
    ) -> None:
        """Train a new model.

        Args:
            batch: number of a batch -> the batch.
            loss: nats per token of a batch.
            tokens: a batch -> how many tokens it teaches.
            per_epoch: batches with as many tokens as one pass has.
            validation: whose episodes training stops by.
            context: of the fit.
        """
        self.model = Transformer(
            context.vocab_size,
            self.width,
            self.layers,
            self.heads,
            self.dropout,
            song_pairs=self.width // self.heads // 8,
        ).to(context.device)
        held_out = [
            held_out_episodes(validation, context, shots, self.episodes)
            for shots in (0, headline_shots(context))
        ]
        recipe = Recipe(
            batches=self.epochs * per_epoch,
            peak=self.peak,
            warmup=max(1, min(200, self.epochs * per_epoch // 10)),
            weight_decay=self.decay,
            muon=True,
            every=math.ceil(per_epoch / 2),
            patience=self.patience,
            minutes=self.minutes,
        )
        done = train(
            self.model,
            batch,
            lambda now: [loss(self.model, now)],
            lambda: float(np.mean([few_shot_nll(self.adapt, some, context.device) for some in held_out])),
            recipe,
            context,
            tokens=tokens,
        )
        self.notes = done.notes()

    def parameters(self) -> list[nn.Parameter]:
        """Of the model."""
        return list(self.model.parameters())
