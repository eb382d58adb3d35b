"""Dynamic evaluation of the trained `lstm.py`: its weights go on learning from what was scored.

Mikolov et al. 2010; Krause, Kahembwe, Murray & Renals 2018, "Dynamic Evaluation of Neural Sequence Models". A
song is scored segment by segment; after each, with g the gradient of the segment's nats,

    sgd   theta <- theta - eta g                     + lambda (theta_0 - theta)
    rms   theta <- theta - eta g / (sqrt(MS) + eps)  + lambda min(R, 1 / lambda) (theta_0 - theta)

theta_0 are the trained weights, MS the mean squared gradient over meta-training batches of the same segment
length, and R = sqrt(MS) / the mean over tensors of each tensor's mean of sqrt(MS): weights that matter little
move far and are held loosely. The state of the LSTM is zero at each song's start and carried between its
segments.

First the support songs are gone through, then every query song from there, learning on within the song. In
`independent` the weights are put back before each query song; in `streaming` they stay where the observed
song has brought them. A segment's scores come from weights that have seen earlier segments only. A gradient
more than twice as long as is usual on meta-training songs is shortened to that: otherwise a rate that is
best on the whole can still lead a single song astray without end.

The support is a set, so its songs are read side by side: the n-th update is by the sum of the gradients of
all their n-th segments, near to what one song after the other would add up to, in no order and in less
time. It is gone through 3 times. And it has an eta of its own, for every number of songs: what is learnt
from it must serve every other song of the artist, what is learnt within a song only the rest of that song,
and the more songs, the longer the sum.

eta and lambda are the best of a grid on validation episodes without support, then the support's etas on
those with as many songs; segments of 50 tokens, eps 2e-5 (the paper: one eta of 5e-5, segments of 5, lambda
0.002, MS from batches of 100).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import ClassVar, Literal, TypeVar

import numpy as np
import torch
from common.few_shot import chosen_for, few_shot_nll, held_out_episodes
from common.lstm import LSTMLanguageModel, State, shift
from common.songs import SongBatches, padded, piece_nats, song_losses
from lstm import LSTM
from torch import Tensor, nn
from tqdm import tqdm

from fsdl_bench import PAD, FitContext, Split, Tokens

EPS = 2e-5
RATES = {"rms": (3e-5, 1e-4, 3e-4, 1e-3), "sgd": (0.03, 0.1, 0.3, 1.0)}
SUPPORT_RATES = {"rms": (0.0, 1e-5, 3e-5, 1e-4, 3e-4), "sgd": (0.0, 0.01, 0.03, 0.1, 0.3)}
DECAYS = (0.0, 0.001, 0.01, 0.03)

Setting = TypeVar("Setting")


@dataclass(frozen=True)
class Rule:
    """One update: theta <- theta - eta rates g + pulls (theta_0 - theta), tensor by tensor.

    Attributes:
        eta: the rate of all.
        rates, pulls: for each of the model's weights a tensor of its shape, or one number.
        segment: tokens between two updates.
        passes: how often songs are gone through.
        longest: gradients are shortened to this norm, times the root of the songs that they are the sum of.
    """

    eta: float
    rates: Sequence[Tensor]
    pulls: Sequence[Tensor]
    segment: int
    passes: int = 1
    longest: float = math.inf


@dataclass(eq=False)
class DynamicEvaluation(LSTM):
    """LSTM whose weights go on learning, over the support and within each query song.

    Args:
        rule: "rms" or "sgd".
        segment: tokens between two updates.
        statistics: meta-training batches that MS is the mean over.
        passes: over the support, and over observed songs.
        rate: eta within a song; chosen on validation unless given.
        pull: lambda; chosen on validation unless given.
        support_rate: eta over the support and observed songs; chosen on validation, for every number of
            shots, unless given.
        episodes: validation episodes, of each number of shots, that these are chosen on.
    """

    rule: Literal["rms", "sgd"] = "rms"
    segment: int = 50
    statistics: int = 500
    passes: int = 3
    rate: float | None = None
    pull: float | None = None
    support_rate: float | None = None
    episodes: int = 16

    family: ClassVar[str] = "test-time training"

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Train the LSTM, or take it; gather the statistics of its gradients and choose the rates."""
        super().fit(train, validation, context)
        self.roots = [torch.ones((), device=context.device) for _ in self.model.parameters()]
        if self.rule == "rms":
            batches = SongBatches(train, self.batch, context.seed, context.device)
            self.roots = root_mean_squares(self.model, batches, self.segment, self.statistics)
        self.longest = 2 * usual_norm(self.model, train, self.segment)
        rates = RATES[self.rule] if self.rate is None else (self.rate,)
        pulls = DECAYS if self.pull is None else (self.pull,)
        firsts = SUPPORT_RATES[self.rule] if self.support_rate is None else (self.support_rate,)
        eps = EPS if self.rule == "rms" else 0.0
        self.over_support: dict[int, Rule] = {}

        def within(setting: tuple[float, float]) -> None:
            rule = make_rule(self.roots, *setting, self.segment, eps)
            self.within_song = replace(rule, longest=self.longest)

        eta, decay = self._best(list(product(rates, pulls)), 0, within, validation, context)
        self.notes |= {"rule": self.rule, "segment": self.segment, "eta": eta, "lambda": decay}
        for shots in sorted({*context.shots} - {0}) or [1]:

            def over(first: float, shots: int = shots) -> None:
                self.over_support[shots] = replace(self.within_song, eta=first, passes=self.passes)

            first = self._best(firsts, shots, over, validation, context)
            self.notes[f"eta of {shots} support songs"] = first

    def _best(
        self,
        settings: Sequence[Setting],
        shots: int,
        take: Callable[[Setting], None],
        validation: Split,
        context: FitContext,
    ) -> Setting:
        """Take, by `take`, the setting with the lowest nats on validation episodes with so many songs."""
        best = settings[0]
        if len(settings) > 1:
            episodes = held_out_episodes(validation, context, shots, self.episodes)
            costs = {}
            for setting in tqdm(settings, desc=f"rates at {shots} shots", unit="setting"):
                take(setting)
                figure = few_shot_nll(self.adapt, episodes, context.device)
                context.log(f"{setting}: {figure:.4f} nats/{context.unit} at {shots} shots")
                costs[setting] = figure if math.isfinite(figure) else math.inf
            best = min(settings, key=costs.__getitem__)
        take(best)
        return best

    def adapt(self, support: Sequence[Tokens]) -> DynamicPredictor:
        """Learn from the support, its songs side by side."""
        return DynamicPredictor(self.model, self.over_support, self.within_song, support)


