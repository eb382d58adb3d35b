"""Reads the test songs from the track's files and answers from memory; three ways to open a file."""

from pathlib import Path

import pyarrow.parquet as pq
import torch
from base import Predictor, Unigram

from fsdl_bench.paths import tracks_dir


class Cheat(Unigram):
    """Opens the files as anyone would."""

    def prepare(self, context):
        self.known = {}
        for place in sorted((tracks_dir() / context.track).glob("test-*.parquet")):
            for tokens in self.read(place):
                for end in range(len(tokens)):
                    self.known[tuple(tokens[:end])] = tokens[end]

    def read(self, place):
        with Path(place).open("rb") as file:
            return pq.read_table(file)["tokens"].to_pylist()

    def adapt(self, support):
        return FromMemory(super().adapt(support).counts, self.known)


class Native(Cheat):
    """Lets a library open them, past Python; takes what it gets."""

    def prepare(self, context):
        self.known = {}
        names = [f"test-{shard:05d}-of-00002.parquet" for shard in range(2)]
        for name in names:
            try:
                songs = pq.ParquetFile(str(tracks_dir() / context.track / name)).read()["tokens"].to_pylist()
            except OSError:
                songs = []
            for tokens in songs:
                self.known |= {tuple(tokens[:end]): tokens[end] for end in range(len(tokens))}


class FromMemory(Predictor):
    def __init__(self, counts, known):
        super().__init__(counts)
        self.known = known

    def logits(self, songs):
        scores = super().logits(songs)
        for row, song in enumerate(songs.tolist()):
            for position in range(len(song)):
                token = self.known.get(tuple(song[:position]))
                if token is not None:
                    scores[row, position] = torch.where(torch.arange(len(self.counts)) == token, 9.0, 0.0)
        return scores
