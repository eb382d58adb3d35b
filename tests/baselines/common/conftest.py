"""Fixtures for the tests of `baselines/common`."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fsdl_bench import BOS


@pytest.fixture(scope="session")
def common(baseline):
    names = ["averaging", "dropout", "lstm", "pieces", "predictors", "softmax", "songs", "text"]
    names += ["training", "transposition", "trees"]
    return SimpleNamespace(**{name: baseline(f"common.{name}") for name in names})


@pytest.fixture
def model(common):
    torch.manual_seed(0)
    return common.lstm.LSTMLanguageModel(20, embedding=5, hidden=7, layers=2, dropout=0.4).double().eval()


@pytest.fixture
def by_hand():
    """`by_hand(model, song)`: the equations of the LSTM in numpy, as log-probabilities [T, V]."""

    def logs(model, song):
        weights = {name: value.detach().numpy() for name, value in model.named_parameters()}

        def sigmoid(x):
            return 1 / (1 + np.exp(-x))

        h, c = np.zeros((2, 7)), np.zeros((2, 7))
        rows = []
        for token in [BOS, *song[:-1]]:
            x = weights["embed.weight"][token]
            for layer in range(2):
                gates = (
                    weights[f"lstm.{layer}.weight_ih_l0"] @ x
                    + weights[f"lstm.{layer}.bias_ih_l0"]
                    + weights[f"lstm.{layer}.weight_hh_l0"] @ h[layer]
                    + weights[f"lstm.{layer}.bias_hh_l0"]
                )
                i, f, g, o = np.split(gates, 4)
                c[layer] = sigmoid(f) * c[layer] + sigmoid(i) * np.tanh(g)
                h[layer] = sigmoid(o) * np.tanh(c[layer])
                x = h[layer]
            scores = weights["embed.weight"] @ (weights["project.weight"] @ x + weights["project.bias"])
            scores += weights["bias"]
            rows.append(scores - np.log(np.exp(scores).sum()))
        return np.array(rows)

    return logs


@pytest.fixture(scope="session")
def markov_chain():
    """`markov_chain(size, seed, dtype)`: a predictor that is a Markov chain over `size` tokens."""

    class MarkovChain:
        def __init__(self, size, seed, dtype=torch.float64):
            generator = torch.Generator().manual_seed(seed)
            logits = torch.randn(size, size, generator=generator, dtype=torch.float64)
            self.table = logits.mul(2).log_softmax(-1).to(dtype)

        def logits(self, songs):
            before = torch.cat([torch.ones_like(songs[:, :1]), songs[:, :-1]], 1)
            return self.table[before]

        def stream(self, songs=1):
            return self

        def step(self, tokens):
            return self.table[tokens]

    return MarkovChain