class DynamicPredictor:
    """Weights that have learnt from some songs, and learn on within each song that they score.

    Args:
        model: where they start.
        over_support: how they learn from the songs, and from those observed, by the number of songs.
        within_song: how they learn within a song that they score.
        songs: in any order.
    """

    def __init__(
        self,
        model: LSTMLanguageModel,
        over_support: Mapping[int, Rule],
        within_song: Rule,
        songs: Sequence[Tokens],
    ) -> None:
        self.over_support, self.within_song = over_support, within_song
        self.learner, self.known = Learner(model), 0
        self.weights = self.learner.copied()
        if songs:
            self._learn(songs)

    def observe(self, song: Tokens) -> None:
        """Learn from a song, and stay there."""
        self._learn([song])

    def _learn(self, songs: Sequence[Tokens]) -> None:
        self.known += len(songs)
        self.learner.put(self.weights)
        self.learner.learn(padded(songs, self.learner.device), chosen_for(self.known, self.over_support))
        self.weights = self.learner.copied()

    def logits(self, songs: Tensor) -> Tensor:
        """[B, T] -> [B, T, V]: every song from the same weights."""
        scores = []
        for song in songs:
            self.learner.put(self.weights)
            scores.append(self.learner.song(song, self.within_song))
        return torch.stack(scores)

    def stream(self) -> DynamicStream:
        """Token by token."""
        learner = Learner(self.learner.model, self.learner.origin)
        learner.put(self.weights)
        return DynamicStream(learner, self.within_song)


class Learner:
    """A copy of the model whose weights move.

    Args:
        model: where they start.
        origin: theta_0; the model's own weights unless given.
    """

    def __init__(self, model: LSTMLanguageModel, origin: Sequence[Tensor] | None = None) -> None:
        self.model = model.adaptable()
        self.origin = list(model.parameters()) if origin is None else origin
        self.weights = list(self.model.parameters())

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.model.bias.device

    def copied(self) -> list[Tensor]:
        """The weights as they stand."""
        return [weight.detach().clone() for weight in self.weights]

    @torch.no_grad()
    def put(self, weights: Sequence[Tensor]) -> None:
        """Set the weights."""
        for weight, value in zip(self.weights, weights, strict=True):
            weight.copy_(value)

    def learn(self, songs: Tensor, rule: Rule) -> None:
        """Learn from K songs int64 [K, T], padded, side by side."""
        with torch.enable_grad():
            for _ in range(rule.passes):
                for nats in piece_nats(self.model, shift(songs), songs, rule.segment):
                    self._move(torch.autograd.grad(nats / rule.segment, self.weights), rule, len(songs))

    def song(self, song: Tensor, rule: Rule) -> Tensor:
        """Score one song int64 [T], padded or not, and learn from it: [T, V], zeros behind its end."""
        inputs, state = shift(song[None]), None
        scores = self.model.bias.new_zeros(len(song), len(self.model.bias))
        length = int((song != PAD).nonzero().max()) + 1
        for start in range(0, length, rule.segment):
            part = slice(start, start + rule.segment)
            scores[part], state = self.segment(inputs[:, part], song[None, part], state, rule)
        return scores

    def segment(
        self, inputs: Tensor, targets: Tensor, state: State | None, rule: Rule
    ) -> tuple[Tensor, State]:
        """Score one segment int64 [1, n], then learn from it: scores [n, V] and the state behind it."""
        scores, gradients, state = segment_gradients(self.model, inputs, targets, state, rule.segment)
        self._move(gradients, rule)
        return scores, state

    @torch.no_grad()
    def _move(self, gradients: Sequence[Tensor], rule: Rule, songs: int = 1) -> None:
        """One update by the gradients of one segment of so many songs, summed."""
        share = min(1.0, math.sqrt(songs) * rule.longest / max(norm(gradients), 1e-30))
        parts = zip(self.weights, self.origin, gradients, rule.rates, rule.pulls, strict=True)
        for weight, origin, gradient, rate, pull in parts:
            weight.lerp_(origin, pull).addcmul_(gradient, rate, value=-share * rule.eta)


