"""Dynamic evaluation: score a segment, then update the weights by its gradient.

    theta <- theta - eta a g + b (theta_0 - theta)

g is the gradient of the segment's nats divided by its length; a and b have one value for each weight. The
state of the LSTM is carried from segment to segment and is zero at the start of each song.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from common.few_shot import for_shots
from common.lstm import LSTMLanguageModel, State
from common.pieces import piece_nats
from common.predictors import LSTMStream, StepFeatures
from common.text import shift
from common.trees import detach
from fsdl_bench import PAD, Tokens, pad


@dataclass(frozen=True)
class Rule:
    """One update, tensor by tensor.

    Attributes:
        eta: the learning rate.
        rates: a, for each of the model's tensors: a tensor of its shape, or one number.
        pulls: b, likewise.
        segment: tokens between two updates.
        passes: passes over the support.
        longest: the largest norm of the gradient of one song; of K songs together, times sqrt(K).
    """

    eta: float
    rates: Sequence[Tensor]
    pulls: Sequence[Tensor]
    segment: int
    passes: int = 1
    longest: float = math.inf


class DynamicPredictor:
    """Weights adapted to some songs, which go on learning within each song that they score.

    Args:
        model: theta_0.
        over_support: the rule for the support and for observed songs, by number of songs.
        within_song: the rule within a scored song.
        songs: the support, in any order.
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
        self.weights = self.learner.copy_of_weights()
        if songs:
            self._learn(songs)

    def observe(self, song: Tokens) -> None:
        """Learn from a song; all later songs start from the new weights."""
        self._learn([song])

    def _learn(self, songs: Sequence[Tokens]) -> None:
        self.known += len(songs)
        self.learner.put(self.weights)
        self.learner.learn(pad(songs, self.learner.device), for_shots(self.over_support, self.known))
        self.weights = self.learner.copy_of_weights()

    def logits(self, songs: Tensor) -> Tensor:
        scores = []
        for song in songs:
            self.learner.put(self.weights)
            scores.append(self.learner.score(song, self.within_song))
        return torch.stack(scores)

    def stream(self, songs: int = 1) -> DynamicStream:
        learners = [Learner(self.learner.model, self.learner.origin) for _ in range(songs)]
        for learner in learners:
            learner.put(self.weights)
        return DynamicStream([SongStream(learner, self.within_song) for learner in learners])


class Learner:
    """A copy of the model whose weights change.

    Args:
        model: the initial weights.
        origin: theta_0; the model's own weights if None.
    """

    def __init__(self, model: LSTMLanguageModel, origin: Sequence[Tensor] | None = None) -> None:
        self.model = model.adaptable()
        self.origin = list(model.parameters()) if origin is None else origin
        self.weights: list[Tensor] = list(self.model.parameters())

    @property
    def device(self) -> torch.device:
        return self.model.device

    def copy_of_weights(self) -> list[Tensor]:
        return [weight.detach().clone() for weight in self.weights]

    @torch.no_grad()
    def put(self, weights: Sequence[Tensor]) -> None:
        """Set the weights."""
        torch._foreach_copy_(self.weights, list(weights))

    def learn(self, songs: Tensor, rule: Rule) -> None:
        """Learn from K songs int64 [K, T], padded, side by side."""
        with torch.enable_grad():
            for _ in range(rule.passes):
                for nats in piece_nats(self.model, shift(songs), songs, rule.segment):
                    self._move(torch.autograd.grad(nats / rule.segment, self.weights), rule, len(songs))

    def score(self, song: Tensor, rule: Rule) -> Tensor:
        """Score one song int64 [T] and learn from it. Return logits [T, V], zeros after the song's end."""
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
        """Score one segment int64 [1, n], then learn from it. Return logits [n, V] and the next state."""
        scores, gradients, state = segment_gradients(self.model, inputs, targets, state, rule.segment)
        self._move(gradients, rule)
        return scores, state

    def share(self, gradients: Sequence[Tensor], rule: Rule, songs: int = 1) -> float:
        """Return what is left of a gradient that may be too long."""
        return min(1.0, math.sqrt(songs) * rule.longest / max(norm(gradients), 1e-30))

    @torch.no_grad()
    def _move(self, gradients: Sequence[Tensor], rule: Rule, songs: int = 1) -> None:
        """Update by the summed gradients of one segment of each song."""
        share = self.share(gradients, rule, songs)
        parts = zip(self.weights, self.origin, gradients, rule.rates, rule.pulls, strict=True)
        for weight, origin, gradient, rate, pull in parts:
            weight.lerp_(origin, pull).addcmul_(gradient, rate, value=-share * rule.eta)


class DynamicStream:
    """Several songs in lock-step: with the same weights in the first segment, then each with its own."""

    def __init__(self, songs: Sequence[SongStream]) -> None:
        self.songs, self.position = songs, 0
        self.first = LSTMStream(songs[0].learner.model)

    @torch.no_grad()
    def step(self, tokens: Tensor) -> Tensor:
        each = list(zip(self.songs, tokens[:, None], strict=True))
        self.position += 1
        if self.position > self.songs[0].rule.segment:
            return torch.cat([song.step(token) for song, token in each])
        for song, token in each:
            song.fed.append(token)
        return self.first.step(tokens)


class SongStream:
    """One song after its first segment, token by token. It learns whenever a segment is complete.

    `fed` holds the tokens since the last update: the tokens of the first segment, to begin with.
    """

    def __init__(self, learner: Learner, rule: Rule) -> None:
        self.learner, self.rule = learner, rule
        self.step_features: StepFeatures
        self.fed: list[Tensor] = []
        self.segment_state: State | None = None
        self.state: State | None = None

    def step(self, token: Tensor) -> Tensor:
        """Return logits [1, V] after a token int64 [1]."""
        if int(token) == PAD:  # the song has ended
            return self.learner.model.bias.new_zeros(1, len(self.learner.model.bias))
        self.fed.append(token)
        if len(self.fed) > self.rule.segment:
            row = torch.cat(self.fed)[None]
            _, self.segment_state = self.learner.segment(
                row[:, :-1], row[:, 1:], self.segment_state, self.rule
            )
            self.fed, self.state = [token], self.segment_state
            self.step_features = StepFeatures(self.learner.model)
        features, self.state = self.step_features(token, self.state)
        return self.learner.model.scores(features)


@torch.enable_grad()
def segment_gradients(
    model: LSTMLanguageModel, inputs: Tensor, targets: Tensor, state: State | None, segment: int
) -> tuple[Tensor, Sequence[Tensor], State]:
    """Return logits [n, V] of a segment int64 [1, n], the gradients of nats / segment, and the next state."""
    features, state = model.features(inputs, state)
    scores = model.scores(features[0])
    nats = nn.functional.cross_entropy(scores, targets[0], ignore_index=PAD, reduction="sum")
    gradients = torch.autograd.grad(nats / segment, list(model.parameters()))
    return scores.detach(), gradients, detach(state)


def norm(gradients: Sequence[Tensor]) -> float:
    """Return the norm of all gradients together."""
    return float(torch.stack([gradient.norm() for gradient in gradients]).norm())
