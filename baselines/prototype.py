"""Prototypical conditioning of the trained `lstm.py`: the mean of the encoded support songs sets the model.

After Snell, Swersky & Zemel 2017, "Prototypical Networks for Few-shot Learning": an artist is the mean of
their songs in a learned space (`common/encoders.py`),

    c = (n_0 c_0 + sum_k e(s_k)) / (n_0 + K)

with a learned prior c_0 that counts as n_0 songs, so that zero shots are natural. c enters the LSTM in three
places (`common/conditioning.py`): its initial state, a scale and a shift of its gates, and a bias of rank 16
on its logits. All three maps are zero at first, so the model starts as the LSTM. Encoder and maps are learnt
from episodes with 0 to 5 support songs; the LSTM stays as it is.

For a given c the model is an LSTM with other weights, and that is how it scores. The songs are encoded in the
order of their tokens, so that the order of the support changes nothing, not even a rounding. In the streaming
protocol an observed song joins the support.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from common.conditioning import Conditioning, conditioned_features
from common.constrained import Constrained, constrained
from common.encoders import SupportEncoder
from common.lstm import LSTMLanguageModel
from common.meta_training import MetaTraining
from common.pieces import half
from common.predictors import LSTMPredictor, LSTMStream
from common.text import shift
from common.trees import repeat_interleaved
from lstm import LSTM
from torch import Tensor, nn

from fsdl_bench import PAD, EpisodeBatch, FitContext, Split, Tokens, pad


@dataclass(eq=False)
class Prototype(MetaTraining, LSTM):
    """LSTM conditioned on the mean of its encoded support songs.

    Args:
        width: of c.
        rank: of the bias of the logits.
    """

    width: int = 128
    rank: int = 16
    meta_peak: float = 1e-4
    meta_batches: int = 400
    meta_every: int = 50
    most_shots: int = 5

    family: ClassVar[str] = "conditioning"
    ignores_support: ClassVar[bool] = False

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Train or reuse the LSTM, then learn to encode on episodes."""
        super().fit(train, validation, context)
        learner = PrototypeLearner(self.model, self.width, self.rank).to(context.device)
        self.learner = learner
        self.notes |= self.meta_train(
            "prototype",
            learner,
            lambda songs: PrototypePredictor(self.model, learner, songs),
            lambda batch, _: learner.loss(self.model, batch),
            train,
            validation,
            context,
        )

    def adapt(self, support: Sequence[Tokens]) -> Constrained:
        return constrained(PrototypePredictor(self.model, self.learner, support), self.codec)

    def parameters(self) -> list[nn.Parameter]:
        return [*self.model.parameters(), *self.learner.parameters()]


class PrototypeLearner(nn.Module):
    """The encoder and the maps.

    Args:
        model: the LSTM; it is not part of the learner.
        width: of c.
        rank: of the bias of the logits.
    """

    def __init__(self, model: LSTMLanguageModel, width: int = 128, rank: int = 16) -> None:
        super().__init__()
        self.encode = SupportEncoder(len(model.bias), width // 2, width)
        self.maps = Conditioning(model, width, rank)

    def loss(self, model: LSTMLanguageModel, batch: EpisodeBatch) -> Tensor:
        """Return nats per token of the query songs of some episodes."""
        count = batch.query.shape[1]
        songs = batch.query.flatten(0, 1)
        scored = songs != PAD
        with half(songs.device):
            c = self.encode(batch.support)
            parts = (self.maps.initial_state(c), self.maps.film(c), self.maps.logit_bias(c))
            state, film, bias = repeat_interleaved(parts, count)
            features, _ = conditioned_features(model, shift(songs), state, film)
            scores = (model.scores(features) + bias[:, None])[scored]
        nats = nn.functional.cross_entropy(scores.to(model.bias.dtype), songs[scored], reduction="sum")
        return nats / batch.query_lengths.sum()


class PrototypePredictor:
    """The LSTM for the mean of some songs.

    Args:
        model: the LSTM.
        learner: encoder and maps.
        songs: the support.
    """

    def __init__(self, model: LSTMLanguageModel, learner: PrototypeLearner, songs: Sequence[Tokens]) -> None:
        self.model, self.learner = model, learner
        self.songs = sorted(songs, key=lambda song: song.tolist())
        self._conditioned: LSTMPredictor | None = None

    @property
    def conditioned(self) -> LSTMPredictor:
        """The LSTM with the weights for c."""
        if self._conditioned is None:
            self._conditioned = self._condition()
        return self._conditioned

    @torch.no_grad()
    def _condition(self) -> LSTMPredictor:
        device = self.model.device
        support = (
            pad(self.songs, device) if self.songs else torch.zeros(0, 0, dtype=torch.int64, device=device)
        )
        c = self.learner.encode(support[None])
        return LSTMPredictor(self.learner.maps.folded(self.model, c), self.learner.maps.initial_state(c))

    def observe(self, song: Tokens) -> None:
        """Add a song to the support."""
        self.songs = sorted([*self.songs, song], key=lambda song: song.tolist())
        self._conditioned = None

    def logits(self, songs: Tensor) -> Tensor:
        return self.conditioned.logits(songs)

    def stream(self, songs: int = 1) -> LSTMStream:
        return self.conditioned.stream(songs)
