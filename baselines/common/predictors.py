"""Predict songs with an LSTM language model: all tokens at once, or token by token."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import linear

from common.lstm import LSTMLanguageModel, State
from common.trees import repeat_rows


class LSTMPredictor:
    """A model with fixed weights. Every song starts from the same state.

    Args:
        model: in evaluation mode, or without dropout.
        state: the state of one row; zero if None.
    """

    def __init__(self, model: LSTMLanguageModel, state: State | None = None) -> None:
        self.model, self.state = model, state

    def logits(self, songs: Tensor) -> Tensor:
        return self.model(songs, self.state and repeat_rows(self.state, len(songs)))

    def stream(self, songs: int = 1) -> LSTMStream:
        return LSTMStream(self.model, self.state and repeat_rows(self.state, songs))


class LSTMStream:
    """Several songs in lock-step, from a given state."""

    def __init__(self, model: LSTMLanguageModel, state: State | None = None) -> None:
        self.step_features, self.state = StepFeatures(model), state
        self.model = model

    @torch.no_grad()
    def step(self, tokens: Tensor) -> Tensor:
        features, self.state = self.step_features(tokens, self.state)
        return self.model.scores(features)


class StepFeatures:
    """`LSTMLanguageModel.features` for a single token, as one matrix product a layer.

    `nn.LSTM` rearranges its weights in every call, which costs more than the step itself. Create a new object
    after the weights have changed.
    """

    def __init__(self, model: LSTMLanguageModel) -> None:
        self.model = model
        with torch.no_grad():
            self.layers = [
                (torch.cat([w_ih, w_hh], dim=1), b_ih + b_hh)
                for w_ih, w_hh, b_ih, b_hh in (layer.parameters() for layer in model.lstm)
            ]

    def __call__(self, tokens: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Return features [B, D] and the next state, for tokens int64 [B]."""
        x, last = self.model.embed(tokens), []
        for number, (weight, bias) in enumerate(self.layers):
            if state is None:
                h = c = x.new_zeros(len(x), weight.shape[0] // 4)
            else:
                h, c = state[number]
            i, f, g, o = linear(torch.cat([x, h], dim=1), weight, bias).chunk(4, dim=1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            x = o.sigmoid() * c.tanh()
            last.append((x, c))
        return self.model.project(x), tuple(last)
