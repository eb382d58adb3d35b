"""LSTM language model whose weights are meta-learned so that a few gradient steps on the support adapt them.

    w_0 = theta      w_{k+1} = w_k - alpha u(grad L_k(w_k)), k < n      minimise over theta, alpha: L_Q(w_n)

MAML (Finn, Abbeel & Levine 2017), second order by default. theta starts from the trained weights of
`lstm.py`, because two cores cannot meta-train an LSTM from scratch. alpha is learned, one a tensor or one a
weight (Meta-SGD: Li et al. 2017). u is SGD or Adam. By default all weights are adapted except the recurrent
matrix ("light"), which costs more than the others together: shared by all episodes, it is read only once.
Alternatives are all weights, the layers after the LSTM ("head", as in ANIL: Raghu et al. 2020), or the output
bias.

A support of 5 songs is too long for n whole passes, so songs are cut into pieces of 32 tokens. Each piece
starts from theta's state, treated as a constant as in truncated backpropagation. Pieces are dealt to the
steps in random order, 8 a step: 5 steps are about one pass over 5 songs. The outer loss is on 16 random
pieces of 4 query songs. K is drawn from the track's shots up to 5; zero shots train theta directly. At test
time every piece of the support is used.

Inner loop: SGD, gradients clipped to norm 1, alpha initialised to the best of a few values on validation.
Outer loop: Adam, 3e-4, 4 episodes a batch, clipped to 1, stopped by the mean validation NLL at 0 and 5 shots.
For the first half alpha learns alone. The trained LSTM knows the meta-training songs, so theta may get worse
on other songs from its first step on; validation would then reject what alpha has learned, too.
Afterwards the number of steps and a factor on alpha are chosen on validation at the headline's number of
shots, by doubling and halving as long as it helps; then the number of steps for each number of shots: one
song soon overfits, twenty allow more steps. Zero steps are among the choices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
from common.constrained import Constrained, constrained
from common.few_shot import (
    choose,
    climb,
    few_shot_nll,
    for_shots,
    headline_shots,
    held_out_episodes,
    support_sizes,
)
from common.inner_loop import InnerLoop
from common.lstm import LSTMLanguageModel
from common.maml_learner import MAMLLearner, Plan
from common.meta_training import MetaTraining
from common.predictors import LSTMPredictor, LSTMStream
from lstm import LSTM
from torch import Tensor, nn

from fsdl_bench import EpisodeBatch, FitContext, Split, Tokens

RATES = {"sgd": (0.03, 0.1, 0.3, 1.0), "adam": (1e-4, 3e-4, 1e-3, 3e-3)}
"""Initial values of alpha."""

LONGEST = 8
"""The most steps at test time, as a multiple of those in meta-training."""

MOST = 16.0
"""The largest factor on alpha after meta-training; one over it is the smallest."""


@dataclass(eq=False)
class MAML(MetaTraining, LSTM):
    """LSTM that takes a few meta-learned gradient steps on the support.

    Args:
        inner: the inner optimiser.
        adapted: the weights that it moves: all, light, head or bias.
        per_weight: learn alpha for each weight instead of each tensor.
        second_order: differentiate through the inner gradients.
        checkpointed: save memory at the cost of time, see `InnerLoop`.
        steps, rows, length: inner steps, pieces a step, and tokens a piece.
        speed: see `MAMLLearner`.
        meta_fixed: batches of meta-training before theta learns.
    """

    inner: Literal["sgd", "adam"] = "sgd"
    adapted: Literal["all", "light", "head", "bias"] = "light"
    per_weight: bool = False
    second_order: bool = True
    checkpointed: bool = False
    steps: int = 5
    rows: int = 8
    length: int = 32
    speed: float = 300.0
    meta_fixed: int = 60
    meta_peak: float = 3e-4
    meta_batches: int = 120
    meta_every: int = 20
    meta_patience: int = 6
    most_shots: int = 5

    name: ClassVar[str] = "maml"
    family: ClassVar[str] = "meta-learned"
    ignores_support: ClassVar[bool] = False

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Train or reuse the LSTM, meta-train from there, and choose the plans."""
        super().fit(train, validation, context)
        loop = InnerLoop(self.second_order, clip=1.0, checkpointed=self.checkpointed)
        self.learner = self.new_learner(loop)
        self.model, device = self.learner.model, context.device
        top, sizes = headline_shots(context), support_sizes(context)
        episodes = {k: held_out_episodes(validation, context, k, self.episodes) for k in {0, top, *sizes}}

        def figure(plan: Plan, shots: int = top) -> float:
            return few_shot_nll(
                lambda songs: LSTMPredictor(self.learner.adapted(songs, plan)), episodes[shots], device
            )

        def scale() -> None:
            starts = [Plan(self.steps, rate) for rate in self.rates]
            self.learner.scale(choose(starts, figure, "initial alpha", context.log).factor)

        def resized(plan: Plan) -> list[Plan]:
            longer = min(max(2 * plan.steps, self.steps), LONGEST * self.steps)
            shorter = plan.steps // 2 if plan.steps > self.steps else 0
            return [replace(plan, steps=steps) for steps in (longer, shorter)]

        def around(plan: Plan) -> list[Plan]:
            factors = (factor for factor in (2 * plan.factor, plan.factor / 2) if 1 / MOST <= factor <= MOST)
            return resized(plan) + [replace(plan, factor=factor) for factor in factors]

        def search() -> dict[str, Any]:
            best = climb(Plan(self.steps), around, figure, f"plan at {top} shots", context.log)
            plans = {
                k: climb(best, resized, partial(figure, shots=k), f"steps at {k} shots", context.log)
                for k in sizes
                if k != top
            } | {top: best}
            return {"factor": best.factor} | {f"steps at {k} shots": plan.steps for k, plan in plans.items()}

        self.notes |= self.meta_train(
            self.name,
            self.learner,
            lambda songs: LSTMPredictor(self.learner.adapted(songs, Plan(self.steps))),
            self._loss,
            train,
            validation,
            context,
            scale,
        )
        found = self.trained.choose(search)
        self.plans = {0: Plan(0)} | {k: Plan(found[f"steps at {k} shots"], found["factor"]) for k in sizes}
        self.notes |= found

    @property
    def rates(self) -> Sequence[float]:
        """Initial values of alpha to choose from."""
        return RATES[self.inner]

    def new_learner(self, loop: InnerLoop) -> MAMLLearner:
        """Return the learner before meta-training."""
        return MAMLLearner(
            self.model,
            loop,
            self.inner,
            self.adapted,
            self.per_weight,
            self.rows,
            self.length,
            self.speed,
        )

    def _loss(self, batch: EpisodeBatch, random: np.random.Generator) -> Tensor:
        self.learner.begin_batch(self.meta_fixed)
        return self.outer_loss(batch, random)

    def outer_loss(self, batch: EpisodeBatch, random: np.random.Generator) -> Tensor:
        """Return the loss that meta-training minimises."""
        return self.learner.outer_loss(batch, random, self.steps)

    def adapt(self, support: Sequence[Tokens]) -> Constrained:
        return constrained(MAMLPredictor(self.learner, support, self.plans), self.codec)

    def parameters(self) -> list[nn.Parameter]:
        """Return theta and the learned rates."""
        return list(self.learner.parameters())


class MAMLPredictor:
    """The LSTM with the weights adapted to some songs.

    Args:
        learner: theta and alpha.
        songs: the support.
        plans: by number of shots, including zero.
    """

    def __init__(self, learner: MAMLLearner, songs: Sequence[Tokens], plans: Mapping[int, Plan]) -> None:
        self.learner, self.songs, self.plans = learner, list(songs), plans
        self._model: LSTMLanguageModel | None = self._adapted()

    @property
    def model(self) -> LSTMLanguageModel:
        """The model with w_n."""
        if self._model is None:
            self._model = self._adapted()
        return self._model

    def _adapted(self) -> LSTMLanguageModel:
        return self.learner.adapted(self.songs, for_shots(self.plans, len(self.songs)))

    def observe(self, song: Tokens) -> None:
        """Add a song to the support; the next score adapts theta again."""
        self.songs.append(song)
        self._model = None

    def logits(self, songs: Tensor) -> Tensor:
        return self.model(songs)

    def stream(self, songs: int = 1) -> LSTMStream:
        return LSTMPredictor(self.model).stream(songs)
