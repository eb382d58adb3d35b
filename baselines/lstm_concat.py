"""LSTM over the whole episode: support songs, then query songs, in one row, with the state carried across.

The second baseline of the proposal (Larochelle, Finn & Ravi 2017):

    BOS s_1 BOS s_2 ... BOS s_K BOS q_1 ... BOS q_Q

BOS separates the songs and is never a target. The state is zero at the start of the episode and is detached
only at the cuts of truncated backpropagation, every 128 tokens. The model is trained on episodes with K = 0
up to the track's largest number of shots, songs in random order, with a loss on every song, so every position
in the row is trained; the first song is a zero-shot one. In `independent` every query song starts from the
state after the support; in `streaming` the model goes on reading each observed song.

Architecture and regularisation are those of `lstm.py` for the same size. Rows are fewer and pieces longer, so
that gradients reach across the end of a song: 16 episodes, 128 tokens. Training stops early on validation
episodes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import torch
from common.base import LSTMSettings
from common.constrained import Constrained, constrained
from common.lstm import LSTMLanguageModel
from common.pieces import piece_losses, piece_nats
from common.predictors import LSTMPredictor
from common.sizes import lstm_settings
from common.text import as_row, token_count
from common.training import Recipe, train
from lstm import LSTM
from torch import Tensor, nn

from fsdl_bench import BOS, PAD, EpisodeBatch, FitContext, Split, Tokens

Sequences = tuple[Tensor, Tensor]
"""Inputs and targets int64 [B, T]; a target of PAD is not scored."""


@dataclass(eq=False)
class LSTMConcat(LSTM):
    """LSTM over the support songs and the query song in one row.

    `epochs` counts as many songs as that many passes over the meta-training songs.

    Args:
        episodes_in_batch: episodes in a batch.
        cut: tokens between two cuts of truncated backpropagation.
        validations: number of validations.
        patience: validations without a better figure after which training stops.
    """

    episodes_in_batch: int = 16
    cut: int = 128
    validations: int = 12
    patience: int = 4

    family: ClassVar[str] = "in context"
    ignores_support: ClassVar[bool] = False

    def fit(self, train_split: Split, validation: Split, context: FitContext) -> None:
        """Train on episodes of the meta-training artists."""
        changes = {field.name: getattr(self, field.name) for field in fields(LSTMSettings)}
        self.settings = own = lstm_settings(self.size, context.kind, **changes)
        model = LSTMLanguageModel(
            context.vocab_size, own.embedding, own.hidden, own.layers, own.dropout, own.weight_dropout
        ).to(context.device)
        shots = range(max(context.shots) + 1)
        stream = context.episodes(
            train_split, shots=shots, queries=context.queries, batch_size=self.episodes_in_batch
        )
        held_out = context.episodes(validation, shots=context.shots, queries=context.queries, batch_size=8)
        figures = [sequences(held_out.batch(index), context.device) for index in range(8)]
        songs_in_batch = self.episodes_in_batch * (max(shots) / 2 + context.queries)
        batches = math.ceil(own.epochs * len(train_split) / songs_in_batch)
        recipe = Recipe(
            batches=batches,
            peak=own.peak,
            weight_decay=own.decay,
            warmup=max(1, min(100, batches // 20)),
            average=own.average,
            every=math.ceil(batches / self.validations),
            patience=self.patience,
            minutes=own.minutes,
        )
        training = train(
            model,
            lambda index: sequences(stream.batch(index), context.device),
            lambda rows: piece_losses(model, rows[0], rows[1], self.cut),
            lambda: mean_nll(model, figures, self.cut),
            recipe,
            context,
            tokens=lambda rows: token_count(rows[1]),
        )
        self.model = model
        self.codec = context.codec
        self.notes: dict[str, Any] = {"size": self.size} | training.notes()

    def adapt(self, support: Sequence[Tokens]) -> Constrained:
        return constrained(LSTMConcatPredictor(self.model, support), self.codec)


class LSTMConcatPredictor(LSTMPredictor):
    """The model in the state after some songs."""

    def __init__(self, model: LSTMLanguageModel, songs: Sequence[Tokens]) -> None:
        super().__init__(model)
        for song in songs:
            self.observe(song)

    @torch.no_grad()
    def observe(self, song: Tokens) -> None:
        """Read a song from the current state."""
        self.state = self.model.features(as_row([song], self.model.device), self.state)[1]


def sequences(batch: EpisodeBatch, device: torch.device) -> Sequences:
    """Return each episode as one padded row: its songs one after the other, with BOS before each."""
    rows = []
    for index in range(len(batch.artists)):
        songs = [*_songs(batch.support[index], batch.support_lengths[index])]
        songs += _songs(batch.query[index], batch.query_lengths[index])
        rows.append(as_row(songs, device)[0])
    whole = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)
    targets = whole[:, 1:]
    return whole[:, :-1], targets.masked_fill(targets == BOS, PAD)


def _songs(padded: Tensor, lengths: Tensor) -> Iterator[Tokens]:
    for song, length in zip(padded, lengths.tolist(), strict=True):
        yield song[:length].numpy()


@torch.no_grad()
def mean_nll(model: LSTMLanguageModel, batches: Sequence[Sequences], piece: int) -> float:
    """Return nats per token of all songs of some episodes."""
    nats = sum(part.item() for rows in batches for part in piece_nats(model, rows[0], rows[1], piece))
    return nats / sum(token_count(targets) for _, targets in batches)
