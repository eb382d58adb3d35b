"""A causal Transformer with a memory: each support song is read alone, and the query attends to all of them.

    M = {keys and values of f(BOS s_k), every layer, k = 1 .. K}      p(q_t) = softmax(E f(BOS q_<t | M) + b)

The support is a set. Each song is encoded alone, its positions restart, and nothing tells which song came
first, so the order of the songs does not matter. A query token attends to the keys and values of all support
songs and to its own song in one softmax. Izacard & Grave 2021 ("Leveraging Passage Retrieval with Generative
Models") and Ratner et al. 2023 ("Parallel Context Windows") encode sources apart and decode them together in
this way; Reed et al. 2018 ("Few-shot Autoregressive Density Estimation") attend to a support for density
estimation. Encoder and decoder are one network, `common/transformer.py` with 4 layers of width 128 and 2
heads: what finds a repetition within a song then finds it in the support too, while a separate
cross-attention would have to learn that again. A quarter of each head's pairs rotate with the index of the
song, 0 for all support songs and 1 for the query, so that a token can tell them apart.

Trained on episodes of 4 query songs, with K drawn from the track's shots; those above 5, which cost most, are
drawn half as often. The loss is on all songs: a support song, which sees no other, trains zero shots. Muon
for the linear layers and AdamW for the rest, 1e-2, warm-up and cosine decay, one episode a step. Training
stops by the mean of the validation NLL at 0 and at 5 shots.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from common.attention import KV
from common.constrained import Constrained, constrained
from common.episode_training import train_on_episodes
from common.pieces import half
from common.text import as_row, shift
from common.transformer import Cache, LayerCache, Transformer, TransformerStream, song_positions
from common.transformer_settings import TransformerSettings
from torch import Tensor, nn

from fsdl_bench import PAD, EpisodeBatch, FitContext, Split, Tokens

GROUP = 8
"""Songs of similar length that go through the layers together: padding costs as much as songs do."""

SUPPORT, QUERY = 0, 1
"""Indices of the songs, see `common.attention.Rotary`."""


@dataclass(eq=False)
class TransformerMemory(TransformerSettings):
    """Transformer that attends to the encoded support songs.

    Args:
        queries: query songs of a training episode.
    """

    queries: int = 4

    family: ClassVar[str] = "memory"

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Train on episodes."""
        self.codec = context.codec
        shots = [k for k in context.shots for _ in range(2 if k <= 5 else 1)]
        stream = context.episodes(train, shots=shots, queries=self.queries, batch_size=1)
        model = self.new_model(context)
        done = train_on_episodes(
            model,
            self.adapt,
            lambda index: stream.batch(index).to(context.device),
            lambda batch: [episodes_loss(model, batch)],
            lambda batch: int(batch.support_lengths.sum() + batch.query_lengths.sum()),
            math.ceil(len(train.songs) / (np.mean(shots) + self.queries)),
            validation,
            context,
            self.recipe(),
        )
        self.notes: dict[str, Any] = done.notes()

    @torch.no_grad()
    def adapt(self, support: Sequence[Tokens]) -> Constrained:
        memory = concatenated([encode(self.model, song) for song in support])
        return constrained(MemoryPredictor(self.model, memory), self.codec)


class MemoryPredictor:
    """The model with some songs in its memory."""

    def __init__(self, model: Transformer, memory: Cache) -> None:
        self.model, self.memory = model, memory

    @torch.no_grad()
    def observe(self, song: Tokens) -> None:
        """Encode a song, and add it to the memory."""
        self.memory = concatenated([self.memory, encode(self.model, song)])

    def logits(self, songs: Tensor) -> Tensor:
        positions = song_positions(songs.shape[1], QUERY, device=songs.device)
        return self.model.scores(self.model.features(shift(songs), positions, self.memory)[0])

    def stream(self, songs: int = 1) -> TransformerStream:
        return TransformerStream(self.model, self.memory, QUERY, songs)


def encode(model: Transformer, song: Tokens) -> Cache:
    """Return the memory of one song."""
    inputs = as_row([song], model.device)
    positions = song_positions(inputs.shape[1], SUPPORT, device=inputs.device)
    return memory_of(model.features(inputs, positions)[1], 0, inputs.shape[1])


def memory_of(cache: Cache, row: int, length: int) -> Cache:
    """Return the keys and values of a song of `length` tokens in one row of a cache.

    The short convolutions of the query start from nothing.
    """
    one = slice(row, row + 1)
    return [
        LayerCache(
            KV(layer.kv.keys[one, :, :length], layer.kv.values[one, :, :length]),
            torch.zeros_like(layer.conv_attention[one]),
            torch.zeros_like(layer.conv_hidden[one]),
        )
        for layer in cache
    ]


def concatenated(memories: Sequence[Cache]) -> Cache:
    """Concatenate the memories of several songs; empty ones are allowed."""
    return [
        layers[0]._replace(
            kv=KV(*(torch.cat(parts, 2) for parts in zip(*(x.kv for x in layers), strict=True)))
        )
        for layers in zip(*(memory for memory in memories if memory), strict=True)
    ]


def episodes_loss(model: Transformer, batch: EpisodeBatch) -> Tensor:
    """Return nats per token of all songs: each support song alone, each query song given its support."""
    nats = torch.zeros((), device=batch.query.device)
    with half(batch.query.device):
        for support, support_lengths, query, query_lengths in zip(
            batch.support, batch.support_lengths, batch.query, batch.query_lengths, strict=True
        ):
            memories, of_support = read(model, support, support_lengths.tolist(), SUPPORT, [])
            _, of_query = read(model, query, query_lengths.tolist(), QUERY, concatenated(memories))
            nats = nats + of_support + of_query
    return nats / (batch.support_lengths.sum() + batch.query_lengths.sum())


def read(
    model: Transformer, songs: Tensor, lengths: Sequence[int], index: int, memory: Cache
) -> tuple[list[Cache], Tensor]:
    """Read songs int64 [N, T], padded, each alone given the memory; return their memories and all nats."""
    encoded: dict[int, Cache] = {}
    nats = torch.zeros((), device=songs.device)
    for group in by_length(lengths):
        longest = max(lengths[i] for i in group)
        targets = nn.functional.pad(songs[group, :longest], (0, 1), value=PAD)
        positions = song_positions(longest + 1, index, device=songs.device)
        features, cache = model.features(shift(targets), positions, memory)
        scored = targets != PAD
        nats = nats + model.nats(features[scored], targets[scored])
        for row, i in enumerate(group):
            encoded[i] = memory_of(cache, row, lengths[i] + 1)
    return [encoded[i] for i in range(len(songs))], nats


def by_length(lengths: Sequence[int]) -> list[list[int]]:
    """Return the indices of the songs in groups of similar length."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    return [order[begin : begin + GROUP] for begin in range(0, len(order), GROUP)]
