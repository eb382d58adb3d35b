"""The best prediction that anyone can make on a synthetic track, from the support and the song so far.

The artist's probabilities are integrated out under their Dirichlet prior (`fsdl_bench.synthetic`):

    p(s | c, support, past) = (n[c, s] + alpha[c] m[c, s]) / (n[c] + alpha[c])

where n[c, s] counts how often symbol s came in context c, in the support and so far in the song. Every
result on a synthetic track shows its distance to this curve.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from fsdl_bench import FitContext, SyntheticModel, Tokens, synthetic_model


class BayesOptimal:
    """The Dirichlet-multinomial predictive of the model that drew the songs. Synthetic tracks only."""

    family = "reference"

    def prepare(self, context: FitContext) -> None:
        """Find the truth of the track.

        Raises:
            BadInput: the track is not synthetic.
        """
        self.model = synthetic_model(context.track)

    def adapt(self, support: Sequence[Tokens]) -> BayesPredictor:
        """Count the symbols of the support."""
        return BayesPredictor(self.model, support)

    def parameters(self) -> int:
        """None is learnt."""
        return 0


class BayesPredictor:
    """The predictive given some songs of an artist."""

    def __init__(self, model: SyntheticModel, support: Sequence[Tokens]) -> None:
        self.predictive = model.bayes_optimal(support)

    def logits(self, songs: torch.Tensor) -> torch.Tensor:
        """[B, T] -> log-probabilities [B, T, V]."""
        found = [torch.from_numpy(self.predictive.log_probs(song)) for song in songs.cpu().numpy()]
        return torch.stack(found)

    def observe(self, song: Tokens) -> None:
        """Count a query song too, in the streaming protocol."""
        self.predictive = self.predictive.given(song)
