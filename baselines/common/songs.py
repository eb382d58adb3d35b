"""Batches of whole songs for training a language model, and its validation figure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from common.pieces import RecurrentModel, half
from common.text import shift
from fsdl_bench import PAD, Split, Tokens, pad

POOL = 20
"""Songs of this many batches are sorted by length: little padding, and still a random order."""

Augment = Callable[[Tokens, np.random.Generator], Tokens]
"""A random variant of a song."""


class SongBatches:
    """Every song once an epoch: `batches(index)` is int64 [B, T], padded, a function of index and seed.

    Args:
        split: the songs.
        size: B.
        seed: determines order and variants.
        device: the device of the batches.
        augment: returns a variant of a song, drawn anew in each epoch.
    """

    def __init__(
        self, split: Split, size: int, seed: int, device: torch.device, augment: Augment | None = None
    ) -> None:
        self.songs = [song.tokens for song in split.songs]
        self.lengths = np.array([len(song) for song in self.songs])
        self.size, self.seed, self.device, self.augment = size, seed, device, augment
        self.per_epoch = -(-len(self.songs) // size)
        self._epoch = -1
        self._order: list[np.ndarray] = []

    def __call__(self, index: int) -> Tensor:
        epoch, position = divmod(index, self.per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._shuffled(epoch)
        songs = [self.songs[i] for i in self._order[position]]
        if self.augment:
            generator = np.random.default_rng([self.seed, index, 1])
            songs = [self.augment(song, generator) for song in songs]
        return pad(songs, self.device)

    def _shuffled(self, epoch: int) -> list[np.ndarray]:
        generator = np.random.default_rng([self.seed, epoch])
        order = generator.permutation(len(self.songs))
        pools = np.split(order, range(POOL * self.size, len(order), POOL * self.size))
        order = np.concatenate([pool[np.argsort(self.lengths[pool], kind="stable")] for pool in pools])
        batches = np.split(order, range(self.size, len(order), self.size))
        return [batches[i] for i in generator.permutation(len(batches))]


@torch.no_grad()
def validation_nll(model: RecurrentModel, split: Split, device: torch.device, songs: int = 12) -> float:
    """Return nats per unit on the first songs of each artist, averaged over artists.

    This is close to the headline figure at zero shots.
    """
    figures = []
    for artist in split.artists:
        chosen = artist.songs[:songs]
        batch = pad([song.tokens for song in chosen], device)
        scored = batch != PAD
        with half(device):
            nats = model.nats(model.features(shift(batch))[0][scored], batch[scored])
        figures.append(float(nats) / sum(song.units for song in chosen))
    return float(np.mean(figures))
