"""Token frequencies of the meta-training songs, with alpha added to every count. It ignores the support.

    p(w) = (n(w) + alpha) / (N + alpha |W|),   W the ids that can occur: all but PAD and BOS

alpha is chosen on the validation songs, whose NLL is a sum over W.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch

from fsdl_bench import BOS, PAD, FitContext, Split, Tokens

ALPHAS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


class Unigram:
    """One distribution over tokens, the same at every position."""

    family = "n-gram"
    budget = "quarter-hour"
    ignores_support: ClassVar[bool] = True

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Count the tokens, and choose alpha."""
        seen, held_out = (token_counts(split, context.vocab_size) for split in (train, validation))
        possible = np.ones(context.vocab_size, bool)
        possible[[PAD, BOS]] = False

        def log_probabilities(alpha: float) -> npt.NDArray[np.float64]:
            smoothed = np.where(possible, seen + alpha, 0.0)
            with np.errstate(divide="ignore"):
                return np.log(smoothed / smoothed.sum())

        def nats(alpha: float) -> float:
            return float(-(held_out[possible] * log_probabilities(alpha)[possible]).sum())

        alpha = min(ALPHAS, key=nats)
        context.log(f"alpha {alpha}: {nats(alpha) / held_out.sum():.4f} nats/token on validation")
        self.scores = torch.from_numpy(log_probabilities(alpha))
        self.notes = {"alpha": alpha}

    def adapt(self, support: Sequence[Tokens]) -> Unigram:
        return self

    def logits(self, songs: torch.Tensor) -> torch.Tensor:
        """Return log-probabilities [B, T, V]."""
        return self.scores.to(songs.device).expand(*songs.shape, -1)

    def stream(self, songs: int = 1) -> Unigram:
        return self

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.logits(tokens)

    def parameters(self) -> int:
        return len(self.scores)


def token_counts(split: Split, vocab_size: int) -> npt.NDArray[np.int64]:
    """Return how often each id occurs in the songs of a split: int64 [V]."""
    return sum(
        (np.bincount(song.tokens, minlength=vocab_size) for song in split.songs),
        np.zeros(vocab_size, np.int64),
    )
