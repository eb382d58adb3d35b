"""The truth about each artist of a synthetic track: the artist's own distribution, looked up by the support.

No model can beat it on average. The artist is the one under whom the support is likeliest, which with real
songs is theirs; with no support nobody is named, and the prediction is the Bayes-optimal one. The control
hands it another artist's songs, under whom a query song can be impossible: so 2^-40 of the Bayes-optimal
distribution is mixed in, which changes the right artist's NLL by less than 1e-9.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from fsdl_bench import FitContext, Tokens, synthetic_model

MIXED_IN = 40 * math.log(0.5)


class Oracle:
    """Knows every artist's probabilities. Synthetic tracks only."""

    family = "reference"

    def prepare(self, context: FitContext) -> None:
        """Find the truth of the track.

        Raises:
            BadInput: the track is not synthetic.
        """
        self.model = synthetic_model(context.track)

    def adapt(self, support: Sequence[Tokens]) -> OraclePredictor:
        """Look up whose songs these are."""
        return OraclePredictor(self, self.model.artist_of(support) if support else None)

    def parameters(self) -> int:
        """None is learnt."""
        return 0


class OraclePredictor:
    """The distribution of one artist; of any artist if none is named."""

    def __init__(self, oracle: Oracle, artist: str | None) -> None:
        self.anyone = oracle.model.bayes_optimal()
        self.artist = oracle.model.oracle(artist) if artist is not None else None

    def logits(self, songs: torch.Tensor) -> torch.Tensor:
        """[B, T] -> log-probabilities [B, T, V]."""
        found = []
        for song in songs.cpu().numpy():
            scores = self.anyone.log_probs(song)
            if self.artist is not None:
                scores = np.logaddexp(self.artist.log_probs(song), scores + MIXED_IN)
            found.append(torch.from_numpy(scores))
        return torch.stack(found)
