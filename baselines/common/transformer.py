"""A causal Transformer language model: pre-norm, rotary positions, tied embeddings, keys and values kept.

    h <- h + A(R h)    h <- h + W_2 gelu(W_1 R h)    p = softmax(E LN h + b)
    (R h)_t = sum_{j < 4} r_j * LN h_{t - j}

A is self-attention (Vaswani et al. 2017, "Attention Is All You Need"; pre-norm: Xiong et al. 2020). R mixes
each channel with its last few values, a depthwise convolution (So et al. 2021, "Primer: Searching for
Efficient Transformers for Language Modeling"), here before both parts of a layer: what follows what need not
first be learnt by attention. Queries and keys of A turn with their place (Su et al. 2021, "RoFormer"): a
place is (position in its song, number of its song), some pairs of each head turn with the one and some with
the other, so attention knows how far apart two tokens stand in their songs, and how many songs apart.

What later tokens need of what was read is handed back, and may be handed in before what follows: a song
token by token, or songs after the support, cost only what is new.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from common.dropout import Dropout
from common.softmax import nats

Pair = tuple[Tensor, Tensor]
"""Keys and values, each [B, heads, S, width / heads]."""

REACH = 4
"""Tokens that R mixes: this one and three before it."""

SLOWEST = 1e4
"""Tokens after which the slowest pair has turned by one radian (Su et al. 2021)."""

FEW = 20.0
"""Songs after which the slowest pair has turned by one radian."""


class Past(NamedTuple):
    """Of one layer, what later tokens need of those that were read.

    Attributes:
        pair: keys and values.
        before_self, before_hidden: what R saw last before either part, [B, REACH - 1, width].
    """

    pair: Pair
    before_self: Tensor
    before_hidden: Tensor

    def for_rows(self, count: int) -> Past:
        """That of one row for many."""
        key, value = (part.expand(count, -1, -1, -1) for part in self.pair)
        return Past(
            (key, value),
            self.before_self.expand(count, -1, -1),
            self.before_hidden.expand(count, -1, -1),
        )


class Recent(nn.Module):
    """R: LN, and each channel mixed with its last few values.

    Args:
        width: channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.mix = nn.Parameter(0.1 * torch.randn(REACH, width))
        with torch.no_grad():
            self.mix[0] = 1.0

    def forward(self, x: Tensor, last: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """x [B, T, width] behind the last [B, REACH - 1, width], to the same and the last of it."""
        normed = self.norm(x)
        if last is None:
            last = normed.new_zeros(len(x), REACH - 1, x.shape[2])
        row = torch.cat([last, normed], dim=1)
        mixed = normed * self.mix[0]
        for j in range(1, REACH):
            mixed = torch.addcmul(mixed, row[:, REACH - 1 - j : -j], self.mix[j])
        return mixed, row[:, 1 - REACH :]


class Rotary(nn.Module):
    """Turns by place.

    Args:
        size: of a head, even.
        song_pairs: how many of its size / 2 pairs turn with the song's number; the others with the position.
    """

    def __init__(self, size: int, song_pairs: int = 0) -> None:
        super().__init__()
        position_pairs = size // 2 - song_pairs
        by_position = SLOWEST ** -(torch.arange(position_pairs) / max(position_pairs, 1))
        by_song = FEW ** -(torch.arange(song_pairs) / max(song_pairs - 1, 1))
        speeds = torch.block_diag(by_position[None], by_song[None]) if song_pairs else by_position[None]
        self.register_buffer("speeds", speeds, persistent=False)

    def forward(self, places: Tensor) -> Pair:
        """Places [B, T, 1 or 2] to the cosines and sines of each pair's angle, [B, 1, T, size / 2]."""
        # A sum of products, not a matrix product, which autocast would round to 8 bits.
        angles = (places[..., : len(self.speeds), None] * self.speeds).sum(-2)[:, None]
        return angles.cos(), angles.sin()


def turned(x: Tensor, turn: Pair) -> Tensor:
    """x [B, heads, T, size], each pair turned by its angle."""
    one, other = x.chunk(2, dim=-1)
    cos, sin = turn
    return torch.cat([one * cos - other * sin, one * sin + other * cos], dim=-1).to(x.dtype)


class Attention(nn.Module):
    """Several heads of scaled dot products.

    Args:
        width: of the tokens' vectors.
        heads: how many; each has width / heads.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def pair(self, x: Tensor, turn: Pair) -> Pair:
        """Keys, turned, and values of x [B, S, width]."""
        key, value = (self._split(part) for part in self.key_value(x).chunk(2, dim=-1))
        return turned(key, turn), value

    def forward(
        self,
        x: Tensor,
        pair: Pair,
        turn: Pair,
        mask: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """What x [B, T, width] finds in keys and values; `mask` [..., T, S] is true where it may look."""
        query = turned(self._split(self.query(x)), turn)
        found = nn.functional.scaled_dot_product_attention(query, *pair, mask, is_causal=causal)
        return self.out(found.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class Block(nn.Module):
    """One layer.

    Args:
        width, heads: of the attention; the hidden layer has 4 width units.
        dropout: on what each part adds.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.before_self, self.attention = Recent(width), Attention(width, heads)
        self.before_hidden = Recent(width)
        self.hidden = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.drop = Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        turn: Pair,
        past: Past | None = None,
        mask: Tensor | None = None,
        causal: bool = False,
    ) -> tuple[Tensor, Past]:
        """x [B, T, width] to the same, and the past of what follows."""
        mixed, last_self = self.before_self(x, past.before_self if past else None)
        key, value = self.attention.pair(mixed, turn)
        if past is not None:
            key, value = torch.cat([past.pair[0], key], dim=2), torch.cat([past.pair[1], value], dim=2)
        x = x + self.drop(self.attention(mixed, (key, value), turn, mask, causal))
        mixed, last_hidden = self.before_hidden(x, past.before_hidden if past else None)
        return x + self.drop(self.hidden(mixed)), Past((key, value), last_self, last_hidden)


