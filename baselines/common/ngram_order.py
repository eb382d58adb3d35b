"""Choose the order of a Kneser-Ney model, and turn its probabilities into scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from common.kneser_ney import Counts, Floats, Ints, KneserNey
from fsdl_bench import PAD, FitContext, Split


def best_order(train: Split, validation: Split, context: FitContext, orders: Sequence[int]) -> KneserNey:
    """Return Kneser-Ney on the meta-training songs, with the order of the lowest NLL on the validation songs.

    Without validation songs the order is the middle one of `orders`.
    """
    counts = Counts([song.tokens for song in train.songs], context.vocab_size, max(orders))
    held_out = [song.tokens for song in validation.songs]
    if not held_out:
        return KneserNey(counts, orders[len(orders) // 2])
    nats = {}
    for order in orders:
        model = KneserNey(counts, order)
        total = sum(-np.log(model.of_targets(song)).sum() for song in held_out)
        nats[order] = float(total / sum(map(len, held_out)))
        context.log(f"order {order}: {nats[order]:.4f} nats/token on validation, {model.size:,} n-grams")
    return KneserNey(counts, min(nats, key=nats.__getitem__))


def log_scores(
    probabilities: Callable[[npt.ArrayLike], Floats], songs: torch.Tensor, vocab_size: int
) -> torch.Tensor:
    """Return log-probabilities [B, T, V] of songs int64 [B, T]; zeros after the end of each song."""
    scores = torch.zeros((*songs.shape, vocab_size), dtype=torch.float64)
    for song, rows in zip(songs.cpu().numpy(), scores.numpy(), strict=True):
        (tokens,) = np.nonzero(song != PAD)
        length = tokens[-1] + 1 if len(tokens) else 0
        with np.errstate(divide="ignore"):  # PAD and BOS have probability 0
            np.log(probabilities(song[:length]), out=rows[:length])
    return scores


class NGramStream:
    """Several songs in lock-step through a Kneser-Ney model."""

    def __init__(self, model: KneserNey) -> None:
        self.model = model
        self.contexts: list[Ints] | None = None

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        self.contexts = self.model.extended(self.contexts, tokens.cpu().numpy())
        with np.errstate(divide="ignore"):
            return torch.from_numpy(np.log(self.probabilities(self.contexts)))

    def probabilities(self, contexts: Sequence[Ints]) -> Floats:
        """Return float64 [B, V]: the distribution of the next token of each song."""
        return self.model.given(contexts)
