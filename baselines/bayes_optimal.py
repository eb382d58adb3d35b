"""The Bayes-optimal prediction on a synthetic track, from the support and the song so far.

The artist's probabilities are integrated out under their Dirichlet prior (`fsdl_bench.synthetic`):

    p(s | c, support, past) = (n[c, s] + alpha[c] m[c, s]) / (n[c] + alpha[c])

n[c, s] counts symbol s in context c, in the support and in the song so far. Every result on a synthetic track
shows its distance to this curve.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
import torch

from fsdl_bench import BOS, FitContext, SyntheticModel, Tokens, synthetic_model


class BayesOptimal:
    """The Dirichlet-multinomial predictive of the model that drew the songs. Synthetic tracks only."""

    family = "reference"
    budget = "quarter-hour"

    def prepare(self, context: FitContext) -> None:
        """Load the model that drew the track.

        Raises:
            BadInput: the track is not synthetic.
        """
        self.model = synthetic_model(context.track)

    def adapt(self, support: Sequence[Tokens]) -> BayesPredictor:
        return BayesPredictor(self.model, support)

    def parameters(self) -> int:
        return 0


class BayesPredictor:
    """The predictive given some songs of an artist."""

    def __init__(self, model: SyntheticModel, support: Sequence[Tokens]) -> None:
        self.predictive = model.bayes_optimal(support)

    def logits(self, songs: torch.Tensor) -> torch.Tensor:
        """Return log-probabilities [B, T, V]."""
        found = [torch.from_numpy(self.predictive.log_probs(song)) for song in songs.cpu().numpy()]
        return torch.stack(found)

    def observe(self, song: Tokens) -> None:
        """Count the symbols of a song as well."""
        self.predictive = self.predictive.given(song)

    def stream(self, songs: int = 1) -> PredictiveStream:
        return PredictiveStream([self.predictive.steps() for _ in range(songs)])


class PredictiveStream:
    """Several songs in lock-step; `steps` yields the log-probabilities of each."""

    def __init__(self, steps: Sequence[Generator[np.ndarray, int | None, None]]) -> None:
        self.steps = steps

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        sent = [None if token == BOS else token for token in tokens.tolist()]
        rows = [one.send(token) for one, token in zip(self.steps, sent, strict=True)]
        return torch.from_numpy(np.stack(rows))
