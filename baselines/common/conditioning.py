"""Where a context vector c enters the LSTM: initial state, scale and shift of the gates, bias of the logits.

    h_0 = A c,  c_0 = A' c      gates <- (1 + S c) * gates + T c  (FiLM: Perez et al. 2018)      logits <-
    logits + E' (R c)

All maps are zero at first, so the model starts as the unconditioned LSTM.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from common.lstm import LSTMLanguageModel, State


class Film(NamedTuple):
    """Scale and shift of the gates of one layer, each [B, 4 hidden]."""

    scale: Tensor
    shift: Tensor


class Conditioning(nn.Module):
    """The maps from c to what it changes.

    Args:
        model: the LSTM.
        width: of c.
        rank: of the bias of the logits.
    """

    def __init__(self, model: LSTMLanguageModel, width: int, rank: int = 16) -> None:
        super().__init__()
        hidden, layers = model.project.in_features, len(model.lstm)
        self.state = nn.ModuleList(zero_map(width, 2 * hidden) for _ in range(layers))
        self.gates = nn.ModuleList(zero_map(width, 8 * hidden) for _ in range(layers))
        self.rank = nn.Linear(width, rank)
        self.bias = zero_map(rank, len(model.bias))

    def initial_state(self, c: Tensor) -> State:
        """Return the state at the start of a song, for c [B, width]."""
        states = [map_(c).chunk(2, dim=-1) for map_ in self.state]
        return tuple((h, cell) for h, cell in states)

    def film(self, c: Tensor) -> list[Film]:
        """Return scale and shift for each layer."""
        return [Film(*map_(c).chunk(2, dim=-1)) for map_ in self.gates]

    def logit_bias(self, c: Tensor) -> Tensor:
        """Return [B, V]."""
        return self.bias(self.rank(c))

    @torch.no_grad()
    def folded(self, model: LSTMLanguageModel, c: Tensor) -> LSTMLanguageModel:
        """Return a copy of the model whose weights include scale, shift and bias for one c [1, width]."""
        model = copy.deepcopy(model)
        for layer, (scale, shift) in zip(model.lstm, self.film(c), strict=True):
            w_ih, w_hh, b_ih, b_hh = layer.parameters()
            for weight in (w_ih, w_hh):
                weight.mul_(1 + scale[0, :, None])
            b_ih.copy_((1 + scale[0]) * (b_ih + b_hh) + shift[0])
            b_hh.zero_()
        model.bias.add_(self.logit_bias(c)[0])
        return model


def zero_map(width: int, out: int) -> nn.Linear:
    """Return a linear map that is zero at first."""
    layer = nn.Linear(width, out)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def conditioned_features(
    model: LSTMLanguageModel, inputs: Tensor, state: State, film: list[Film]
) -> tuple[Tensor, State]:
    """Return features [B, T, D] and the last state, with scaled and shifted gates.

    Args:
        model: the LSTM; its dropout is applied.
        inputs: int64 [B, T].
        state: (h, c) of each layer.
        film: of each layer.
    """
    x, last = model.embed(inputs), []
    for layer, (h, c), (scale, shift) in zip(model.lstm, state, film, strict=True):
        w_ih, w_hh, b_ih, b_hh = layer.parameters()
        rows = []
        for fed in linear(model.drop(x), w_ih, b_ih + b_hh).unbind(1):
            i, f, g, o = ((1 + scale) * (fed + linear(h, w_hh)) + shift).chunk(4, dim=-1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            rows.append(h)
        x = torch.stack(rows, 1)
        last.append((h, c))
    return model.drop(model.project(model.drop(x))), tuple(last)
