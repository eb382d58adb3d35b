"""Every id equally likely: log V nats a token, whatever came before. A figure to check a run against."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from fsdl_bench import FitContext, Tokens


class Uniform:
    """The uniform distribution over the vocabulary."""

    family = "reference"

    def prepare(self, context: FitContext) -> None:
        """Learn the vocabulary's size."""
        self.vocab_size = context.vocab_size

    def adapt(self, support: Sequence[Tokens]) -> Uniform:
        """The same for every artist."""
        return self

    def logits(self, songs: torch.Tensor) -> torch.Tensor:
        """[B, T] -> [B, T, V], all equal."""
        return torch.zeros(1, device=songs.device).expand(*songs.shape, self.vocab_size)

    def parameters(self) -> int:
        """None to learn."""
        return 0
