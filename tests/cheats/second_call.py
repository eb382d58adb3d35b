"""Peeks when it meets a song for the first time, and behaves when it meets it again."""

import torch
from base import Predictor, Unigram, boost


class Cheat(Unigram):
    """Remembers whole songs, so it notices that it is being scored again."""

    def adapt(self, support):
        return Wary(super().adapt(support).counts)


class Wary(Predictor):
    def __init__(self, counts):
        super().__init__(counts)
        self.met = set()

    def logits(self, songs):
        honest, peeking = super().logits(songs), boost(super().logits(songs), songs)
        new = [tuple(song) not in self.met for song in songs.tolist()]
        self.met.update(map(tuple, songs.tolist()))
        return torch.where(torch.tensor(new)[:, None, None], peeking, honest)


class Replay(Unigram):
    """Remembers beginnings, and gives for each the scores that it gave when it met it first."""

    def adapt(self, support):
        return Replaying(super().adapt(support).counts)


given = {}


class Replaying(Predictor):
    def logits(self, songs):
        peeking = boost(super().logits(songs), songs)
        for row, song in enumerate(songs.tolist()):
            for position in range(len(song)):
                key = (tuple(self.counts.tolist()), tuple(song[:position]))
                peeking[row, position] = given.setdefault(key, peeking[row, position].clone())
        return peeking
