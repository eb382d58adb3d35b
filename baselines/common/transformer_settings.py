"""The settings that both Transformers share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from common.episode_training import EpisodeRecipe
from common.training import Recipe
from common.transformer import Transformer
from fsdl_bench import FitContext


@dataclass(eq=False)
class TransformerSettings:
    """Size and training of a Transformer that is trained on several songs of one artist at a time.

    Args:
        width, layers, heads: the model's size.
        dropout: probability, in training.
        peak: highest learning rate.
        decay: weight decay.
        epochs: as many training tokens as that many passes over the meta-training songs.
        average: horizon of the averaged weights, as a share of the training.
        patience: half epochs without a better validation figure after which training stops.
        minutes: wall time after which training stops; for trials.
        episodes: validation episodes, for each number of shots, that training stops by.
    """

    width: int = 128
    layers: int = 4
    heads: int = 2
    dropout: float = 0.1
    peak: float = 1e-2
    decay: float = 0.05
    epochs: int = 3
    average: float = 0.02
    patience: int = 4
    minutes: float = math.inf
    episodes: int = 24

    budget: ClassVar[str] = "hour"

    def new_model(self, context: FitContext) -> Transformer:
        """Return an untrained model. A quarter of each head's pairs rotate with the index of the song."""
        self.model = Transformer(
            context.vocab_size,
            self.width,
            self.layers,
            self.heads,
            self.dropout,
            song_pairs=self.width // self.heads // 8,
        ).to(context.device)
        return self.model

    def recipe(self) -> EpisodeRecipe:
        """Return the recipe of its training."""
        recipe = Recipe(
            batches=0,
            peak=self.peak,
            weight_decay=self.decay,
            muon=True,
            average=self.average,
            patience=self.patience,
            minutes=self.minutes,
        )
        return EpisodeRecipe(self.epochs, recipe, self.episodes)

    def parameters(self) -> list[nn.Parameter]:
        return list(self.model.parameters())
