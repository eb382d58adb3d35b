"""Train any model that uses a support, with early stopping on validation episodes.

Training stops by the mean of the validation NLL at zero shots and at the headline's number of shots. With the
latter alone, a poor prior could pass for a large gain.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from torch import Tensor, nn

from common.few_shot import validation_figure
from common.training import Recipe, Training, train
from fsdl_bench import FitContext, Predictor, Split, Tokens

Batch = TypeVar("Batch")


@dataclass(frozen=True)
class EpisodeRecipe:
    """The length of a training on episodes, in passes over the meta-training songs.

    Attributes:
        epochs: as many training tokens as that many passes.
        recipe: everything else; its `batches`, `warmup` and `every` are derived from `epochs`.
        episodes: validation episodes, for each number of shots.
    """

    epochs: int
    recipe: Recipe
    episodes: int = 24

    def full(self, per_epoch: int) -> Recipe:
        """Return the recipe of the training loop, with two validations an epoch."""
        batches = self.epochs * per_epoch
        return replace(
            self.recipe,
            batches=batches,
            warmup=max(1, min(200, batches // 10)),
            every=math.ceil(per_epoch / 2),
        )


def train_on_episodes(
    model: nn.Module,
    adapt: Callable[[Sequence[Tokens]], Predictor],
    batch: Callable[[int], Batch],
    losses: Callable[[Batch], Sequence[Tensor]],
    tokens: Callable[[Batch], int],
    per_epoch: int,
    validation: Split,
    context: FitContext,
    recipe: EpisodeRecipe,
    name: str = "training",
) -> Training:
    """Train a model in place. It ends with the weights of its best validation.

    Args:
        model: its parameters are trained.
        adapt: support -> a predictor that uses the model.
        batch: index of a batch -> the batch.
        losses: a batch -> one scalar for each optimiser step.
        tokens: a batch -> the number of its training tokens.
        per_epoch: batches with as many tokens as one pass over the meta-training songs.
        validation: the split of the validation episodes.
        context: of the fit.
        recipe: the length and the speed.
        name: of the checkpoint and the progress bar.
    """
    return train(
        model,
        batch,
        losses,
        validation_figure(adapt, validation, context, recipe.episodes),
        recipe.full(per_epoch),
        context,
        tokens=tokens,
        name=name,
    )
