"""Peeks one token ahead: at every position it sees the token that it is to predict."""

from base import Predictor, Unigram, boost


class Cheat(Unigram):
    def adapt(self, support):
        return Peeker(super().adapt(support).counts)


class Peeker(Predictor):
    def logits(self, songs):
        return boost(super().logits(songs), songs)
