"""No probability for ids that cannot follow: the scores of a predictor, and the codec's grammar.

    p(x_t | x_<t) = q(x_t | x_<t) [x_t can follow x_<t] / sum over the ids x that can follow of q(x | x_<t)

Canonical sequences obey the grammar, so this never loses likelihood. It gains what q gives to other ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fsdl_bench import BOS, EOS, PAD, Codec, Tokens


def constrained(predictor: Any, codec: Codec) -> Constrained:
    """Return a predictor with the same scores, but -inf for ids that cannot follow. It observes if q does."""
    kind = ConstrainedObserver if hasattr(predictor, "observe") else Constrained
    return kind(predictor, codec)


class Constrained:
    """A predictor that gives probability only to ids that can follow.

    Args:
        predictor: q.
        codec: of the songs.
    """

    def __init__(self, predictor: Any, codec: Codec) -> None:
        self.predictor, self.codec = predictor, codec

    def logits(self, songs: Tensor) -> Tensor:
        """Return scores [B, T, V]; those of PAD and of what follows it mean nothing."""
        scores = self.predictor.logits(songs)
        masks = [Mask(self.codec).walk(song) for song in songs.tolist()]
        allowed = torch.from_numpy(np.stack(masks)).to(scores.device)
        return scores.masked_fill(~allowed, -torch.inf)

    def stream(self, songs: int = 1) -> ConstrainedStream:
        return ConstrainedStream(self.predictor.stream(songs), [Mask(self.codec) for _ in range(songs)])


class ConstrainedObserver(Constrained):
    """A predictor that goes on learning from songs that were scored."""

    def observe(self, song: Tokens) -> None:
        self.predictor.observe(song)


class ConstrainedStream:
    """Songs in lock-step; each has its own mask."""

    def __init__(self, stream: Any, masks: Sequence[Mask]) -> None:
        self.inner, self.masks = stream, masks

    def step(self, tokens: Tensor) -> Tensor:
        """Return scores [B, V] after tokens int64 [B]; BOS comes first."""
        scores = self.inner.step(tokens)
        allowed = [mask.after(token) for mask, token in zip(self.masks, tokens.tolist(), strict=True)]
        return scores.masked_fill(~torch.from_numpy(np.stack(allowed)).to(scores.device), -torch.inf)


class Mask:
    """The ids that can follow one song so far, token by token.

    Everything can follow the end of a song, and a song that is not canonical: a user may ask for its score.
    """

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.grammar = codec.grammar() if hasattr(codec, "grammar") else None
        self.song: list[int] = []
        self.allowed = self._next()
        self.free = False

    def after(self, token: int) -> np.ndarray:
        """Return bool [V]: what can follow once `token` has come; BOS comes first."""
        if token == BOS and not self.song:
            return self.allowed
        self.free = self.free or token in (EOS, PAD) or not self.allowed[token]
        if self.free:
            return np.ones(self.codec.vocab_size, bool)
        self.song.append(token)
        if self.grammar:
            self.grammar.push(token)
        self.allowed = self._next()
        return self.allowed

    def _next(self) -> np.ndarray:
        return self.grammar.allowed() if self.grammar else self.codec.allowed_next(self.song)

    def walk(self, song: Sequence[int]) -> np.ndarray:
        """Return bool [T, V]: what can come at each place of a padded song."""
        return np.stack([self.after(token) for token in (BOS, *song[:-1])])
