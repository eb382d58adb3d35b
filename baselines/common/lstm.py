"""An LSTM language model with tied embeddings, and its stream.

    e_t = E x_{t-1}      (h_t, c_t) = LSTM(e_t, h_{t-1}, c_{t-1})      f_t = W h_t + b

    p(x_t | x_<t) = softmax(E f_t + a)

x_0 stands behind BOS, so the first score knows only the state that it starts from. E is shared between input
and output (Press & Wolf 2017, "Using the Output Embedding to Improve Language Models"); dropout stands on the
embedding, the hidden state and the features f, with one mask for all places of a row in a piece.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from common.dropout import Dropout
from common.softmax import nats
from fsdl_bench import BOS, Tokens

State = tuple[Tensor, Tensor]
"""(h, c), each [layers, B, hidden]."""


class LSTMLanguageModel(nn.Module):
    """p(song) as above.

    Args:
        vocab_size: V.
        embedding: D, the width of E and of the features.
        hidden: units of each layer.
        layers: number of layers.
        dropout: probability, in training only.
    """

    def __init__(
        self, vocab_size: int, embedding: int = 192, hidden: int = 384, layers: int = 1, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab_size, embedding)
        self.drop = Dropout(dropout, locked=True)
        self.lstm = nn.LSTM(embedding, hidden, layers, batch_first=True)
        self.project = nn.Linear(hidden, embedding)
        self.bias = nn.Parameter(torch.zeros(vocab_size))
        nn.init.normal_(self.embed.weight, std=embedding**-0.5)

    def features(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Inputs int64 [B, T] (what came before each target) to features [B, T, D] and the last state."""
        hidden, state = self.lstm(self.drop(self.embed(inputs)), state)
        return self.drop(self.project(self.drop(hidden))), state

    def nats(self, features: Tensor, targets: Tensor) -> Tensor:
        """-log p of targets int64 [N] from features [N, D], all together."""
        return nats(features, targets, self.embed.weight, self.bias)

    def scores(self, features: Tensor) -> Tensor:
        """Features [..., D] to logits [..., V]."""
        return nn.functional.linear(features, self.embed.weight, self.bias)

    def forward(self, songs: Tensor, state: State | None = None) -> Tensor:
        """Logits [B, T, V] for every token of songs int64 [B, T], each from the tokens before it."""
        return self.scores(self.features(shift(songs), state)[0])

    def adaptable(self) -> LSTMLanguageModel:
        """A copy without dropout that gradients can be taken of on every device."""
        model = copy.deepcopy(self)
        model.drop.p = 0.0
        model.lstm.flatten_parameters()
        return model.train()  # cuDNN's LSTM has a backward pass in training mode only


def shift(songs: Tensor) -> Tensor:
    """What each token of songs int64 [B, T] is predicted from: BOS, then the song but for its last token."""
    return torch.cat([songs.new_full((len(songs), 1), BOS), songs[:, :-1]], dim=1)


def as_row(songs: Iterable[Tokens], device: torch.device) -> Tensor:
    """Songs in a row, each behind BOS: int64 [1, T]."""
    tokens = [token for song in songs for token in (BOS, *song.tolist())]
    return torch.tensor([tokens], dtype=torch.int64, device=device)


class LSTMPredictor:
    """A model as it stands; every song starts from the same state.

    Args:
        model: in evaluation mode, or without dropout.
        state: of one row; zero unless given.
    """

    def __init__(self, model: LSTMLanguageModel, state: State | None = None) -> None:
        self.model, self.state = model, state

    def logits(self, songs: Tensor) -> Tensor:
        """[B, T] -> [B, T, V]."""
        if self.state is None:
            return self.model(songs)
        hidden, cell = (part.expand(-1, len(songs), -1).contiguous() for part in self.state)
        return self.model(songs, (hidden, cell))

    def stream(self) -> LSTMStream:
        """Token by token."""
        return LSTMStream(self.model, self.state)


class LSTMStream:
    """One song, token by token, from a given state."""

    def __init__(self, model: LSTMLanguageModel, state: State | None = None) -> None:
        self.model, self.state = model, state

    @torch.no_grad()
    def step(self, token: int) -> Tensor:
        """Scores [V] for the token after this one; BOS comes first."""
        inputs = torch.tensor([[token]], device=self.model.bias.device)
        features, self.state = self.model.features(inputs, self.state)
        return self.model.scores(features[0, 0])
