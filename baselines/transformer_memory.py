"""A causal Transformer with a memory: the encoded support songs, looked into while the query song is read.

    m_k = Encoder(s_k)      M = LN({null} + m_1 + ... + m_K)      p(q_t) = softmax(E Decoder(q_<t, M) + b)

An encoder and a decoder (Vaswani et al. 2017, "Attention Is All You Need") where what is translated from is
a set of songs, as in memory networks for few-shot learning (Vinyals et al. 2016, "Matching Networks"; Reed
et al. 2018, "Few-shot Autoregressive Density Estimation"). Each song is encoded by itself, positions
restart and nothing says which song came first, so permuting the support changes nothing. M holds what 32
learned queries find in each song, or, with `slots` = 0, every support token, which costs half as much
again; and one learned null vector, so that zero shots have something to attend to. Layers are those of
`common/transformer.py`: an encoder of 1, which sees each song both ways, and a decoder of 3 with
cross-attention; width 128, 2 heads, dropout 0.1, embedding shared.

Trained on episodes of 4 query songs, artist by artist, with K drawn from the track's shots, zero included and
those above 5, which cost most, half as often; the loss is on the query songs. Muon for the linear layers and
AdamW for the rest, 1e-2, warm-up 200 and cosine decay, 2 episodes a step; stopped by the mean of the
validation NLL at 0 and at 5 shots.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from common import training
from common.few_shot import few_shot_nll, headline_shots, held_out_episodes
from common.lstm import shift
from common.songs import half
from common.transformer import Attention, Block, Pair, Transformer, TransformerStream, places
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from fsdl_bench import PAD, EpisodeBatch, FitContext, Split, Tokens

GROUP = 8
"""Songs of like length that go through the layers together: padding costs as much as songs do."""

QUERIES = 4
"""Query songs of a training episode: what the encoding of its support is shared by."""


@dataclass(eq=False)
class TransformerMemory:
    """Transformer that attends to the encoded support songs.

    Args:
        width, heads: the model's size.
        encoder, layers: layers of the encoder and of the decoder.
        slots: vectors that a support song is pooled to; 0 for one a token.
        dropout: probability, in training.
        peak: highest learning rate.
        decay: weight decay.
        batch: episodes in a batch.
        epochs: as many query songs as that many passes over the meta-training songs have, at most.
        patience: half epochs without a better validation figure after which training stops.
        minutes: wall time after which it stops as well.
        episodes: validation episodes, of each number of shots, that training stops by.
    """

    width: int = 128
    heads: int = 2
    encoder: int = 1
    layers: int = 3
    slots: int = 32
    dropout: float = 0.1
    peak: float = 1e-2
    decay: float = 0.05
    batch: int = 2
    epochs: int = 2
    patience: int = 4
    minutes: float = math.inf
    episodes: int = 24

    family: ClassVar[str] = "memory"

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Train on episodes."""
        self.model = MemoryTransformer(
            context.vocab_size, self.width, self.heads, self.encoder, self.layers, self.slots, self.dropout
        ).to(context.device)
        shots = [k for k in context.shots for _ in range(2 if k <= 5 else 1)]
        stream = context.episodes(train, shots=shots, queries=QUERIES, batch_size=self.batch)
        held_out = [
            held_out_episodes(validation, context, k, self.episodes) for k in (0, headline_shots(context))
        ]
        per_epoch = math.ceil(len(train.songs) / (self.batch * QUERIES))
        recipe = training.Recipe(
            batches=self.epochs * per_epoch,
            peak=self.peak,
            warmup=max(1, min(200, self.epochs * per_epoch // 10)),
            weight_decay=self.decay,
            muon=True,
            every=math.ceil(per_epoch / 2),
            patience=self.patience,
            minutes=self.minutes,
        )
        done = training.train(
            self.model,
            lambda index: stream.batch(index).to(context.device),
            lambda batch: [episodes_loss(self.model, batch)],
            lambda: np.mean([few_shot_nll(self.adapt, some, context.device) for some in held_out]),
            recipe,
            context,
            tokens=lambda batch: int(batch.query_lengths.sum()),
        )
        self.notes = done.notes()

    @torch.no_grad()
    def adapt(self, support: Sequence[Tokens]) -> MemoryPredictor:
        """Encode the support."""
        predictor = MemoryPredictor(self.model)
        for song in support:
            predictor.observe(song)
        return predictor

    def parameters(self) -> list[nn.Parameter]:
        """Of encoder and decoder."""
        return list(self.model.parameters())


class MemoryPredictor:
    """The model with some songs in its memory."""

    def __init__(self, model: MemoryTransformer) -> None:
        self.model = model
        self.memory = model.pairs(model.null)

    @torch.no_grad()
    def observe(self, song: Tokens) -> None:
        """Encode one more song."""
        songs = torch.from_numpy(song.astype("int64"))[None].to(self.model.null.device)
        encoded = self.model.pairs(self.model.encode(songs, [len(song)])[0][None])
        self.memory = [
            tuple(torch.cat(parts, dim=2) for parts in zip(old, new, strict=True))
            for old, new in zip(self.memory, encoded, strict=True)
        ]

    def logits(self, songs: Tensor) -> Tensor:
        """[B, T] -> [B, T, V]: each song by itself."""
        decoder = self.model.decoder
        here = places(songs.shape[1], device=songs.device)
        return decoder.scores(decoder.features(shift(songs), here, memory=self.memory)[0])

    def stream(self) -> TransformerStream:
        """Token by token."""
        return TransformerStream(self.model.decoder, memory=self.memory)


class MemoryTransformer(nn.Module):
    """Encoder and decoder; the arguments are the submission's."""

    def __init__(
        self, vocab_size: int, width: int, heads: int, encoder: int, layers: int, slots: int, dropout: float
    ) -> None:
        super().__init__()
        self.decoder = Transformer(vocab_size, width, layers, heads, dropout, cross=True)
        self.encoder = nn.ModuleList(Block(width, heads, dropout) for _ in range(encoder))
        self.norm = nn.LayerNorm(width)
        self.null = nn.Parameter(torch.randn(1, 1, width))
        self.kept = nn.LayerNorm(width)
        if slots:
            self.slots, self.pool = nn.Parameter(torch.randn(slots, width)), Attention(width, heads)
        self.pooled = bool(slots)

    def encode(self, songs: Tensor, lengths: Sequence[int]) -> list[Tensor]:
        """Songs int64 [N, T], padded, to what the memory keeps of each: [length or slots, width]."""
        kept: dict[int, Tensor] = {}
        for group in by_length(lengths):
            longest = max(lengths[i] for i in group)
            part = songs[group, :longest]
            mask = (part != PAD)[:, None, None]
            x, turn = self.decoder.embedded(part), self.decoder.rotary(places(longest, device=songs.device))
            for block in self.encoder:
                x, _ = block(x, turn, mask=mask)
            x = self.norm(x)
            if self.pooled:
                x = self.pool(self.slots.expand(len(x), -1, -1), self.pool.pair(x), mask=mask)
            for i, row in zip(group, x, strict=True):
                kept[i] = row if self.pooled else row[: lengths[i]]
        return [kept[i] for i in range(len(songs))]

    def pairs(self, memory: Tensor) -> list[Pair]:
        """Memory [B, M, width] to the keys and values of each layer of the decoder.

        Normalised, or else one vector can outgrow the others and draw all attention for good.
        """
        memory = self.kept(memory)
        return [block.cross.pair(memory) for block in self.decoder.blocks]


def episodes_loss(model: MemoryTransformer, batch: EpisodeBatch) -> Tensor:
    """Mean nats per token of the query songs of B episodes."""
    episodes, shots = batch.support.shape[:2]
    with half(batch.query.device):
        songs = model.encode(batch.support.flatten(0, 1), batch.support_lengths.flatten().tolist())
        sets = [
            torch.cat([model.null[0], *(songs[e * shots + k] for k in range(shots))]) for e in range(episodes)
        ]
        memory = model.pairs(pad_sequence(sets, batch_first=True))
        sizes = torch.tensor([len(some) for some in sets], device=batch.query.device)
        known = (torch.arange(int(sizes.max()), device=sizes.device) < sizes[:, None])[:, None, None]
        query, lengths = batch.query.flatten(0, 1), batch.query_lengths.flatten().tolist()
        nats = torch.zeros((), device=query.device)
        for group in by_length(lengths):
            part = query[group, : max(lengths[i] for i in group)]
            episode = [i // batch.query.shape[1] for i in group]
            features, _ = model.decoder.features(
                shift(part),
                places(part.shape[1], device=part.device),
                memory=[(key[episode], value[episode]) for key, value in memory],
                memory_mask=known[episode],
            )
            here = part != PAD
            nats = nats + model.decoder.nats(features[here], part[here])
    return nats / batch.query_lengths.sum()


def by_length(lengths: Sequence[int]) -> list[list[int]]:
    """The songs' numbers in groups of like length."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    return [order[begin : begin + GROUP] for begin in range(0, len(order), GROUP)]
