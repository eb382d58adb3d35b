"""LSTM over the whole episode: support songs, then query songs, in a row, with the state carried across.

The second baseline of the proposal (Larochelle, Finn & Ravi 2017):

    BOS s_1 BOS s_2 ... BOS s_K BOS q_1 ... BOS q_Q

BOS separates the songs and is never a target. The state is zero where the episode starts and is detached only
at the cuts of truncated backpropagation, every 128 tokens. Trained on episodes of K = 0 to the most shots of
the track, songs in random order, loss on every song, so each place in the row is learnt: the first song is a
zero-shot one. Scoring: in `independent` every query song starts from the state after the support; in
`streaming` the song that was observed is read on from there.

Model, optimiser, tokens in a step and number of training songs as in `lstm.py`, but rows are fewer and pieces
longer, so that gradients reach further over the end of a song: 16 episodes, 128 tokens. Early stopping on
validation episodes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from common.lstm import LSTMLanguageModel, LSTMPredictor, as_row
from common.songs import piece_losses, piece_nats, token_count
from common.training import Recipe, train
from torch import Tensor, nn

from fsdl_bench import BOS, PAD, EpisodeBatch, FitContext, Split, Tokens

Sequences = tuple[Tensor, Tensor]
"""Inputs and targets int64 [B, T]; PAD where nothing is to be predicted."""


@dataclass(eq=False)
class LSTMConcat:
    """LSTM over the support songs and the query song in a row.

    Args:
        embedding: width of the tied embedding.
        hidden: units of each layer.
        layers: number of layers.
        dropout: probability, in training.
        peak: highest learning rate.
        decay: weight decay.
        batch: episodes in a batch.
        piece: tokens between two cuts of truncated backpropagation.
        epochs: as many songs as in that many passes over the meta-training songs, at most.
        validations: how often the validation figure is looked at in all these epochs.
        patience: validations without a better figure after which training stops.
        minutes: wall time after which it stops as well.
    """

    embedding: int = 192
    hidden: int = 384
    layers: int = 1
    dropout: float = 0.1
    peak: float = 8e-3
    decay: float = 0.01
    batch: int = 16
    piece: int = 128
    epochs: int = 3
    validations: int = 6
    patience: int = 4
    minutes: float = math.inf

    family: ClassVar[str] = "in context"

    def fit(self, train_split: Split, validation: Split, context: FitContext) -> None:
        """Train on episodes of the meta-training artists."""
        model = LSTMLanguageModel(
            context.vocab_size, self.embedding, self.hidden, self.layers, self.dropout
        ).to(context.device)
        shots = range(max(context.shots) + 1)
        stream = context.episodes(train_split, shots=shots, queries=context.queries, batch_size=self.batch)
        held_out = context.episodes(validation, shots=context.shots, queries=context.queries, batch_size=8)
        figures = [sequences(held_out.batch(index), context.device) for index in range(8)]
        songs_a_batch = self.batch * (max(shots) / 2 + context.queries)
        batches = math.ceil(self.epochs * len(train_split) / songs_a_batch)
        recipe = Recipe(
            batches=batches,
            peak=self.peak,
            weight_decay=self.decay,
            warmup=max(1, min(100, batches // 20)),
            every=math.ceil(batches / self.validations),
            patience=self.patience,
            minutes=self.minutes,
        )
        training = train(
            model,
            lambda index: sequences(stream.batch(index), context.device),
            lambda rows: piece_losses(model, rows[0], rows[1], self.piece),
            lambda: mean_nll(model, figures, self.piece),
            recipe,
            context,
            tokens=lambda rows: token_count(rows[1]),
        )
        self.model = model
        self.notes: dict[str, Any] = training.notes()

    def adapt(self, support: Sequence[Tokens]) -> LSTMConcatPredictor:
        """Read the support."""
        return LSTMConcatPredictor(self.model, support)

    def parameters(self) -> list[nn.Parameter]:
        """Of the model."""
        return list(self.model.parameters())


class LSTMConcatPredictor(LSTMPredictor):
    """The model in the state after some songs."""

    def __init__(self, model: LSTMLanguageModel, songs: Sequence[Tokens]) -> None:
        super().__init__(model)
        for song in songs:
            self.observe(song)

    @torch.no_grad()
    def observe(self, song: Tokens) -> None:
        """Read on."""
        self.state = self.model.features(as_row([song], self.model.bias.device), self.state)[1]


def sequences(batch: EpisodeBatch, device: torch.device) -> Sequences:
    """Each episode as one row: its songs one after the other, each behind BOS; padding at the end only."""
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
    """Nats per token of all songs of some episodes."""
    nats = sum(part.item() for rows in batches for part in piece_nats(model, rows[0], rows[1], piece))
    return nats / sum(token_count(targets) for _, targets in batches)
