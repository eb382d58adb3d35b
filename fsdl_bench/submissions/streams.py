"""Streams of predictors: token by token, several songs in lock-step.

A predictor that has only `logits` gets a `RescoringStream`, which scores the songs so far again at every
token. A song of T tokens then costs T(T + 1)/2 scored positions instead of T. The contract allows nothing
faster: a predictor without `stream` keeps no state between calls.
"""

from __future__ import annotations

from typing import Any

import torch

from fsdl_bench.codecs.base import BOS, EOS, PAD
from fsdl_bench.submissions import checking
from fsdl_bench.submissions.contract import Stream, SupportsStream


def open_stream(predictor: Any, songs: int, vocab_size: int, device: torch.device) -> Stream:
    """Return the predictor's stream for new songs, or a `RescoringStream` if it has none.

    Args:
        predictor: a checked predictor.
        songs: B, the number of songs.
        vocab_size: V.
        device: the device of the songs that `logits` is given.

    Raises:
        ContractError: the predictor has no `logits`, only a bound.
    """
    if not hasattr(predictor, "logits"):
        raise checking.ContractError(
            f"{type(predictor).__name__} has only a bound (`nats`), no distribution over the next token; "
            "choose a model with `logits` to sample from"
        )
    if isinstance(predictor, SupportsStream):
        with torch.no_grad():
            return predictor.stream(songs)
    return RescoringStream(predictor, vocab_size, device)


def next_scores(stream: Stream, tokens: torch.Tensor, vocab_size: int) -> torch.Tensor:
    """Feed tokens int64 [B] to a stream; return its scores as a plain tensor [B, V] without history.

    Raises:
        ContractError: the scores have another type or shape.
    """
    with torch.no_grad():
        raw = stream.step(tokens)
    return checking.as_step_scores(raw, len(tokens), vocab_size, stream)


class RescoringStream:
    """Several songs, token by token, from `logits` alone.

    Args:
        predictor: a predictor with `logits`.
        vocab_size: V.
        device: the device of the songs that `logits` is given.
    """

    def __init__(self, predictor: Any, vocab_size: int, device: torch.device) -> None:
        self._predictor = predictor
        self._vocab_size = vocab_size
        self._device = device
        self._songs: torch.Tensor | None = None

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Append tokens int64 [B], BOS first and PAD to ended songs; return the next logits, float [B, V]."""
        tokens = tokens.to(self._device)[:, None]
        if self._songs is None:
            if (tokens != BOS).any():
                raise ValueError(f"the first token of a stream is BOS ({BOS}), found {tokens[:, 0].tolist()}")
            self._songs = tokens[:, :0]
        else:
            self._songs = torch.cat([self._songs, tokens], dim=1)
        # EOS takes the place of the next token: PAD would not be part of the song.
        fed = torch.cat([self._songs, torch.where(tokens == PAD, PAD, EOS)], dim=1)
        with torch.no_grad():
            raw = self._predictor.logits(fed)
        return checking.as_scores(raw, fed, self._vocab_size, self._predictor)[:, -1]
