"""A hierarchical Pitman-Yor language model with a restaurant for each artist and one for each song.

The analogue, for songs, of learning a program for each concept under a prior over programs (Lake,
Salakhutdinov & Tenenbaum 2015): a generative model of an artist under a prior learnt from all artists, with
exact probabilities. The equations are in `common/pitman_yor.py` (Teh 2006; Wood & Teh 2009).

The order and the settings of the model of all artists are fitted on the validation songs, the settings of
artist and song on query songs of validation episodes, from zero to the largest number of shots together.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from common.constrained import Constrained, constrained
from common.kneser_ney import Counts
from common.ngram_memory import songs_with_memories
from common.ngram_predictor import CachePredictor
from common.pitman_yor import Evidence, Restaurants, best_model, mixed

from fsdl_bench import FitContext, Split, Tokens


class PitmanYor:
    """Hierarchical Pitman-Yor n-grams over all artists, one artist and one song.

    Args:
        orders: the longest n-grams of all artists, to choose from on the validation songs.
        reach: the longest n-grams of an artist and a song.
        episodes: validation episodes, for each number of shots, that the settings are fitted on.
    """

    family = "n-gram"
    budget = "quarter-hour"

    def __init__(self, orders: tuple[int, ...] = (2, 3, 4, 6), reach: int = 8, episodes: int = 32) -> None:
        self.orders, self.reach, self.episodes = orders, reach, episodes

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Count the meta-training songs, and fit the discounts, concentrations and shares."""
        counts = Counts([song.tokens for song in train.songs], context.vocab_size, max(self.orders))
        self.model, nats = best_model(counts, self.orders, [song.tokens for song in validation.songs])
        context.log(f"order {self.model.order}: {nats:.4f} nats/token on validation songs")
        self.codec = context.codec
        self.notes = {"order": self.model.order}
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
