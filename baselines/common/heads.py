"""The trained LSTM with another output layer: its features, and what a support makes of them.

The LSTM does not learn here, so its features are computed once and without a gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from common.lstm import LSTMLanguageModel, State
from common.meta_training import MetaTraining
from common.pieces import half
from common.predictors import StepFeatures
from common.text import shift
from fsdl_bench import PAD, EpisodeBatch, FitContext, Split, Tokens, pad

Head = Callable[[Tensor, int], Tensor]
"""Features [B, T, D], the position of the first of them -> scores [B, T, V]."""


class Read(NamedTuple):
    """Songs as the LSTM reads them.

    Attributes:
        tokens: int64 [N, T], padded.
        features: [N, T, D], which predict the tokens.
    """

    tokens: Tensor
    features: Tensor

    @property
    def scored(self) -> Tensor:
        """Which tokens are no padding: bool [N, T]."""
        return self.tokens != PAD

    def episodes(self) -> list[Read]:
        """Return the songs of each episode, from tensors [B, N, ...]."""
        return [Read(*parts) for parts in zip(self.tokens, self.features, strict=True)]


@torch.no_grad()
def read(model: LSTMLanguageModel, tokens: Tensor) -> Read:
    """Return songs int64 [..., T] as the model reads them; there may be none."""
    songs = tokens.flatten(0, -2)
    if not songs.numel():
        return Read(tokens, model.bias.new_zeros(*tokens.shape, model.embed.embedding_dim))
    with half(tokens.device):
        features = model.features(shift(songs))[0].to(model.bias.dtype)
    return Read(tokens, features.unflatten(0, tokens.shape[:-1]))


def read_songs(model: LSTMLanguageModel, songs: Sequence[Tokens]) -> Read:
    """Return some songs as the model reads them, at full precision; there may be none."""
    if not songs:
        return read(model, torch.zeros(0, 0, dtype=torch.int64, device=model.device))
    tokens = pad(songs, model.device)
    with torch.no_grad():
        return Read(tokens, model.features(shift(tokens))[0])


class Learner(Protocol):
    """What a model learns from episodes."""

    def nats(self, support: Read, query: Read) -> Tensor:
        """Return the nats of all query songs of one episode: a scalar."""
        ...


def episodes_loss(model: LSTMLanguageModel, learner: Learner, batch: EpisodeBatch) -> Tensor:
    """Return nats per token of the query songs of some episodes."""
    support, query = (read(model, songs).episodes() for songs in (batch.support, batch.query))
    nats = [learner.nats(*pair) for pair in zip(support, query, strict=True)]
    return torch.stack(nats).sum() / batch.query_lengths.sum()


class HeadPredictor:
    """The LSTM with a given output layer.

    Args:
        model: the LSTM.
        head: the output layer.
    """

    def __init__(self, model: LSTMLanguageModel, head: Head) -> None:
        self.model, self.head = model, head

    @torch.no_grad()
    def logits(self, songs: Tensor) -> Tensor:
        return self.head(self.model.features(shift(songs))[0], 0)

    def stream(self, songs: int = 1) -> HeadStream:
        return HeadStream(self.model, self.head)


class HeadStream:
    """Several songs in lock-step."""

    def __init__(self, model: LSTMLanguageModel, head: Head) -> None:
        self.step_features, self.head = StepFeatures(model), head
        self.state: State | None = None
        self.position = 0

    @torch.no_grad()
    def step(self, tokens: Tensor) -> Tensor:
        features, self.state = self.step_features(tokens, self.state)
        self.position += 1
        return self.head(features[:, None], self.position - 1)[:, 0]


class SupportPredictor(HeadPredictor):
    """The LSTM with the output layer for some songs; observed songs join them.

    Args:
        model: the LSTM.
        head_for: songs -> the output layer.
        songs: the support.
    """

    def __init__(
        self, model: LSTMLanguageModel, head_for: Callable[[Sequence[Tokens]], Head], songs: Sequence[Tokens]
    ) -> None:
        self.head_for, self.songs = head_for, list(songs)
        super().__init__(model, head_for(self.songs))

    def observe(self, song: Tokens) -> None:
        """Add a song to the support."""
        self.songs.append(song)
        self.head = self.head_for(self.songs)


@dataclass(eq=False)
class SupportReader(MetaTraining):
    """A submission whose learner reads the support and makes an output layer of it."""

    family: ClassVar[str] = "memory"
    ignores_support: ClassVar[bool] = False

    def learn(
        self,
        name: str,
        model: LSTMLanguageModel,
        learner: Any,
        train: Split,
        validation: Split,
        context: FitContext,
    ) -> dict[str, Any]:
        """Train the learner on episodes, and return the entries of the submission's notes.

        Args:
            name: of the learner.
            model: the trained LSTM, which stays as it is.
            learner: a `Learner` and module, whose `head(support)` is the output layer for some songs.
            train, validation, context: of the fit.
        """
        self.lstm, self.learner = model, learner.to(context.device)
        return self.meta_train(
            name,
            self.learner,
            self.reader,
            lambda batch, _: episodes_loss(self.lstm, self.learner, batch),
            train,
            validation,
            context,
        )

    def reader(self, support: Sequence[Tokens]) -> SupportPredictor:
        """Return the LSTM with the output layer for some songs."""
        return SupportPredictor(
            self.lstm, lambda songs: self.learner.head(read_songs(self.lstm, songs)), support
        )

    def parameters(self) -> list[nn.Parameter]:
        """Return those of the LSTM and of the learner."""
        return [*self.lstm.parameters(), *self.learner.parameters()]
