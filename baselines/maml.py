"""LSTM language model whose weights are meta-learned so that a few gradient steps on the support adapt them.

    w_0 = theta      w_{k+1} = w_k - alpha u(grad L_k(w_k)), k < n      minimise over theta, alpha: L_Q(w_n)

MAML (Finn, Abbeel & Levine 2017), second order unless said otherwise; the inner loop is `common/meta.py`. The
learner is the LSTM of `lstm.py`, and theta starts from its trained weights: meta-training then costs what two
cores can give. alpha is learnt too, one a tensor, or one a weight (Meta-SGD: Li et al. 2017). u is SGD or
Adam. Adapted are all weights but the recurrent matrix ("light"), which costs more than the others together:
shared, it is read once for all episodes. Or all of them, or what is behind the LSTM ("head": as in ANIL,
Raghu et al. 2020), or the output bias.

A support of 5 songs is too long to go through n times, so songs are cut into pieces of 32 tokens; the state
that a piece starts from is that of theta, taken for a constant, as in truncated backpropagation. The pieces
are dealt to the steps in a random order, 8 a step, and again from the first when they run out: 5 steps are
about one pass over 5 songs. The outer loss is on 16 random pieces of 4 query songs. K is drawn from the
track's shots up to 5, and zero shots train theta as it is. Scoring uses every piece, and reads each query
song from its beginning.

Inner: SGD, gradients clipped to norm 1, alpha starting from the best of a few on validation. Outer: Adam,
3e-4, 4 episodes a batch, clipped to 1, stopped by the mean of the validation NLL at 0 and 5 shots; after it,
for each number of shots by itself, the number of steps and a factor on alpha that are best on validation: one
song soon leads astray, twenty can be followed further. No step at all is among the choices.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from common import training
from common.few_shot import chosen_for, few_shot_nll, headline_shots, held_out_episodes
from common.lstm import LSTMLanguageModel, LSTMPredictor, LSTMStream, shift
from common.meta import Batch, InnerLoop, Weights, lstm_features
from common.songs import padded
from lstm import LSTM
from torch import Tensor, nn
from torch.func import vmap
from tqdm import tqdm

from fsdl_bench import PAD, EpisodeBatch, FitContext, Split, Tokens

ADAPTED = {
    "all": ("embed.", "lstm.", "project.", "bias"),
    "light": ("embed.", "lstm.weight_ih", "lstm.bias", "project.", "bias"),
    "head": ("project.", "bias"),
    "bias": ("bias",),
}
"""What the names of the adapted weights begin with."""

RATES = {"sgd": (0.03, 0.1, 0.3, 1.0), "adam": (1e-4, 3e-4, 1e-3, 3e-3)}
"""What alpha may start from."""

FACTORS = (0.25, 0.5, 1.0, 2.0)
"""What alpha may be multiplied by after meta-training."""

SPEED = 10.0
"""log alpha is so many times the parameter that is learnt: it has further to go than a weight."""

QUERIES, QUERY_PIECES = 4, 16


@dataclass(frozen=True)
class Plan:
    """How a support is gone through.

    Attributes:
        steps: n, which may be 0; each takes its share of the pieces.
        factor: on alpha.
    """

    steps: int
    factor: float = 1.0


@dataclass(eq=False)
class MAML(LSTM):
    """LSTM that takes a few meta-learned gradient steps on the support.

    Args:
        inner: the inner optimiser.
        adapted: which weights it moves: all, light, head or bias.
        per_weight: learn alpha for each weight, not for each tensor.
        second_order: differentiate through the inner gradients.
        checkpointed: save memory for time, see `InnerLoop`.
        steps, rows, piece: inner steps, pieces a step and tokens a piece.
        meta_peak: highest outer learning rate.
        meta_batch: episodes in a batch.
        meta_batches: at most so many.
        meta_every, meta_patience: batches between validations, and how many may pass without a new best.
        meta_minutes: wall time after which meta-training stops as well.
        episodes: validation episodes, of each number of shots, that all is chosen on.
    """

    inner: Literal["sgd", "adam"] = "sgd"
    adapted: Literal["all", "light", "head", "bias"] = "light"
    per_weight: bool = False
    second_order: bool = True
    checkpointed: bool = False
    steps: int = 5
    rows: int = 8
    piece: int = 32
    meta_peak: float = 3e-4
    meta_batch: int = 4
    meta_batches: int = 200
    meta_every: int = 40
    meta_patience: int = 5
    meta_minutes: float = math.inf
    episodes: int = 16

    family: ClassVar[str] = "meta-learned"

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Train the LSTM, or take it; meta-train from there; choose the plan."""
        super().fit(train, validation, context)
        loop = InnerLoop(self.inner, self.second_order, clip=1.0, checkpointed=self.checkpointed)
        self.learner = Learner(self.model, loop, self.adapted, self.per_weight, self.rows, self.piece)
        self.model, device = self.learner.model, context.device
        top = headline_shots(context)
        counts = {0, top, *context.shots}
        episodes = {k: held_out_episodes(validation, context, k, self.episodes) for k in counts}

        def figure(plan: Plan, shots: int = top) -> float:
            return few_shot_nll(
                lambda songs: LSTMPredictor(self.learner.adapted(songs, plan)), episodes[shots], device
            )

        self.learner.scale(min((Plan(self.steps, rate) for rate in RATES[self.inner]), key=figure).factor)
        shots = [k for k in context.shots if k <= top]
        stream = context.episodes(train, shots=shots, queries=QUERIES, batch_size=self.meta_batch)
        recipe = training.Recipe(
            batches=self.meta_batches,
            peak=self.meta_peak,
            warmup=20,
            weight_decay=0.0,
            every=self.meta_every,
            patience=self.meta_patience,
            minutes=self.meta_minutes,
        )
        done = training.train(
            self.learner,
            lambda index: (stream.batch(index).to(device), np.random.default_rng([context.seed, index])),
            lambda drawn: [self.learner.outer_loss(*drawn, self.steps)],
            lambda: (figure(Plan(0), 0) + figure(Plan(self.steps))) / 2,
            recipe,
            context,
            tokens=lambda drawn: int(drawn[0].query_lengths.sum()),
            name="meta",
        )
        plans = [Plan(0), *(Plan(n * self.steps, factor) for n in (1, 2) for factor in FACTORS)]
        self.plans = {0: Plan(0)}
        for shots in tqdm(sorted({*context.shots} - {0}), desc="plans", unit="number of shots"):
            self.plans[shots] = min(plans, key=lambda plan, shots=shots: figure(plan, shots))
        self.notes |= {f"meta-{key}": value for key, value in done.notes().items()}
        self.notes |= {
            f"at {shots} shots": f"{plan.steps} steps, alpha times {plan.factor:g}"
            for shots, plan in self.plans.items()
        }

    def adapt(self, support: Sequence[Tokens]) -> MAMLPredictor:
        """Take the inner steps."""
        return MAMLPredictor(self.learner, support, self.plans)

    def parameters(self) -> list[nn.Parameter]:
        """theta and the learnt rates."""
        return list(self.learner.parameters())


