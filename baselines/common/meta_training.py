"""Meta-training: a learner on top of the trained LSTM learns from episodes of the meta-training artists.

The loss is on the query songs. K is drawn from the track's numbers of shots, zero among them. Training stops
by the mean of the validation NLL at zero shots and at the headline's number of shots.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from common.few_shot import validation_figure
from common.pretrained import Trained, identity, loaded
from common.training import Recipe, Training, train
from fsdl_bench import EpisodeBatch, FitContext, Predictor, Split, Tokens

QUERIES = 4
"""Query songs of a training episode."""


@dataclass(eq=False)
class MetaTraining:
    """Settings of the meta-training.

    Args:
        meta_peak: highest learning rate.
        meta_decay: weight decay of matrices.
        meta_batch: episodes in a batch.
        meta_batches: the largest number of batches.
        meta_every, meta_patience: batches between validations, and validations without a new best after
            which training stops.
        meta_minutes: wall time after which training stops; for trials.
        most_shots: the largest number of support songs in a training episode.
        episodes: validation episodes, for each number of shots, that everything is chosen on.
    """

    meta_peak: float = 1e-3
    meta_decay: float = 0.0
    meta_batch: int = 4
    meta_batches: int = 800
    meta_every: int = 100
    meta_patience: int = 3
    meta_minutes: float = math.inf
    most_shots: int = 20
    episodes: int = 16

    def meta_train(
        self,
        name: str,
        learner: nn.Module,
        adapt: Callable[[Sequence[Tokens]], Predictor],
        loss: Callable[[EpisodeBatch, np.random.Generator], Tensor],
        train_split: Split,
        validation: Split,
        context: FitContext,
        prepare: Callable[[], None] = lambda: None,
    ) -> dict[str, Any]:
        """Train the learner in place, or load its weights if they ship; return entries of the notes.

        The first weights are among those that validation chooses from.

        Args:
            name: of the learner, for its weights.
            learner: its parameters are trained.
            adapt: support -> a predictor that uses the learner.
            loss: a batch of episodes and a random generator of its own -> a scalar.
            train_split: where the training episodes come from.
            validation: where the validation episodes come from.
            context: of the fit.
            prepare: sets the learner's first weights; called only if it is trained.
        """
        settings = identity(self)
        shipped = context.pretrained(name, settings)
        if shipped is not None:
            training = loaded(learner, shipped, context)
            self.trained = Trained(name, learner, training, settings, dict(shipped.card.chosen))
            return _notes(self.trained.training, f"shipped, SHA-256 {shipped.card.sha256}")
        prepare()
        stream = context.episodes(
            train_split,
            shots=[k for k in context.shots if k <= self.most_shots] or [1],
            queries=QUERIES,
            batch_size=self.meta_batch,
        )
        recipe = Recipe(
            batches=self.meta_batches,
            peak=self.meta_peak,
            warmup=max(1, min(20, self.meta_batches // 10)),
            weight_decay=self.meta_decay,
            every=self.meta_every,
            patience=self.meta_patience,
            minutes=self.meta_minutes,
        )
        figure = validation_figure(adapt, validation, context, self.episodes)
        first = copy.deepcopy(learner.eval().state_dict())
        with torch.no_grad():
            at_first = float(figure())
        done = train(
            learner,
            lambda index: (
                stream.batch(index).to(context.device),
                np.random.default_rng([context.seed, index]),
            ),
            lambda drawn: learnable(loss(*drawn)),
            figure,
            recipe,
            context,
            tokens=lambda drawn: int(drawn[0].query_lengths.sum()),
            name="meta",
        )
        if at_first <= done.best:
            learner.load_state_dict(first)
        done.curve = ((0, at_first), *done.curve)
        self.trained = Trained(name, learner, done, settings)
        return _notes(done, "trained here")


def _notes(training: Training, weights: str) -> dict[str, Any]:
    return {f"meta-{key}": value for key, value in training.notes().items()} | {"meta-weights": weights}


def learnable(loss: Tensor) -> list[Tensor]:
    """Return the loss in a list, or an empty list: without support there may be nothing to learn."""
    return [loss] if loss.requires_grad else []
