"""One causal Transformer over support and query in a row: in-context learning.

    row = BOS s_1 BOS s_2 ... BOS s_K BOS q        p(q_t) = softmax(E f(row before q_t) + b)

Large language models learn from a few examples in this way (Brown et al. 2020, "Language Models are Few-Shot
Learners"); this one is trained for it. Each training row holds songs of one artist in random order, and the
loss is on all of them: song n of a row trains n - 1 shots, and every row trains zero shots. The model is
`common/transformer.py`: 4 layers of width 128, 2 heads. Positions restart in each song, and a quarter of each
head's pairs rotate with the index of the song, so that a token can tell its own song from the others.

Muon for the linear layers and AdamW for the rest, 1e-2, warm-up and cosine decay, 2,048 tokens a step or one
row if that is longer. Training stops by the mean of the validation NLL at 0 and at 5 shots.

The support is read once, when the model adapts; each query song attends to its kv cache and to itself. In the
streaming protocol observed songs are appended to the cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from common.constrained import Constrained, constrained
from common.episode_training import train_on_episodes
from common.pieces import half
from common.rows import RowBatches, Rows
from common.text import as_row, shift
from common.transformer import Cache, Transformer, TransformerStream, song_positions
from common.transformer_settings import TransformerSettings
from torch import Tensor

from fsdl_bench import PAD, FitContext, Split, Tokens


@dataclass(eq=False)
class TransformerContext(TransformerSettings):
    """Transformer with the support songs in its context.

    Args:
        tokens: the largest number of tokens in a batch, unless one row is longer.
    """

    tokens: int = 2048

    family: ClassVar[str] = "in context"

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Train on rows of songs."""
        self.codec = context.codec
        rows = RowBatches(train, context, self.tokens)
        model = self.new_model(context)
        done = train_on_episodes(
            model,
            self.adapt,
            rows,
            lambda row: [row_loss(model, row)],
            lambda row: int((row.targets != PAD).sum()),
            rows.per_epoch,
            validation,
            context,
            self.recipe(),
        )
        self.notes: dict[str, Any] = done.notes()

    def adapt(self, support: Sequence[Tokens]) -> Constrained:
        predictor = ContextPredictor(self.model)
        for song in support:
            predictor.observe(song)
        return constrained(predictor, self.codec)


class ContextPredictor:
    """The model after some songs."""

    def __init__(self, model: Transformer) -> None:
        self.model = model
        self.cache: Cache | None = None
        self.count = 0

    @torch.no_grad()
    def observe(self, song: Tokens) -> None:
        """Append a song to the cache."""
        inputs = as_row([song], self.model.device)
        positions = song_positions(inputs.shape[1], self.count, device=inputs.device)
        _, self.cache = self.model.features(inputs, positions, self.cache)
        self.count += 1

    def logits(self, songs: Tensor) -> Tensor:
        positions = song_positions(songs.shape[1], self.count, device=songs.device)
        return self.model.scores(self.model.features(shift(songs), positions, self.cache)[0])

    def stream(self, songs: int = 1) -> TransformerStream:
        return TransformerStream(self.model, self.cache, self.count, songs)


def row_loss(model: Transformer, rows: Rows) -> Tensor:
    """Return nats per token of all songs of some rows."""
    scored = rows.targets != PAD
    with half(rows.inputs.device):
        features, _ = model.features(rows.inputs, rows.positions)
        nats = model.nats(features[scored], rows.targets[scored])
    return nats / scored.sum()
