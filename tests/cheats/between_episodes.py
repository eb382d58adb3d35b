"""Keeps state between episodes: every support ever seen stays in the counts."""

from base import Unigram


class Cheat(Unigram):
    def adapt(self, support):
        predictor = super().adapt(support)
        self.counts = predictor.counts
        return predictor
