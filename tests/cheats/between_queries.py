"""Keeps state between query songs: what was scored before is predicted better afterwards."""

from base import Predictor, Unigram, count


class Cheat(Unigram):
    def adapt(self, support):
        return Stateful(super().adapt(support).counts)


class Stateful(Predictor):
    def logits(self, songs):
        rows = []
        for song in songs:
            rows.append(super().logits(song[None]))
            self.counts = self.counts + 10 * count(song.numpy(), len(self.counts))
        return rows[0].new_tensor([row[0].tolist() for row in rows])
