"""SNAIL: temporal convolutions and causal attention in turn, over a row of songs.

Mishra, Rohaninejad, Chen & Abbeel 2018, "A Simple Neural Attentive Meta-Learner", section 3:

    dense block, dilation d    x -> [x, tanh(F [x_t, x_{t-d}]) * sigmoid(G [x_t, x_{t-d}])]
    TC block                   dense blocks with d = 1, 2, 4, ..., 2^(n-1), then a projection to the width
    attention block            x -> [x, softmax(Q x (K x)' / sqrt(key)) V x], over tokens up to t

Attention, TC, attention, TC, attention, as in the paper's classifier. A TC block with n layers sees 2^n
tokens. Nothing else says where a token is. Not from the paper: each block reads a layer norm of the row and
adds its projected output to it, without which the five blocks hardly train.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from common.attention import KV, StreamKV
from common.softmax import nats
from common.trees import Tree, repeat_rows

Cache = list[Tree]
"""What each block keeps of the tokens so far: `KV`, or the last inputs of each dense block."""


class DenseBlock(nn.Module):
    """A gated causal convolution of two tokens, whose output is appended to its input.

    Args:
        width: channels of the input.
        filters: channels that are appended.
        dilation: d.
    """

    def __init__(self, width: int, filters: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.now = nn.Linear(width, 2 * filters)
        self.before = nn.Linear(width, 2 * filters, bias=False)

    def forward(self, x: Tensor, cache: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the output for x [B, T, width], and the last d inputs."""
        if cache is None:
            cache = x.new_zeros(len(x), self.dilation, x.shape[2])
        row = torch.cat([cache, x], dim=1)
        filtered, gate = (self.now(x) + self.before(row[:, : x.shape[1]])).chunk(2, dim=-1)
        return torch.cat([x, filtered.tanh() * gate.sigmoid()], dim=-1), row[:, -self.dilation :]


class TCBlock(nn.Module):
    """Dense blocks with growing dilations, and a projection back to the width.

    Args:
        width: channels.
        layers: n.
        filters: of each dense block.
    """

    def __init__(self, width: int, layers: int, filters: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DenseBlock(width + i * filters, filters, 2**i) for i in range(layers))
        self.project = nn.Linear(width + layers * filters, width)

    def forward(self, x: Tensor, cache: Sequence[Tensor] | None) -> tuple[Tensor, list[Tensor]]:
        """Return the output for x [B, T, width], and what each layer keeps."""
        kept = []
        for i, layer in enumerate(self.layers):
            x, last = layer(x, cache[i] if cache else None)
            kept.append(last)
        return self.project(x), kept


class AttentionBlock(nn.Module):
    """One head of causal attention, whose output is appended, and a projection back to the width.

    Args:
        width: channels.
        key, value: widths of keys and values.
    """

    def __init__(self, width: int, key: int, value: int) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(width, key), nn.Linear(width, key)
        self.value = nn.Linear(width, value)
        self.project = nn.Linear(width + value, width)

    def forward(self, x: Tensor, cache: KV | None) -> tuple[Tensor, KV]:
        """Return the output for x [B, T, width], and all keys and values."""
        kv = self.kv(x)
        if cache is not None:
            kv = cache.appended(kv)
        length, total = x.shape[1], kv.keys.shape[2]
        mask = None
        if length > 1 and total > length:
            mask = torch.ones(length, total, dtype=torch.bool, device=x.device).tril(total - length)
        found = self.attend(self.query(x)[:, None], kv, mask, causal=length > 1 and mask is None)
        return self.project(torch.cat([x, found[:, 0]], dim=-1)), kv

    def kv(self, x: Tensor) -> KV:
        """Return keys and values of one head, [B, 1, T, size] each."""
        return KV(self.key(x)[:, None], self.value(x)[:, None])

    def attend(self, query: Tensor, kv: KV, mask: Tensor | None, causal: bool) -> Tensor:
        """Return [B, 1, T, value] for queries [B, 1, T, key]."""
        return nn.functional.scaled_dot_product_attention(query, *kv, mask, is_causal=causal)

    def step(self, x: Tensor, kv: StreamKV) -> Tensor:
        """Return the output for one token of each song x [B, 1, width], which joins `kv`."""
        kv.append(self.kv(x))
        found = kv.attend(self.query(x)[:, None])
        return self.project(torch.cat([x, found[:, 0]], dim=-1))


