"""Adds a cache without taking its share from the model, so that its numbers sum to two."""

import torch
from base import Predictor, Unigram, count


class Cheat(Unigram):
    share = 1.0

    def adapt(self, support):
        cache = sum(count(song, len(self.counts)) for song in support) + torch.full_like(self.counts, 1e-3)
        return Cache(self.counts, cache, self.share)


class Honest(Cheat):
    """The same two parts, half each."""

    share = 0.5


class Cache(Predictor):
    def __init__(self, counts, cache, share):
        super().__init__(share * counts / counts.sum() + share * cache / cache.sum())
