"""A stream for a predictor that has only `logits`: at every token the whole song so far is scored again.

A song of T tokens then costs T(T + 1)/2 scored positions in place of T. The contract leaves no shorter way:
a predictor without `stream` keeps nothing from one call to the next.
"""

from __future__ import annotations

from typing import Any

import torch

from fsdl_bench.codecs.base import BOS, EOS
from fsdl_bench.submissions import checking


class RescoringStream:
    """One song, token by token.

    Args:
        predictor: with `logits`.
        vocab_size: V.
        device: where `logits` gets its songs.
    """

    def __init__(self, predictor: Any, vocab_size: int, device: torch.device) -> None:
        self._predictor = predictor
        self._vocab_size = vocab_size
        self._device = device
        self._song: list[int] = []

    def step(self, token: int) -> torch.Tensor:
        """Take the token that came, BOS first; return the scores of the next one, float [V]."""
        if token != BOS:
            self._song.append(token)
        # EOS stands in for the token that is asked for: PAD would be no part of the song.
        fed = torch.tensor([[*self._song, EOS]], dtype=torch.int64, device=self._device)
        with torch.no_grad():
            raw = self._predictor.logits(fed)
        return checking.as_scores(raw, fed, self._vocab_size, self._predictor)[0, -1]
