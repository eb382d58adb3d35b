"""A causal Transformer with a memory: each support song read by itself, all of them looked into by the query.

    M = {keys and values of f(BOS s_k), every layer, k = 1 .. K}      p(q_t) = softmax(E f(BOS q_<t | M) + b)

The support is a set. Each song is encoded alone and its positions restart, nothing says which came first, so
permuting the songs changes nothing; a query token attends to all that was kept of them, and to its own song,
in one softmax. Encoders of sources that are read apart and decoded together are those of Izacard and Grave
2021 ("Leveraging Passage Retrieval with Generative Models", fusion in the decoder) and Ratner et al. 2023
("Parallel Context Windows"); for densities from a few examples, Reed et al. 2018 ("Few-shot Autoregressive
Density Estimation"). Encoder and decoder are one network: the causal one of `common/transformer.py`, 4 layers
of 128, 2 heads, dropout 0.1. What finds a repetition within a song then finds it in the support as well,
where cross-attention of its own would have to learn that anew. A quarter of each head's pairs turn with the
number of the song, 0 for all of the support and 1 for the query, by which a token tells the two apart.

Trained on episodes of 4 query songs, with K drawn from the track's shots, those above 5, which cost most,
half as often. The loss is on all songs: a support song, which knows no other, trains zero shots. Muon for the
linear layers and AdamW for the rest, 1e-2, warm-up 200 and cosine decay, an episode a step; stopped by the
mean of the validation NLL at 0 and at 5 shots.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from common.few_shot_transformer import FewShotTransformer
from common.lstm import as_row, shift
from common.songs import half
from common.transformer import Past, Transformer, TransformerStream, places
from torch import Tensor, nn

from fsdl_bench import PAD, EpisodeBatch, FitContext, Split, Tokens

GROUP = 8
"""Songs of like length that go through the layers together: padding costs as much as songs do."""

SUPPORT, QUERY = 0, 1
"""Numbers of the songs, see `common.transformer.Rotary`."""


@dataclass(eq=False)
class TransformerMemory(FewShotTransformer):
    """Transformer that attends to the encoded support songs.

    Args:
        queries: query songs of a training episode; with fewer, as many tokens make more steps.
    """

    queries: int = 4

    family: ClassVar[str] = "memory"

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Train on episodes."""
        shots = [k for k in context.shots for _ in range(2 if k <= 5 else 1)]
        stream = context.episodes(train, shots=shots, queries=self.queries, batch_size=1)
        self.learn(
            lambda index: stream.batch(index).to(context.device),
            episodes_loss,
            lambda batch: int(batch.support_lengths.sum() + batch.query_lengths.sum()),
            math.ceil(len(train.songs) / (np.mean(shots) + self.queries)),
            validation,
            context,
        )

    @torch.no_grad()
    def adapt(self, support: Sequence[Tokens]) -> MemoryPredictor:
        """Encode the support."""
        return MemoryPredictor(self.model, together([encode(self.model, song) for song in support]))


class MemoryPredictor:
    """The model with some songs in its memory."""

    def __init__(self, model: Transformer, memory: list[Past]) -> None:
        self.model, self.memory = model, memory

    @torch.no_grad()
    def observe(self, song: Tokens) -> None:
        """Encode one more song."""
        self.memory = together([self.memory, encode(self.model, song)])

    def logits(self, songs: Tensor) -> Tensor:
        """[B, T] -> [B, T, V]: each song by itself."""
        here = places(songs.shape[1], QUERY, device=songs.device)
        return self.model.scores(self.model.features(shift(songs), here, self.memory)[0])

    def stream(self) -> TransformerStream:
        """Token by token."""
        return TransformerStream(self.model, self.memory, QUERY)


def encode(model: Transformer, song: Tokens) -> list[Past]:
    """What the memory keeps of a song, read by itself."""
    inputs = as_row([song], model.bias.device)
    _, past = model.features(inputs, places(inputs.shape[1], SUPPORT, device=inputs.device))
    return kept(past, 0, inputs.shape[1])


def kept(past: Sequence[Past], row: int, length: int) -> list[Past]:
    """What the memory keeps of a song: keys and values of row `row`, and no last tokens to go on from."""
    return [
        Past(
            (layer.pair[0][row : row + 1, :, :length], layer.pair[1][row : row + 1, :, :length]),
            torch.zeros_like(layer.before_self[row : row + 1]),
            torch.zeros_like(layer.before_hidden[row : row + 1]),
        )
        for layer in past
    ]


def together(songs: Sequence[list[Past]]) -> list[Past]:
    """What is kept of one song, of several or of none, to what is kept of all."""
    return [
        layers[0]._replace(
            pair=tuple(torch.cat(parts, 2) for parts in zip(*(x.pair for x in layers), strict=True))
        )
        for layers in zip(*(song for song in songs if song), strict=True)
    ]


def episodes_loss(model: Transformer, batch: EpisodeBatch) -> Tensor:
    """Mean nats per token of all songs: each of the support by itself, each query beside its support."""
    nats = torch.zeros((), device=batch.query.device)
    with half(batch.query.device):
        for support, support_lengths, query, query_lengths in zip(
            batch.support, batch.support_lengths, batch.query, batch.query_lengths, strict=True
        ):
            memory, cost = read(model, support, support_lengths.tolist(), SUPPORT, [])
            _, more = read(model, query, query_lengths.tolist(), QUERY, together(memory))
            nats = nats + cost + more
    return nats / (batch.support_lengths.sum() + batch.query_lengths.sum())


def read(
    model: Transformer, songs: Tensor, lengths: Sequence[int], number: int, memory: Sequence[Past]
) -> tuple[list[list[Past]], Tensor]:
    """Songs int64 [N, T], padded, each by itself beside the memory, to what is kept of each and all nats."""
    encoded: dict[int, list[Past]] = {}
    nats = torch.zeros((), device=songs.device)
    for group in by_length(lengths):
        longest = max(lengths[i] for i in group)
        targets = nn.functional.pad(songs[group, :longest], (0, 1), value=PAD)
        here = places(longest + 1, number, device=songs.device)
        features, past = model.features(shift(targets), here, memory)
        there = targets != PAD
        nats = nats + model.nats(features[there], targets[there])
        for row, i in enumerate(group):
            encoded[i] = kept(past, row, lengths[i] + 1)
    return [encoded[i] for i in range(len(songs))], nats


def by_length(lengths: Sequence[int]) -> list[list[int]]:
    """The songs' numbers in groups of like length."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    return [order[begin : begin + GROUP] for begin in range(0, len(order), GROUP)]
