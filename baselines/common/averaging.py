"""Running average of a model's weights during training.

    a_i = a_{i-1} + (w_i - a_{i-1}) / min(i, horizon)

The plain mean of the first `horizon` weights, then an exponential average (Polyak & Juditsky 1992; Izmailov
et al. 2018, "Averaging Weights Leads to Wider Optima and Better Generalization").
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class Average:
    """The average of a model's parameters.

    Args:
        model: its parameters.
        horizon: updates that the average looks back on; below 1 the average is the last weights.
    """

    def __init__(self, model: nn.Module, horizon: float) -> None:
        self.parameters: list[Tensor] = list(model.parameters())
        self.horizon, self.count = horizon, 0
        self.weights = [p.detach().clone() for p in self.parameters]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the current weights."""
        self.count += 1
        share = 1 / max(1.0, min(self.count, self.horizon))
        torch._foreach_lerp_(self.weights, self.parameters, share)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the model its average weights within a `with` block."""
        own = [p.detach().clone() for p in self.parameters]
        self._put(self.weights)
        try:
            yield
        finally:
            self._put(own)

    @torch.no_grad()
    def _put(self, weights: list[Tensor]) -> None:
        torch._foreach_copy_(self.parameters, weights)

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.count, self.weights = state["count"], state["weights"]
