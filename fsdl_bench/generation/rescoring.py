"""A stream for a predictor that has only `logits`: every token scores the whole song so far again.

A song of T tokens then costs T(T + 1)/2 scored positions instead of T. The contract allows nothing faster: a
predictor without `stream` keeps no state between calls.
"""

from __future__ import annotations

from typing import Any

import torch

from fsdl_bench.codecs.base import BOS, EOS
from fsdl_bench.submissions import checking


class RescoringStream:
    """One song, token by token.

    Args:
        predictor: a predictor with `logits`.
        vocab_size: V.
        device: the device of the songs that `logits` is given.
    """

    def __init__(self, predictor: Any, vocab_size: int, device: torch.device) -> None:
        self._predictor = predictor
        self._vocab_size = vocab_size
        self._device = device
        self._song: list[int] = []

    def step(self, token: int) -> torch.Tensor:
        """Append a token (BOS first) and return the logits of the next one, float [V]."""
        if token != BOS:
            self._song.append(token)
        # EOS as a placeholder for the next token: PAD would not be part of the song.
        fed = torch.tensor([[*self._song, EOS]], dtype=torch.int64, device=self._device)
        with torch.no_grad():
            raw = self._predictor.logits(fed)
        return checking.as_scores(raw, fed, self._vocab_size, self._predictor)[0, -1]
