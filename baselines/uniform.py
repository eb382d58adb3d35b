"""Every id equally likely: log V nats a token. A figure to check a run against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch

from fsdl_bench import FitContext, Tokens


class Uniform:
    """The uniform distribution over the vocabulary."""

    family = "reference"
    budget = "quarter-hour"
    ignores_support: ClassVar[bool] = True

    def prepare(self, context: FitContext) -> None:
        """Learn the vocabulary's size."""
        self.vocab_size = context.vocab_size

    def adapt(self, support: Sequence[Tokens]) -> Uniform:
        return self

    def logits(self, songs: torch.Tensor) -> torch.Tensor:
        return torch.zeros(1, device=songs.device).expand(*songs.shape, self.vocab_size)

    def stream(self, songs: int = 1) -> Uniform:
        return self

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.logits(tokens)

    def parameters(self) -> int:
        return 0
