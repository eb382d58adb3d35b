"""Meta-training with `baselines/common/inner_loop.py` against a plain loop over the episodes with `higher`.

    pip install higher
    python benchmarks/meta_training.py [--episodes 4] [--adapted light] [--threads 2] [--runs 5]

The same LSTM, written out of linear maps on both sides (the fused one cannot be differentiated twice), the
same inner SGD steps, the same batch of episodes of random tokens, second order; the outer gradients of both
are compared. Sides run in turn; figures are medians of the runs.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import higher
import torch
from torch import Tensor, nn
from torch.func import vmap

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "baselines"))

from common.functional_lstm import lstm_features
from common.inner_loop import InnerLoop
from common.lstm import LSTMLanguageModel
from common.maml_learner import ADAPTED, is_adapted
from common.update_rules import SGD

TARGET = 2.0
RATE = 0.1


class Plain(nn.Module):
    """The LSTM language model as one would write it for `higher`."""

    def __init__(self, model: LSTMLanguageModel) -> None:
        super().__init__()
        self.embed, self.lstm, self.project, self.bias = model.embed, model.lstm, model.project, model.bias

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits [N, T, V] for inputs int64 [N, T]."""
        features = lstm_features(dict(self.named_parameters()), inputs, zero_state(self, len(inputs)))
        return nn.functional.linear(features, self.embed.weight, self.bias)


def zero_state(model: Any, rows: int) -> Any:
    """The state at the start of a song."""
    zero = model.bias.new_zeros(rows, model.project.in_features)
    return ((zero, zero),) * len(model.lstm)


def nats(scores: Tensor, targets: Tensor) -> Tensor:
    """Mean nats per token."""
    return nn.functional.cross_entropy(scores.flatten(0, 1), targets.flatten())


def loop_with_higher(model: LSTMLanguageModel, names: list[str], data: Any) -> None:
    """Outer gradients into `model`, one episode after the other."""
    plain = Plain(model)
    every = dict(plain.named_parameters())
    support, query = data
    for episode in range(len(query[0])):
        optimiser = torch.optim.SGD([every[name] for name in names], lr=RATE)
        with higher.innerloop_ctx(plain, optimiser, copy_initial_weights=False) as (learner, inner):
            for inputs, targets in support:
                inner.step(nats(learner(inputs[episode]), targets[episode]))
            (nats(learner(query[0][episode]), query[1][episode]) / len(query[0])).backward()


def episodes_together(model: LSTMLanguageModel, names: list[str], data: Any) -> None:
    """Outer gradients into `model`, as the baseline computes them."""
    every = dict(model.named_parameters())
    support, query = data

    def loss(weights: dict[str, Tensor], batch: tuple[Tensor, ...]) -> Tensor:
        inputs, targets = batch
        weights = every | weights
        features = lstm_features(weights, inputs, zero_state(model, len(inputs)))
        return nats(nn.functional.linear(features, weights["embed.weight"], weights["bias"]), targets)

    adapted = {name: every[name] for name in names}
    rates = {name: torch.tensor(RATE) for name in names}
    vmap(loss)(InnerLoop().run(loss, adapted, SGD(rates), support), query).mean().backward()


def timed(
    side: Callable[..., None], model: LSTMLanguageModel, names: list[str], data: Any
) -> tuple[float, Tensor]:
    """Seconds, and the outer gradient."""
    model.zero_grad()
    start = time.perf_counter()
    side(model, names, data)
    seconds = time.perf_counter() - start
    return seconds, torch.cat([p.grad.flatten() for p in model.parameters()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=4)
    parser.add_argument("--vocabulary", type=int, default=4096)
    parser.add_argument("--adapted", choices=list(ADAPTED), default="light")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model = LSTMLanguageModel(options.vocabulary).adaptable()
    names = [n for n, _ in model.named_parameters() if is_adapted(n, options.adapted)]

    def drawn(rows: int) -> tuple[Tensor, ...]:
        tokens = torch.randint(3, options.vocabulary, (options.episodes, rows, 33))
        return tokens[..., :-1], tokens[..., 1:]

    data = [drawn(8) for _ in range(options.steps)], drawn(16)
    sides = {"higher": loop_with_higher, "together": episodes_together}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for run in range(options.runs + 1):
        found = {name: timed(side, model, names, data) for name, side in sides.items()}
        gap = (found["higher"][1] - found["together"][1]).norm() / found["higher"][1].norm()
        assert gap < 1e-3, f"both sides compute the same gradient, to {gap:.1e}"
        if run:  # the first warms up
            for name, (spent, _) in found.items():
                seconds[name].append(spent)
    for name, times in seconds.items():
        print(f"{name}: {options.episodes / statistics.median(times):.2f} episodes/s")
    ratio = statistics.median(a / b for a, b in zip(seconds["higher"], seconds["together"], strict=True))
    print(f"together / higher: {ratio:.2f} times as fast (target {TARGET}); gradients differ by {gap:.1e}")


if __name__ == "__main__":
    main()
