"""A hierarchical Pitman-Yor language model with a restaurant for each artist and one for each song.

The analogue, for songs, of learning a program for each concept under a prior over programs (Lake,
Salakhutdinov & Tenenbaum 2015): a generative model of an artist under a prior learnt from all artists, with
exact probabilities. The equations are in `common/pitman_yor.py` (Teh 2006; Wood & Teh 2009).

The settings of the model of all artists are fitted on the validation songs, those of artist and song on query
songs of validation episodes, from zero to the largest number of shots together.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from common.constrained import Constrained, constrained
from common.kneser_ney import Counts, KneserNey
from common.ngram_memory import songs_with_memories
from common.ngram_predictor import CachePredictor
from common.pitman_yor import Evidence, Restaurants, fitted_processes, mixed

from fsdl_bench import FitContext, Split, Tokens


class PitmanYor:
    """Hierarchical Pitman-Yor n-grams over all artists, one artist and one song.

    Args:
        order: the longest n-grams of all artists.
        reach: the longest n-grams of an artist and a song.
        episodes: validation episodes, for each number of shots, that the settings are fitted on.
    """

    family = "n-gram"
    budget = "quarter-hour"

    def __init__(self, order: int = 6, reach: int = 8, episodes: int = 32) -> None:
        self.order, self.reach, self.episodes = order, reach, episodes

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Count the meta-training songs, and fit the discounts, concentrations and shares."""
        counts = Counts([song.tokens for song in train.songs], context.vocab_size, self.order)
        held_out = [song.tokens for song in validation.songs]
        processes = fitted_processes(counts, self.order, held_out) if held_out else None
        self.model = KneserNey(counts, self.order, processes)
        self.codec = context.codec
        self.notes: dict[str, float] = {}
        for m, (discount, theta) in enumerate(processes or (), 1):
            self.notes |= {f"discount {m}": round(discount, 4), f"concentration {m}": round(theta, 4)}
        drawn = songs_with_memories(validation, context, self.episodes, self.reach)
        self.restaurants = Restaurants.start(self.reach)
        if drawn:
            evidence = Evidence(self.model, drawn, self.reach)
            self.restaurants = evidence.fit()
            context.log(f"{evidence.nats(self.restaurants):.4f} nats/token on validation episodes")

    def adapt(self, support: Sequence[Tokens]) -> Constrained:
        mix = partial(mixed, self.model, self.restaurants)
        return constrained(CachePredictor(self.model, mix, self.reach, support), self.codec)

    def parameters(self) -> int:
        """Return the number of n-grams and settings."""
        return self.model.size + self.restaurants.values.numel()
