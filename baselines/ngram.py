"""N-gram language model with interpolated modified Kneser-Ney smoothing. It ignores the support.

The equations (Chen & Goodman 1999) are in `common/kneser_ney.py`. Only the order is chosen, on the validation
songs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from common.constrained import Constrained, constrained
from common.ngram_order import NGramStream, best_order, log_scores

from fsdl_bench import FitContext, Split, Tokens


class NGram:
    """Interpolated modified Kneser-Ney n-grams; the order is chosen on the validation songs.

    Args:
        orders: the orders to choose from.
    """

    family = "n-gram"
    budget = "quarter-hour"
    ignores_support: ClassVar[bool] = True

    def __init__(self, orders: tuple[int, ...] = (2, 3, 4, 5, 6, 7, 8)) -> None:
        self.orders = orders

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Count the meta-training songs, and choose the order."""
        self.model = best_order(train, validation, context, self.orders)
        self.codec = context.codec
        self.notes = {"order": self.model.order}

    def adapt(self, support: Sequence[Tokens]) -> Constrained:
        return constrained(self, self.codec)

    def logits(self, songs: torch.Tensor) -> torch.Tensor:
        """Return log-probabilities [B, T, V]."""
        return log_scores(self.model.probabilities, songs, self.model.vocab_size)

    def stream(self, songs: int = 1) -> NGramStream:
        return NGramStream(self.model)

    def parameters(self) -> int:
        """Return the number of n-grams."""
        return self.model.size
