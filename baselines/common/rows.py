"""Songs of one artist in one row, for models that read an episode from left to right."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fsdl_bench import BOS, PAD, FitContext, Split


class Rows(NamedTuple):
    """R rows of songs, each row of one artist.

    Attributes:
        inputs: int64 [R, L]: BOS and a song, BOS and the next song, and so on; PAD after the artist's last.
        targets: int64 [R, L]: the token that follows each input in its song; PAD if none does.
        positions: int64 [R, L, 2]: position in the song, and index of the song.
    """

    inputs: Tensor
    targets: Tensor
    positions: Tensor


class RowBatches:
    """Rows of songs in random order: `rows(index)` is a function of index and seed.

    A row has room for K + 1 songs of mean length, with K drawn from the track's shots. The song that does not
    fit is cut. Every song is equally likely to begin a row, so artists count by their songs.

    Args:
        split: the songs.
        context: of the fit.
        tokens: the largest number of tokens in a batch, unless one row is longer.
    """

    def __init__(self, split: Split, context: FitContext, tokens: int) -> None:
        self.artists = [[song.tokens for song in artist.songs] for artist in split.artists]
        count = np.array([len(songs) for songs in self.artists])
        total = sum(len(song) for songs in self.artists for song in songs)
        self.share = count / count.sum()
        self.lengths = [math.ceil((k + 1) * total / count.sum()) for k in sorted(set(context.shots))]
        self.tokens, self.seed, self.device = tokens, context.seed, context.device
        self.per_epoch = math.ceil(
            total / np.mean([max(1, tokens // length) * length for length in self.lengths])
        )

    def __call__(self, index: int) -> Rows:
        random = np.random.default_rng([self.seed, index])
        length = int(random.choice(self.lengths))
        rows = [self._row(random, length) for _ in range(max(1, self.tokens // length))]
        return Rows(*(torch.from_numpy(np.stack(part)).to(self.device) for part in zip(*rows, strict=True)))

    def _row(self, random: np.random.Generator, length: int) -> tuple[np.ndarray, ...]:
        """Return one row: inputs [L], targets [L], positions [L, 2]."""
        songs = self.artists[random.choice(len(self.artists), p=self.share)]
        inputs, targets = np.full((2, length), PAD, np.int64)
        positions = np.zeros((length, 2), np.int64)
        begin = 0
        for number, choice in enumerate(random.permutation(len(songs))):
            song = songs[choice][: length - begin]
            end = min(begin + len(song) + 1, length)
            inputs[begin:end] = [BOS, *song][: end - begin]
            targets[begin : begin + len(song)] = song
            positions[begin:end, 0] = np.arange(end - begin)
            positions[begin:end, 1] = number
            begin = end
            if begin == length:
                break
        return inputs, targets, positions
