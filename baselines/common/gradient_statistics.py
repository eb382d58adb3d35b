"""Statistics of gradients on the meta-training songs, for the rules of dynamic evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from common.dynamic import Rule, norm, segment_gradients
from common.lstm import LSTMLanguageModel
from common.pieces import song_losses
from common.songs import SongBatches
from common.text import shift
from fsdl_bench import Split, pad


class GradientStatistics(nn.Module):
    """sqrt(MS) of every weight and the usual norm of a gradient, as a module, so that they can ship.

    They are rounded to five significant bits. A scale needs no more, and what ships is what was measured.

    Args:
        model: the LSTM.
        plain: the roots stay 1, for SGD.
    """

    def __init__(self, model: LSTMLanguageModel, plain: bool = False) -> None:
        super().__init__()
        self.plain = plain
        ones = [torch.ones(()) if plain else torch.ones_like(weight) for weight in model.parameters()]
        self.roots = nn.ParameterList(nn.Parameter(one, requires_grad=False) for one in ones)
        self.norm = nn.Parameter(torch.ones(()), requires_grad=False)

    def measure(
        self, model: LSTMLanguageModel, split: Split, batches: SongBatches, segment: int, count: int
    ) -> dict[str, Tensor]:
        """Measure both on meta-training songs, and return them as a `state_dict`."""
        if not self.plain:
            for root, found in zip(
                self.roots, root_mean_squares(model, batches, segment, count), strict=True
            ):
                root.copy_(_rounded(found))
        self.norm.copy_(_rounded(torch.tensor(usual_norm(model, split, segment))))
        return self.state_dict()


def _rounded(values: Tensor) -> Tensor:
    """To five significant bits, and to what half precision can hold."""
    fraction, exponent = torch.frexp(values)
    return torch.ldexp((fraction * 32).round() / 32, exponent).half().float()


def make_rule(roots: Sequence[Tensor], eta: float, decay: float, segment: int, eps: float) -> Rule:
    """Return the RMS rule for sqrt(MS) of every weight. With roots of 1 and eps 0 it is SGD.

    a = 1 / (sqrt(MS) + eps) and b = min(1, lambda R), R = sqrt(MS) / the mean over tensors of each tensor's
    mean of sqrt(MS) (Krause, Kahembwe, Murray & Renals 2018).
    """
    mean = sum(float(root.mean()) for root in roots) / len(roots)
    rates = [1 / (root + eps) for root in roots]
    return Rule(eta, rates, [(decay * root / mean).clamp(max=1.0) for root in roots], segment)


def root_mean_squares(
    model: LSTMLanguageModel, batches: SongBatches, segment: int, count: int
) -> list[Tensor]:
    """Return sqrt(MS): the root of the mean squared gradient over `count` segments of batches of songs."""
    model = model.adaptable()
    losses = song_losses(model, segment)
    weights = list(model.parameters())
    squares = [torch.zeros_like(weight) for weight in weights]
    every = (loss for index in range(batches.per_epoch) for loss in losses(batches(index)))
    done = 0
    for loss in tqdm(islice(every, count), total=count, desc="gradient statistics", unit="segment"):
        for square, gradient in zip(squares, torch.autograd.grad(loss, weights), strict=True):
            square.addcmul_(gradient, gradient)
        done += 1
    return [(square / done).sqrt_() for square in squares]


def usual_norm(model: LSTMLanguageModel, split: Split, segment: int, songs: int = 25) -> float:
    """Return the median norm of the gradient of a segment, over songs spread over a split."""
    model = model.adaptable()
    norms = []
    for index in np.linspace(0, len(split) - 1, songs).round().astype(int).tolist():
        song = pad([split.songs[index].tokens], model.device)
        inputs, state = shift(song), None
        for start in range(0, song.shape[1], segment):
            part = slice(start, start + segment)
            _, gradients, state = segment_gradients(model, inputs[:, part], song[:, part], state, segment)
            norms.append(norm(gradients))
    return float(np.median(norms))
