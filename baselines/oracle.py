"""The true distribution of each artist of a synthetic track, looked up by the support.

No model can beat it on average. The artist is the one under whom the support is most likely. Without support
the prediction is the Bayes-optimal one. In the control the support is another artist's, under whom a query
song can be impossible; so 2^-40 of the Bayes-optimal distribution is mixed in, which changes the right
artist's NLL by less than 1e-9.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from bayes_optimal import PredictiveStream

from fsdl_bench import FitContext, Tokens, synthetic_model

MIXED_IN = 40 * math.log(0.5)


class Oracle:
    """Knows every artist's probabilities. Synthetic tracks only."""

    family = "reference"
    budget = "quarter-hour"

    def prepare(self, context: FitContext) -> None:
        """Load the model that drew the track.

        Raises:
            BadInput: the track is not synthetic.
        """
        self.model = synthetic_model(context.track)

    def adapt(self, support: Sequence[Tokens]) -> OraclePredictor:
        return OraclePredictor(self, self.model.artist_of(support) if support else None)

    def parameters(self) -> int:
        return 0


class OraclePredictor:
    """The distribution of one artist; without a name, that of an unknown artist."""

    def __init__(self, oracle: Oracle, artist: str | None) -> None:
        self.anyone = oracle.model.bayes_optimal()
        self.artist = oracle.model.oracle(artist) if artist is not None else None

    def logits(self, songs: torch.Tensor) -> torch.Tensor:
        """Return log-probabilities [B, T, V]."""
        found = []
        for song in songs.cpu().numpy():
            scores = self.anyone.log_probs(song)
            if self.artist is not None:
                scores = np.logaddexp(self.artist.log_probs(song), scores + MIXED_IN)
            found.append(torch.from_numpy(scores))
        return torch.stack(found)

    def stream(self, songs: int = 1) -> OracleStream:
        def stream(predictive: Any) -> PredictiveStream:
            return PredictiveStream([predictive.steps() for _ in range(songs)])

        return OracleStream(stream(self.anyone), stream(self.artist) if self.artist else None)


class OracleStream:
    """Several songs in lock-step: of the artist, with a little of anyone mixed in."""

    def __init__(self, anyone: PredictiveStream, artist: PredictiveStream | None) -> None:
        self.anyone, self.artist = anyone, artist

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        scores = self.anyone.step(tokens)
        if self.artist is None:
            return scores
        return torch.from_numpy(np.logaddexp(self.artist.step(tokens).numpy(), scores.numpy() + MIXED_IN))
