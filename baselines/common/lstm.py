"""An LSTM language model with tied embeddings.

    e_t = E x_{t-1}      (h_t, c_t) = LSTM(e_t, h_{t-1}, c_{t-1})      f_t = W h_t + b

    p(x_t | x_<t) = softmax(E f_t + a)

x_0 follows BOS, so its scores depend on the initial state only. E is shared between input and output (Press &
Wolf 2017, "Using the Output Embedding to Improve Language Models"). Dropout is applied to the embedding, the
hidden states and the features f, with one mask for all tokens of a row in a piece; and to the recurrent
weights, with one mask for a piece (DropConnect: Merity, Keskar & Socher 2018, "Regularizing and Optimizing
LSTM Language Models").
"""

from __future__ import annotations

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from common.dropout import Dropout
from common.softmax import nats
from common.text import shift

State = tuple[tuple[Tensor, Tensor], ...]
"""(h, c) of each layer, each [B, hidden]."""


class LSTMLanguageModel(nn.Module):
    """The language model above.

    Args:
        vocab_size: V.
        embedding: D, the width of E and of the features.
        hidden: units of each layer.
        layers: number of layers.
        dropout: probability for activations, in training.
        weight_dropout: probability for recurrent weights, in training.
    """

    def __init__(
        self,
        vocab_size: int,
        embedding: int = 192,
        hidden: int = 384,
        layers: int = 1,
        dropout: float = 0.1,
        weight_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab_size, embedding)
        self.drop = Dropout(dropout, locked=True)
        self.drop_weights = Dropout(weight_dropout)
        widths = [embedding, *[hidden] * (layers - 1)]
        self.lstm = nn.ModuleList(nn.LSTM(width, hidden, batch_first=True) for width in widths)
        self.project = nn.Linear(hidden, embedding)
        self.bias = nn.Parameter(torch.zeros(vocab_size))
        nn.init.normal_(self.embed.weight, std=embedding**-0.5)

    @property
    def device(self) -> torch.device:
        return self.bias.device

    def features(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return features [B, T, D] and the last state, for inputs int64 [B, T] that precede each target."""
        x, last = self.embed(inputs), []
        for layer, module in enumerate(self.lstm):
            before = None if state is None else tuple(part[None] for part in state[layer])
            x, (h, c) = self._layer(module, self.drop(x), before)
            last.append((h[0], c[0]))
        return self.drop(self.project(self.drop(x))), tuple(last)

    def _layer(self, module: Any, x: Tensor, state: tuple[Tensor, ...] | None) -> tuple[Tensor, Any]:
        if not (self.training and self.drop_weights.p):
            return module(x, state)
        weight = {"weight_hh_l0": self.drop_weights(module.weight_hh_l0)}
        return functional_call(module, weight, (x, state))

    def nats(self, features: Tensor, targets: Tensor) -> Tensor:
        """Return the sum of -log p of targets int64 [N] with features [N, D]."""
        return nats(features, targets, self.embed.weight, self.bias)

    def scores(self, features: Tensor) -> Tensor:
        """Return logits [..., V] for features [..., D]."""
        return nn.functional.linear(features, self.embed.weight, self.bias)

    def forward(self, songs: Tensor, state: State | None = None) -> Tensor:
        """Return logits [B, T, V] for every token of songs int64 [B, T], each from the tokens before it."""
        return self.scores(self.features(shift(songs), state)[0])

    def adaptable(self) -> LSTMLanguageModel:
        """Return a copy without dropout that can be differentiated on every device."""
        model = copy.deepcopy(self)
        model.drop.p = model.drop_weights.p = 0.0
        for layer in model.lstm.children():
            cast(nn.LSTM, layer).flatten_parameters()
        return model.train()  # cuDNN's LSTM has a backward pass in training mode only
