"""The features of the meta-training songs, computed once: the LSTM does not learn while a learner does.

All songs of an artist are computed together, when the artist is drawn for the first time. So a song's
features do not depend on the episodes that were drawn before, and an interrupted training ends with the same
weights. They are kept in bfloat16, the type that they are computed in where the device is fast at it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from common.heads import Read, read
from common.lstm import LSTMLanguageModel
from fsdl_bench import PAD, EpisodeBatch, Split, pad


class Learner(Protocol):
    """What a model learns from episodes."""

    def nats(self, support: Read, query: Read) -> Tensor:
        """Return the nats of all query songs of one episode: a scalar."""
        ...


class TrainingFeatures:
    """Features by artist and song.

    Args:
        model: the trained LSTM.
        split: the meta-training songs.
    """

    def __init__(self, model: LSTMLanguageModel, split: Split) -> None:
        self.model = model
        self.artists = {artist.key: artist for artist in split.artists}
        self.known: dict[str, dict[bytes, Tensor]] = {}

    def of_artist(self, key: str) -> dict[bytes, Tensor]:
        """Return the features [T, D] of all songs of an artist, by their tokens."""
        if key not in self.known:
            songs = [song.tokens for song in self.artists[key].songs]
            features = read(self.model, pad(songs, self.model.device)).features.bfloat16().cpu()
            self.known[key] = {
                song.astype("int64").tobytes(): row[: len(song)].clone()
                for song, row in zip(songs, features, strict=True)
            }
        return self.known[key]

    def episodes(self, batch: EpisodeBatch) -> list[tuple[Read, Read]]:
        """Return support and query of each episode."""
        found = []
        for i, key in enumerate(batch.artists):
            known = self.of_artist(key)
            found.append((self._read(known, batch.support[i]), self._read(known, batch.query[i])))
        return found

    def loss(self, learner: Learner) -> Callable[[EpisodeBatch, object], Tensor]:
        """Return a loss for `MetaTraining.meta_train`: nats per token of the query songs of some episodes."""

        def mean(batch: EpisodeBatch, _: object) -> Tensor:
            nats = [learner.nats(*pair) for pair in self.episodes(batch)]
            return torch.stack(nats).sum() / batch.query_lengths.sum()

        return mean

    def _read(self, known: dict[bytes, Tensor], songs: Tensor) -> Read:
        """Return songs int64 [N, T], padded, with their features."""
        width = self.model.embed.embedding_dim
        features = self.model.bias.new_zeros(*songs.shape, width)
        for row, song in zip(features, songs.cpu(), strict=True):
            tokens = song[song != PAD]
            row[: len(tokens)] = known[tokens.numpy().tobytes()].to(row)
        return Read(songs, features)