class Snail(nn.Module):
    """The language model: tied embedding, blocks, output layer.

    Args:
        vocab_size: V.
        width: of the embedding and between the blocks.
        layers, filters: of each TC block.
        dropout: probability, before each block in training.
    """

    def __init__(
        self, vocab_size: int, width: int = 128, layers: int = 9, filters: int = 24, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab_size, width)
        self.bias = nn.Parameter(torch.zeros(vocab_size))
        self.blocks = nn.ModuleList(
            [
                AttentionBlock(width, width // 2, width // 4),
                TCBlock(width, layers, filters),
                AttentionBlock(width, width, width // 2),
                TCBlock(width, layers, filters),
                AttentionBlock(width, width, width // 2),
            ]
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in self.blocks)
        self.norm = nn.LayerNorm(width)
        self.drop = nn.Dropout(dropout)
        nn.init.normal_(self.embed.weight, std=width**-0.5)

    @property
    def device(self) -> torch.device:
        return self.bias.device

    def embedded(self, inputs: Tensor) -> Tensor:
        """Return the first block's input [B, T, width] for ids [B, T]."""
        x: Tensor = self.embed(inputs) * math.sqrt(self.embed.embedding_dim)
        return x

    def features(self, inputs: Tensor, cache: Cache | None = None) -> tuple[Tensor, Cache]:
        """Return features [B, T, width] for inputs int64 [B, T], and the cache of all tokens so far.

        Args:
            inputs: the tokens before each target.
            cache: of one row for all rows, or of B rows.
        """
        x, kept = self.embedded(inputs), []
        if cache:
            cache = [for_rows(part, len(inputs)) for part in cache]
        for i, (block, norm) in enumerate(zip(self.blocks, self.norms, strict=True)):
            added, last = block(self.drop(norm(x)), cache[i] if cache else None)
            x = x + added
            kept.append(last)
        return self.norm(x), kept

    def nats(self, features: Tensor, targets: Tensor) -> Tensor:
        """Return the sum of -log p of targets int64 [N] with features [N, width]."""
        return nats(features, targets, self.embed.weight, self.bias)

    def scores(self, features: Tensor) -> Tensor:
        """Return logits [..., V] for features [..., width]."""
        return nn.functional.linear(features, self.embed.weight, self.bias)


def for_rows(cache: Tree, rows: int) -> Tree:
    """Return what a block keeps of one row, or of several, for several rows."""
    return cache if len(cache[0]) == rows else repeat_rows(cache, rows)


class SnailStream:
    """Several songs in lock-step, after a cache that they share.

    Args:
        model: the language model.
        cache: of one row; None if nothing was read.
        songs: B.
    """

    def __init__(self, model: Snail, cache: Cache | None, songs: int) -> None:
        self.model = model
        if cache is None:
            cache = model.features(torch.zeros(1, 0, dtype=torch.int64, device=model.device))[1]
        self.kept = [
            StreamKV(part, songs) if isinstance(part, KV) else for_rows(part, songs) for part in cache
        ]

    @torch.no_grad()
    def step(self, tokens: Tensor) -> Tensor:
        x = self.model.embedded(tokens[:, None])
        for i, (block, norm) in enumerate(zip(self.model.blocks, self.model.norms, strict=True)):
            if isinstance(block, AttentionBlock):
                x = x + block.step(norm(x), self.kept[i])
            else:
                added, self.kept[i] = block(norm(x), self.kept[i])
                x = x + added
        return self.model.scores(self.model.norm(x)[:, 0])
