"""Adapts on the query batch: each song is predicted with the words of the other songs beside it."""

from base import Predictor, Unigram, count


class Cheat(Unigram):
    def adapt(self, support):
        return Transductive(super().adapt(support).counts)


class Transductive(Predictor):
    def logits(self, songs):
        scores = super().logits(songs)
        bags = [count(song.numpy(), len(self.counts)) for song in songs]
        for row in range(len(songs)):
            scores[row] = (self.counts + 10 * (sum(bags) - bags[row])).log()
        return scores
