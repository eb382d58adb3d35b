"""No array of torch or numpy in sight: Laplace's rule of succession, in lists."""

import math


class Plain:
    def prepare(self, context):
        self.size = context.vocab_size

    def adapt(self, support):
        counts = [1] * self.size
        for song in support:
            for token in song:
                counts[token] += 1
        return Counting(counts)


class Counting:
    def __init__(self, counts):
        self.counts = counts

    def logits(self, songs):
        found = []
        for song in songs.tolist():
            counts, rows = list(self.counts), []
            for token in song:
                rows.append([math.log(count) for count in counts])
                counts[token] += 1
            found.append(rows)
        return found