class MAMLPredictor:
    """The LSTM with the weights that some songs led to.

    Args:
        learner: theta and alpha.
        songs: the support.
        plans: by number of shots, zero among them.
    """

    def __init__(self, learner: Learner, songs: Sequence[Tokens], plans: Mapping[int, Plan]) -> None:
        self.learner, self.songs, self.plans = learner, list(songs), plans
        self._model: LSTMLanguageModel | None = self._adapted()

    @property
    def model(self) -> LSTMLanguageModel:
        """With w_n."""
        if self._model is None:
            self._model = self._adapted()
        return self._model

    def _adapted(self) -> LSTMLanguageModel:
        return self.learner.adapted(self.songs, chosen_for(len(self.songs), self.plans))

    def observe(self, song: Tokens) -> None:
        """In the streaming protocol a query song joins the support; the next score adapts theta anew."""
        self.songs.append(song)
        self._model = None

    def logits(self, songs: Tensor) -> Tensor:
        """[B, T] -> [B, T, V]."""
        return self.model(songs)

    def stream(self) -> LSTMStream:
        """Token by token."""
        return LSTMStream(self.model)


class Learner(nn.Module):
    """theta and alpha, the loss of pieces of songs, and the weights that songs lead to.

    Args:
        model: theta to start from.
        loop: the inner loop.
        adapted: a key of `ADAPTED`.
        per_weight: whether alpha has the shape of the weights.
        rows, piece: see `MAML`.
    """

    def __init__(
        self,
        model: LSTMLanguageModel,
        loop: InnerLoop,
        adapted: str = "light",
        per_weight: bool = False,
        rows: int = 8,
        piece: int = 32,
    ) -> None:
        super().__init__()
        self.model, self.loop, self.rows, self.piece = model.adaptable(), loop, rows, piece
        weights = dict(self.model.named_parameters())
        self.names = [name for name in weights if name.startswith(ADAPTED[adapted])]
        self.log_rates = nn.ParameterList(
            torch.zeros_like(weights[name] if per_weight else weights[name].sum()) for name in self.names
        )

    @torch.no_grad()
    def scale(self, factor: float) -> None:
        """Multiply alpha, which is 1 at first."""
        for log in self.log_rates:
            log += math.log(factor) / SPEED

    def loss(self, weights: Weights, pieces: Batch) -> Tensor:
        """Mean nats per token of one episode's pieces, given its weights; what is not adapted is theta's."""
        inputs, targets, h, c = pieces
        weights = dict(self.model.named_parameters()) | weights
        features = lstm_features(weights, inputs, (h.transpose(0, 1), c.transpose(0, 1)))
        scores = nn.functional.linear(features, weights["embed.weight"], weights["bias"])
        nats = nn.functional.cross_entropy(
            scores.flatten(0, 1), targets.flatten(), ignore_index=PAD, reduction="sum"
        )
        return nats / (targets != PAD).sum()

    def outer_loss(self, batch: EpisodeBatch, random: np.random.Generator, steps: int) -> Tensor:
        """L_Q(w_n), the mean over B episodes."""
        query = dealt(self.cut(batch.query), QUERY_PIECES, random)
        if not batch.support.shape[1]:
            return vmap(self.loss, in_dims=(None, 0))({}, query).mean()
        return vmap(self.loss)(self._found(batch.support, Plan(steps), self.rows, random), query).mean()

    @torch.no_grad()
    def adapted(self, songs: Sequence[Tokens], plan: Plan) -> LSTMLanguageModel:
        """A copy of the model with w_n of one episode, every piece of its support used."""
        model = copy.deepcopy(self.model).eval()
        if songs and plan.steps:
            pieces = sum(math.ceil(len(song) / self.piece) for song in songs)
            rows = max(self.rows, math.ceil(pieces / plan.steps))
            support = padded(songs, model.bias.device)[None]
            found = self._found(support, plan, rows, np.random.default_rng(0))
            model.load_state_dict({name: weight[0] for name, weight in found.items()}, strict=False)
        return model

    def _found(self, support: Tensor, plan: Plan, rows: int, random: np.random.Generator) -> Weights:
        """w_n [B, ...] of supports [B, K, T]."""
        pieces = dealt(self.cut(support), plan.steps * rows, random)
        steps = list(zip(*(part.split(rows, dim=1) for part in pieces), strict=True))
        weights = dict(self.model.named_parameters())
        rates = (plan.factor * (SPEED * log).exp() for log in self.log_rates)
        return self.loop.run(
            self.loss,
            {name: weights[name] for name in self.names},
            dict(zip(self.names, rates, strict=True)),
            steps,
        )

    @torch.no_grad()
    def cut(self, songs: Tensor) -> list[Batch]:
        """Songs [B, K, T] to each episode's pieces.

        Inputs and targets [P, piece], and theta's h and c [P, layers, H] before them.
        """
        episodes, _, length = songs.shape
        targets = nn.functional.pad(songs.flatten(0, 1), (0, -length % self.piece), value=PAD)
        lstm, inputs = self.model.lstm, shift(targets).split(self.piece, dim=1)
        zero = self.model.bias.new_zeros(lstm.num_layers, len(targets), lstm.hidden_size)
        states = [(zero, zero)]
        for part in inputs[:-1]:
            states.append(self.model.features(part, states[-1])[1])
        h, c = (
            torch.stack([state.transpose(0, 1) for state in part], 1) for part in zip(*states, strict=True)
        )
        parts = (torch.stack(inputs, 1), targets.unflatten(1, (-1, self.piece)), h, c)
        by_episode = zip(*(part.unflatten(0, (episodes, -1)).flatten(1, 2) for part in parts), strict=True)
        return [tuple(part[own[1][:, 0] != PAD] for part in own) for own in by_episode]


def dealt(pieces: Sequence[Batch], count: int, random: np.random.Generator) -> Batch:
    """`count` pieces of each of B episodes, in random order, none again before all have come."""
    drawn = []
    for own in pieces:
        order = np.resize(random.permutation(len(own[0])), count)
        drawn.append([part[order] for part in own])
    return tuple(torch.stack(parts) for parts in zip(*drawn, strict=True))