class Transformer(nn.Module):
    """p(song) as above.

    Args:
        vocab_size: V.
        width, layers, heads: its size.
        dropout: on the embeddings and on what each part adds, in training only.
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
        self.rotary = Rotary(width // heads, song_pairs)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.drop = Dropout(dropout)
        self.bias = nn.Parameter(torch.zeros(vocab_size))
        nn.init.normal_(self.embed.weight, std=width**-0.5)
        with torch.no_grad():  # so that the sum over layers has the scale of one
            for block in self.blocks:
                block.attention.out.weight /= math.sqrt(2 * layers)
                block.hidden[-1].weight /= math.sqrt(2 * layers)

    def embedded(self, inputs: Tensor) -> Tensor:
        """Ids [B, T] to [B, T, width]."""
        return self.drop(self.embed(inputs) * math.sqrt(self.embed.embedding_dim))

    def features(
        self,
        inputs: Tensor,
        places: Tensor,
        past: Sequence[Past] | None = None,
    ) -> tuple[Tensor, list[Past]]:
        """Read on, each token knowing those before it and all of the past.

        Args:
            inputs: int64 [B, T], what came before each target.
            places: [B or 1, T, 1 or 2], see `Rotary`.
            past: of each layer; of one row for all, or of B.

        Returns:
            Features [B, T, width], and the past of what follows.
        """
        length, read = inputs.shape[1], past[0].pair[0].shape[2] if past else 0
        mask = None
        if read and length > 1:
            mask = torch.ones(length, read + length, dtype=torch.bool, device=inputs.device).tril(read)
        x, turn, pasts = self.embedded(inputs), self.rotary(places), []
        for i, block in enumerate(self.blocks):
            x, after = block(
                x,
                turn,
                past[i].for_rows(len(x)) if past else None,
                mask,
                mask is None and length > 1,
            )
            pasts.append(after)
        return self.norm(x), pasts

    def nats(self, features: Tensor, targets: Tensor) -> Tensor:
        """-log p of targets int64 [N] from features [N, width], all together."""
        return nats(features, targets, self.embed.weight, self.bias)

    def scores(self, features: Tensor) -> Tensor:
        """Features [..., width] to logits [..., V]."""
        return nn.functional.linear(features, self.embed.weight, self.bias)


def places(length: int, song: int = 0, start: int = 0, device: torch.device | None = None) -> Tensor:
    """Of tokens in a row in one song: [1, length, 2], (position, number of the song)."""
    positions = torch.arange(start, start + length, device=device)
    return torch.stack([positions, torch.full_like(positions, song)], dim=-1)[None]


class TransformerStream:
    """One song, token by token, after a past."""

    def __init__(self, model: Transformer, past: Sequence[Past] | None = None, song: int = 0) -> None:
        self.model, self.past, self.song = model, past, song
        self.position = 0

    @torch.no_grad()
    def step(self, token: int) -> Tensor:
        """Scores [V] for the token after this one; BOS comes first."""
        device = self.model.bias.device
        inputs = torch.tensor([[token]], device=device)
        here = places(1, self.song, self.position, device)
        features, self.past = self.model.features(inputs, here, self.past)
        self.position += 1
        return self.model.scores(features[0, 0])
