"""Few-shot autoregressive density estimation by attention, on the trained `lstm.py`.

(Reed, Chen, Paine, van den Oord, Eslami, Rezende, Vinyals & de Freitas 2018, section 3.1: the decoder attends
to patches of the support.) A patch is a window of 4 tokens of a support song. Its key and its value are
linear in the embeddings of its tokens and in its position in the song:

    z_i = [E s_i, .., E s_{i+3}, position(i)]      k_i = K z_i      v_i = V z_i

At each token the decoder asks with its features f_t and its own position, in H heads, for a mean of the
values of all windows of all support songs, and of one learned value that is all there is without support:

    r_t = sum_i softmax_i(Q [f_t, position(t)] . k_i / sqrt(d)) v_i      o_t = f_t + O tanh(W [f_t, r_t])

p(x_t | x_<t, S) = softmax(E o_t + a). O is zero at first, so the model starts as the LSTM. K, V, Q, W and O
are learnt from episodes with 0 to 20 support songs; the LSTM stays as it is. Windows carry no index of their
song, so the order of the songs does not matter. In the streaming protocol an observed song joins the support.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from common.constrained import Constrained, constrained
from common.heads import Head, Read
from common.lstm import LSTMLanguageModel
from common.pieces import half
from common.support_reader import SupportReader
from lstm import LSTM
from torch import Tensor, nn

from fsdl_bench import PAD, FitContext, Split, Tokens

WINDOW = 4
"""Tokens of a patch."""

SPEEDS = 7
"""Sines and cosines of a position: of position / 4^0, ..., position / 4^6."""


@dataclass(eq=False)
class AttentionAR(SupportReader, LSTM):
    """LSTM that attends to windows of the support songs.

    Args:
        heads: H.
        width: of keys and values, all heads together.
    """

    heads: int = 4
    width: int = 128

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Train or reuse the LSTM, then learn to attend on episodes."""
        super().fit(train, validation, context)
        learner = AttentionLearner(self.model, self.heads, self.width)
        self.notes |= self.learn("attention_ar", self.model, learner, train, validation, context)

    def adapt(self, support: Sequence[Tokens]) -> Constrained:
        return constrained(self.reader(support), self.codec)


class Patches(NamedTuple):
    """Keys and values of M windows and of the learned one, each [H, 1 + M, d]."""

    keys: Tensor
    values: Tensor


class AttentionLearner(nn.Module):
    """The maps above.

    Args:
        model: the LSTM; it is not part of the learner.
        heads: H.
        width: H d.
    """

    def __init__(self, model: LSTMLanguageModel, heads: int = 4, width: int = 128) -> None:
        super().__init__()
        size = model.embed.embedding_dim
        self.embedding: Tensor
        self.bias: Tensor
        self.register_buffer("embedding", model.embed.weight.detach(), persistent=False)
        self.register_buffer("bias", model.bias.detach(), persistent=False)
        self.heads = heads
        self.query = nn.Linear(size + 2 * SPEEDS, width)
        self.key_value = nn.Linear(WINDOW * size + 2 * SPEEDS, 2 * width)
        self.none = nn.Parameter(torch.randn(1, 2 * width) / width**0.5)
        self.hidden = nn.Linear(size + width, width)
        self.out = nn.Linear(width, size, bias=False)
        nn.init.zeros_(self.out.weight)

    def patches(self, support: Read) -> Patches:
        """Return what the decoder attends to."""
        songs, length = support.tokens.shape
        padded = nn.functional.pad(support.tokens, (0, WINDOW - 1), value=PAD)
        vectors = self.embedding[padded] * (padded != PAD)[..., None]
        windows = vectors.unfold(1, WINDOW, 1).transpose(2, 3).flatten(2) if length else vectors.flatten(2)
        places = positions(0, length, self.embedding).expand(songs, -1, -1)
        known = torch.cat([windows, places], dim=-1)[support.scored] if songs else None
        rows = self.none if known is None else torch.cat([self.none, self.key_value(known)])
        return Patches(*(self._split(part) for part in rows.chunk(2, dim=-1)))

    def attention(self, features: Tensor, position: int, patches: Patches) -> Tensor:
        """Return the weights [B, H, T, 1 + M] of the learned value and of the windows."""
        similar = self._queries(features, position) @ patches.keys.transpose(-1, -2)
        return (similar / math.sqrt(patches.keys.shape[-1])).softmax(-1)

    def scores(self, features: Tensor, position: int, patches: Patches) -> Tensor:
        """Return E o_t + a for features [B, T, D]."""
        queries = self._queries(features, position)
        keys, values = (part.to(queries.dtype).expand(len(queries), -1, -1, -1) for part in patches)
        found = nn.functional.scaled_dot_product_attention(queries, keys, values)
        hidden = self.hidden(torch.cat([features, found.transpose(1, 2).flatten(2)], dim=-1)).tanh()
        return nn.functional.linear(features + self.out(hidden), self.embedding, self.bias)

    def head(self, support: Read) -> Head:
        """Return the output layer for some songs."""
        patches = self.patches(support)
        return lambda features, position: self.scores(features, position, patches)

    def nats(self, support: Read, query: Read) -> Tensor:
        """Return the nats of all query songs of one episode: a scalar."""
        with half(query.features.device):
            scores = self.scores(query.features, 0, self.patches(support))[query.scored]
        return nn.functional.cross_entropy(
            scores.to(self.bias.dtype), query.tokens[query.scored], reduction="sum"
        )

    def _queries(self, features: Tensor, position: int) -> Tensor:
        """Return [B, H, T, d]."""
        places = positions(position, features.shape[1], features).expand(len(features), -1, -1)
        return self._split(self.query(torch.cat([features, places], dim=-1)))

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:-1], self.heads, -1).transpose(-2, -3)


def positions(start: int, length: int, like: Tensor) -> Tensor:
    """Return sines and cosines of consecutive positions: [length, 2 SPEEDS], with the dtype of `like`."""
    speeds = 4.0 ** -torch.arange(SPEEDS, device=like.device)
    angles = torch.arange(start, start + length, device=like.device)[:, None] * speeds
    return torch.cat([angles.sin(), angles.cos()], dim=-1).to(like)