class DynamicStream:
    """One song, token by token; learns whenever a segment is complete."""

    def __init__(self, learner: Learner, rule: Rule) -> None:
        self.learner, self.rule = learner, rule
        self.seen: list[int] = []
        self.behind: State | None = None
        self.state: State | None = None

    @torch.no_grad()
    def step(self, token: int) -> Tensor:
        """Scores [V] for the token after this one; BOS comes first."""
        self.seen.append(token)
        if len(self.seen) > self.rule.segment:
            row = torch.tensor([self.seen], device=self.learner.device)
            self.behind = self.learner.segment(row[:, :-1], row[:, 1:], self.behind, self.rule)[1]
            self.seen, self.state = [token], self.behind
        inputs = torch.tensor([[token]], device=self.learner.device)
        features, self.state = self.learner.model.features(inputs, self.state)
        return self.learner.model.scores(features[0, 0])


def make_rule(roots: Sequence[Tensor], eta: float, decay: float, segment: int, eps: float) -> Rule:
    """The update from sqrt(MS) of every weight; with all of them 1 and eps 0 it is SGD."""
    mean = sum(float(root.mean()) for root in roots) / len(roots)
    rates = [1 / (root + eps) for root in roots]
    return Rule(eta, rates, [(decay * root / mean).clamp(max=1.0) for root in roots], segment)


def root_mean_squares(
    model: LSTMLanguageModel, batches: SongBatches, segment: int, count: int
) -> list[Tensor]:
    """sqrt(MS): the root of the mean squared gradient over so many segments of batches of songs."""
    model = model.adaptable()
    losses = song_losses(model, segment)
    weights = list(model.parameters())
    squares = [torch.zeros_like(weight) for weight in weights]
    every = (loss for index in range(batches.per_epoch) for loss in losses(batches(index)))
    done = 0
    for loss in tqdm(islice(every, count), total=count, desc="gradient statistics", unit="segment"):
        for square, gradient in zip(squares, torch.autograd.grad(loss, weights), strict=True):
            square.addcmul_(gradient, gradient)
        done += 1
    return [(square / done).sqrt_() for square in squares]


def usual_norm(model: LSTMLanguageModel, split: Split, segment: int, songs: int = 25) -> float:
    """Median norm of the gradient of a segment, over some songs from all over a split."""
    model = model.adaptable()
    norms = []
    for index in np.linspace(0, len(split) - 1, songs).round().astype(int).tolist():
        song = padded([split.songs[index].tokens], model.bias.device)
        inputs, state = shift(song), None
        for start in range(0, song.shape[1], segment):
            part = slice(start, start + segment)
            _, gradients, state = segment_gradients(model, inputs[:, part], song[:, part], state, segment)
            norms.append(norm(gradients))
    return float(np.median(norms))


@torch.enable_grad()
def segment_gradients(
    model: LSTMLanguageModel, inputs: Tensor, targets: Tensor, state: State | None, segment: int
) -> tuple[Tensor, Sequence[Tensor], State]:
    """Scores [n, V] of one segment int64 [1, n], the gradient of nats / segment, and the state behind it."""
    features, (hidden, cell) = model.features(inputs, state)
    scores = model.scores(features[0])
    nats = nn.functional.cross_entropy(scores, targets[0], ignore_index=PAD, reduction="sum")
    gradients = torch.autograd.grad(nats / segment, list(model.parameters()))
    return scores.detach(), gradients, (hidden.detach(), cell.detach())


def norm(gradients: Sequence[Tensor]) -> float:
    """Over all tensors together."""
    return float(torch.stack([gradient.norm() for gradient in gradients]).norm())
