"""Reads the whole song first, to learn its words, and scores it in a second pass."""

import torch
from base import Predictor, Unigram, count


class Cheat(Unigram):
    def adapt(self, support):
        return TwoPass(super().adapt(support).counts)


class TwoPass(Predictor):
    def logits(self, songs):
        bags = [count(song.numpy(), len(self.counts)) for song in songs]
        return torch.stack([(self.counts + 10 * bag).log().expand(songs.shape[1], -1) for bag in bags])
