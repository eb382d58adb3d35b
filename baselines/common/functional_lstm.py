"""The LSTM as a function of its weights, for `torch.func.vmap`, which `nn.LSTM` does not support."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import embedding, linear

from common.lstm import State


def lstm_features(weights: Mapping[str, Tensor], inputs: Tensor, state: State) -> Tensor:
    """Return the features [N, T, D] of `LSTMLanguageModel.features`, without dropout.

    Args:
        weights: the model's `named_parameters`.
        inputs: int64 [N, T].
        state: (h, c) of each layer, each [N, hidden].
    """
    x = embedding(inputs, weights["embed.weight"])
    for layer, (h, c) in enumerate(state):
        w_ih, w_hh, b_ih, b_hh = (
            weights[f"lstm.{layer}.{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        rows = []
        for fed in linear(x, w_ih, b_ih + b_hh).unbind(1):
            i, f, g, o = (fed + linear(h, w_hh)).chunk(4, dim=-1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            rows.append(h)
        x = torch.stack(rows, 1)
    return linear(x, weights["project.weight"], weights["project.bias"])
