"""A causal Transformer language model: pre-norm, rotary positions, tied embeddings, kv cache.

    h <- h + A(R h)    h <- h + W_2 gelu(W_1 R h)    p = softmax(E LN h + b)

A is self-attention (Vaswani et al. 2017, "Attention Is All You Need"; pre-norm: Xiong et al. 2020), R a short
convolution; both are in `attention.py`.

`features` returns a cache, which can be passed to the next call: songs after the support, or a song token by
token, cost only the new tokens.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from common.attention import KERNEL, KV, Attention, Rotary, Rotation, ShortConv, StreamKV
from common.dropout import Dropout
from common.softmax import nats
from common.trees import repeat_rows


class LayerCache(NamedTuple):
    """What one layer keeps of the tokens so far.

    Attributes:
        kv: keys and values.
        conv_attention, conv_hidden: the last inputs of both short convolutions, [B, KERNEL - 1, width].
    """

    kv: KV
    conv_attention: Tensor
    conv_hidden: Tensor


Cache = list[LayerCache]
"""One `LayerCache` for each layer."""


class Block(nn.Module):
    """One layer.

    Args:
        width, heads: of the attention; the hidden layer has 4 width units.
        dropout: probability, on what each part adds.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.conv_attention, self.attention = ShortConv(width), Attention(width, heads)
        self.conv_hidden = ShortConv(width)
        self.hidden = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.drop = Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        rotation: Rotation,
        cache: LayerCache | None = None,
        mask: Tensor | None = None,
        causal: bool = False,
    ) -> tuple[Tensor, LayerCache]:
        """Return the layer's output for x [B, T, width], and its cache."""
        mixed, last_attention = self.conv_attention(x, cache.conv_attention if cache else None)
        kv = self.attention.kv(mixed, rotation)
        if cache is not None:
            kv = cache.kv.appended(kv)
        x = x + self.drop(self.attention(mixed, kv, rotation, mask, causal))
        mixed, last_hidden = self.conv_hidden(x, cache.conv_hidden if cache else None)
        return x + self.drop(self.hidden(mixed)), LayerCache(kv, last_attention, last_hidden)

    def step(self, x: Tensor, rotation: Rotation, layer: LayerStream) -> Tensor:
        """Return the layer's output for one token of each song x [B, 1, width], without dropout."""
        mixed, layer.conv_attention = self.conv_attention(x, layer.conv_attention)
        x = x + self.attention.step(mixed, layer.kv, rotation)
        mixed, layer.conv_hidden = self.conv_hidden(x, layer.conv_hidden)
        return x + self.hidden(mixed)


class LayerStream:
    """What one layer keeps of several songs in lock-step, after a cache that they share.

    Args:
        cache: of one row.
        songs: B.
    """

    def __init__(self, cache: LayerCache, songs: int) -> None:
        self.kv = StreamKV(cache.kv, songs)
        self.conv_attention, self.conv_hidden = repeat_rows(tuple(cache[1:]), songs)


class Transformer(nn.Module):
    """The language model above.

    Args:
        vocab_size: V.
        width, layers, heads: the model's size.
        dropout: probability, on the embeddings and on what each part adds, in training.
        song_pairs: see `Rotary`.
    """

    def __init__(
        self,
        vocab_size: int,
        width: int = 128,
        layers: int = 4,
        heads: int = 2,
        dropout: float = 0.1,
        song_pairs: int = 0,
    ) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab_size, width)
        self.heads = heads
        self.rotary = Rotary(width // heads, song_pairs)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.drop = Dropout(dropout)
        self.bias = nn.Parameter(torch.zeros(vocab_size))
        nn.init.normal_(self.embed.weight, std=width**-0.5)
        with torch.no_grad():  # so that the sum over layers has the scale of one layer
            for name, weight in self.named_parameters():
                if name.endswith(("attention.out.weight", "hidden.2.weight")):
                    weight.div_(math.sqrt(2 * layers))

    @property
    def device(self) -> torch.device:
        return self.bias.device

    def embedded(self, inputs: Tensor) -> Tensor:
        """Return the first layer's input [B, T, width] for ids [B, T]."""
        return self.drop(self.embed(inputs) * math.sqrt(self.embed.embedding_dim))

    def features(
        self, inputs: Tensor, positions: Tensor, cache: Sequence[LayerCache] | None = None
    ) -> tuple[Tensor, Cache]:
        """Return features [B, T, width] and the new cache. Each token sees those before it and the cache.

        Args:
            inputs: int64 [B, T], the tokens before each target.
            positions: [B or 1, T, 1 or 2], see `Rotary`.
            cache: of one row for all rows, or of B rows.
        """
        length, read = inputs.shape[1], cache[0].kv.keys.shape[2] if cache else 0
        mask = None
        if read and length > 1:
            mask = torch.ones(length, read + length, dtype=torch.bool, device=inputs.device).tril(read)
        x, rotation, new = self.embedded(inputs), self.rotary(positions), []
        for i, block in enumerate(self.blocks):
            layer = _for_rows(cache[i], len(x)) if cache else None
            x, layer = block(x, rotation, layer, mask, mask is None and length > 1)
            new.append(layer)
        return self.norm(x), new

    def no_cache(self) -> Cache:
        """Return the cache of one row that has read nothing."""
        width = self.embed.embedding_dim
        nothing = self.bias.new_zeros(1, self.heads, 0, width // self.heads)
        before = self.bias.new_zeros(1, KERNEL - 1, width)
        return [LayerCache(KV(nothing, nothing), before, before) for _ in self.blocks]

    def nats(self, features: Tensor, targets: Tensor) -> Tensor:
        """Return the sum of -log p of targets int64 [N] with features [N, width]."""
        return nats(features, targets, self.embed.weight, self.bias)

    def scores(self, features: Tensor) -> Tensor:
        """Return logits [..., V] for features [..., width]."""
        return nn.functional.linear(features, self.embed.weight, self.bias)


def _for_rows(cache: LayerCache, rows: int) -> LayerCache:
    return cache if len(cache.kv.keys) == rows else repeat_rows(cache, rows)


def song_positions(length: int, song: int = 0, start: int = 0, device: torch.device | None = None) -> Tensor:
    """Return the positions of consecutive tokens of one song: [1, length, 2]."""
    positions = torch.arange(start, start + length, device=device)
    return torch.stack([positions, torch.full_like(positions, song)], dim=-1)[None]


class TransformerStream:
    """Several songs in lock-step, after a cache that they share.

    Args:
        model: the language model.
        cache: of one row; None if nothing was read.
        song: the index of the songs, see `Rotary`.
        songs: B.
    """

    def __init__(self, model: Transformer, cache: Cache | None, song: int, songs: int) -> None:
        self.model, self.song = model, song
        self.layers = [LayerStream(layer, songs) for layer in cache or model.no_cache()]
        self.position = 0

    @torch.no_grad()
    def step(self, tokens: Tensor) -> Tensor:
        rotation = self.model.rotary(song_positions(1, self.song, self.position, tokens.device))
        x = self.model.embedded(tokens[:, None])
        for block, layer in zip(self.model.blocks, self.layers, strict=True):
            x = cast(Block, block).step(x, rotation, layer)
        self.position += 1
        return self.model.scores(self.model.norm(x)[:, 0])
