"""Parts of a Transformer: rotary positions, causal short convolution, attention with a kv cache.

rotary      pairs of channels of queries and keys are rotated by angles proportional to their position
            (Su et al. 2021, "RoFormer")
short_conv  (R h)_t = sum_{j < 4} r_j * LN h_{t - j}, a depthwise convolution (So et al. 2021, "Primer:
            Searching for Efficient Transformers for Language Modeling"): attention need not learn first
            which token precedes which
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

KERNEL = 4
"""Tokens that a short convolution mixes: the current one and three before it."""

SLOWEST = 1e4
"""Tokens over which the slowest position channel rotates by one radian (Su et al. 2021)."""

ROOM = 256
"""The keys and values of a stream grow by this many tokens at a time."""

FEW = 20.0
"""Songs over which the slowest song channel rotates by one radian."""


class KV(NamedTuple):
    """Keys and values, each [B, heads, S, width / heads]."""

    keys: Tensor
    values: Tensor

    def appended(self, other: KV) -> KV:
        """Return the keys and values of both, in this order."""
        return KV(*(torch.cat(parts, dim=2) for parts in zip(self, other, strict=True)))


class StreamKV:
    """Keys and values for several songs in lock-step: of tokens that all songs share, and of their own.

    The shared ones are stored once, and a song's own grow in place.

    Args:
        shared: [1, heads, S, size] each; S may be 0, and values may have another size than keys.
        songs: B.
    """

    def __init__(self, shared: KV, songs: int) -> None:
        self.shared = KV(*(part[0] for part in shared))
        self.own = KV(*(part.new_empty(songs, len(part), 0, part.shape[2]) for part in self.shared))
        self.length = 0

    def append(self, kv: KV) -> None:
        """Add one token of each song, [B, heads, 1, size]."""
        if self.length == self.own.keys.shape[2]:
            self.own = KV(*(nn.functional.pad(part, (0, 0, 0, ROOM)) for part in self.own))
        for part, new in zip(self.own, kv, strict=True):
            part[:, :, self.length] = new[:, :, 0]
        self.length += 1

    def attend(self, query: Tensor) -> Tensor:
        """Return the mean of the values [B, heads, 1, size] that queries [B, heads, 1, size] attend to."""
        keys, values = (part[:, :, : self.length] for part in self.own)
        by_head = query[:, :, 0].transpose(0, 1) / math.sqrt(query.shape[-1])
        to_shared = by_head @ self.shared.keys.transpose(1, 2)
        to_own = (by_head.transpose(0, 1)[:, :, None] @ keys.transpose(2, 3))[:, :, 0]
        weights = torch.cat([to_shared.transpose(0, 1), to_own], dim=-1).softmax(-1)
        of_shared, of_own = weights.split([to_shared.shape[-1], self.length], dim=-1)
        found = of_own[:, :, None] @ values
        return found + (of_shared.transpose(0, 1) @ self.shared.values).transpose(0, 1)[:, :, None]


class Rotation(NamedTuple):
    """Cosines and sines of the angles of each pair of channels, each [B, 1, T, size / 2]."""

    cos: Tensor
    sin: Tensor


class Rotary(nn.Module):
    """Angles of rotation for positions.

    A position is (position in the song, index of the song). Some pairs of channels rotate with the one and
    some with the other, so attention sees how far apart two tokens are, and how many songs apart.

    Args:
        size: channels of a head, even.
        song_pairs: number of the size / 2 pairs that rotate with the index of the song.
    """

    def __init__(self, size: int, song_pairs: int = 0) -> None:
        super().__init__()
        self.speeds: Tensor
        position_pairs = size // 2 - song_pairs
        by_position = SLOWEST ** -(torch.arange(position_pairs) / max(position_pairs, 1))
        by_song = FEW ** -(torch.arange(song_pairs) / max(song_pairs - 1, 1))
        speeds = torch.block_diag(by_position[None], by_song[None]) if song_pairs else by_position[None]
        self.register_buffer("speeds", speeds, persistent=False)

    def forward(self, positions: Tensor) -> Rotation:
        """Return the rotation for positions [B, T, 1 or 2]."""
        # A sum of products instead of a matrix product, which autocast would round to 8 bits.
        angles = (positions[..., : len(self.speeds), None] * self.speeds).sum(-2)[:, None]
        return Rotation(angles.cos(), angles.sin())


def apply_rotary(x: Tensor, rotation: Rotation) -> Tensor:
    """Return x [B, heads, T, size] with each pair of channels rotated."""
    one, other = x.chunk(2, dim=-1)
    cos, sin = rotation
    return torch.cat([one * cos - other * sin, one * sin + other * cos], dim=-1).to(x.dtype)


class ShortConv(nn.Module):
    """Layer norm, then each channel mixed with its last few values.

    Args:
        width: channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.mix = nn.Parameter(0.1 * torch.randn(KERNEL, width))
        with torch.no_grad():
            self.mix[0] = 1.0

    def forward(self, x: Tensor, last: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the mixed x [B, T, width], and the last KERNEL - 1 inputs for the next call."""
        normed = self.norm(x)
        if last is None:
            last = normed.new_zeros(len(x), KERNEL - 1, x.shape[2])
        row = torch.cat([last, normed], dim=1)
        mixed = normed * self.mix[0]
        for j in range(1, KERNEL):
            mixed = torch.addcmul(mixed, row[:, KERNEL - 1 - j : -j], self.mix[j])
        return mixed, row[:, 1 - KERNEL :]


class Attention(nn.Module):
    """Multi-head scaled dot-product attention (Vaswani et al. 2017).

    Args:
        width: channels of the tokens.
        heads: number of heads; each has width / heads channels.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def kv(self, x: Tensor, rotation: Rotation) -> KV:
        """Return keys and values of x [B, S, width]."""
        keys, values = (self._split(part) for part in self.key_value(x).chunk(2, dim=-1))
        return KV(apply_rotary(keys, rotation), values)

    def forward(
        self, x: Tensor, kv: KV, rotation: Rotation, mask: Tensor | None = None, causal: bool = False
    ) -> Tensor:
        """Return [B, T, width].

        Args:
            x: [B, T, width], the queries.
            kv: keys and values of S tokens.
            rotation: of the queries.
            mask: bool [..., T, S], true where a query may attend.
            causal: query t attends to tokens up to t; then T = S and there is no mask.
        """
        query = apply_rotary(self._split(self.query(x)), rotation)
        found = nn.functional.scaled_dot_product_attention(query, *kv, mask, is_causal=causal)
        return self.out(found.transpose(1, 2).flatten(2))

    def step(self, x: Tensor, kv: StreamKV, rotation: Rotation) -> Tensor:
        """Return [B, 1, width] for one token of each song x [B, 1, width], which joins `kv`."""
        kv.append(self.kv(x, rotation))
        found = kv.attend(apply_rotary(self._split(self.query(x)), rotation))
        return self.out(found.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
