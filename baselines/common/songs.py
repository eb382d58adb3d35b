"""Songs for training a language model: batches of like length, their losses, and the figure to stop by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from common.lstm import LSTMLanguageModel, shift
from fsdl_bench import PAD, Split, Tokens

POOL = 20
"""Batches' worth of songs that are sorted by length together: little padding, and still a random order."""


class SongBatches:
    """Every song once an epoch; batch number -> padded int64 [B, T], the same for the same seed.

    Args:
        split: whose songs.
        size: B.
        seed: of the order.
        device: where the batches go.
    """

    def __init__(self, split: Split, size: int, seed: int, device: torch.device) -> None:
        self.songs = [song.tokens for song in split.songs]
        self.lengths = np.array([len(song) for song in self.songs])
        self.size, self.seed, self.device = size, seed, device
        self.per_epoch = -(-len(self.songs) // size)
        self._epoch = -1
        self._order: list[np.ndarray] = []

    def __call__(self, index: int) -> Tensor:
        """Batch number `index`."""
        epoch, place = divmod(index, self.per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._shuffled(epoch)
        return padded([self.songs[i] for i in self._order[place]], self.device)

    def _shuffled(self, epoch: int) -> list[np.ndarray]:
        generator = np.random.default_rng([self.seed, epoch])
        order = generator.permutation(len(self.songs))
        pools = np.split(order, range(POOL * self.size, len(order), POOL * self.size))
        order = np.concatenate([pool[np.argsort(self.lengths[pool], kind="stable")] for pool in pools])
        batches = np.split(order, range(self.size, len(order), self.size))
        return [batches[i] for i in generator.permutation(len(batches))]


def padded(songs: Sequence[Tokens], device: torch.device) -> Tensor:
    """Songs as int64 [B, T], each followed by PAD."""
    rows = [torch.from_numpy(song.astype(np.int64)) for song in songs]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD).to(device)


def half(device: torch.device) -> torch.autocast:
    """bfloat16 for the matrix products where the processor has it, and nothing elsewhere."""
    has = device.type == "cuda" or (device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return torch.autocast(device.type, torch.bfloat16, enabled=has)


def song_losses(model: LSTMLanguageModel, piece: int) -> Callable[[Tensor], Iterator[Tensor]]:
    """Losses of a batch of whole songs int64 [B, T]: those of `piece_losses`."""
    return lambda songs: piece_losses(model, shift(songs), songs, piece)


def piece_losses(model: LSTMLanguageModel, inputs: Tensor, targets: Tensor, piece: int) -> Iterator[Tensor]:
    """Nats of every piece, divided by the same number in each, so that all tokens weigh alike.

    Where most rows have ended, the loss is small.
    """
    for nats in piece_nats(model, inputs, targets, piece):
        yield nats / (len(targets) * min(piece, targets.shape[1]))


def piece_nats(model: LSTMLanguageModel, inputs: Tensor, targets: Tensor, piece: int) -> Iterator[Tensor]:
    """Nats of one piece of so many columns after the other, the state carried and detached between them.

    Targets that are PAD do not count.
    """
    state = None
    for start in range(0, inputs.shape[1], piece):
        wanted = targets[:, start : start + piece]
        with half(inputs.device):
            features, state = model.features(inputs[:, start : start + piece], state)
            here = wanted != PAD
            nats = model.nats(features[here], wanted[here])
        yield nats
        state = (state[0].detach(), state[1].detach())


def token_count(songs: Tensor) -> int:
    """Tokens of a padded batch."""
    return int((songs != PAD).sum())


@torch.no_grad()
def validation_nll(model: LSTMLanguageModel, split: Split, device: torch.device, songs: int = 12) -> float:
    """Nats per unit, the mean over artists, on the first songs of each: near the headline at zero shots."""
    figures = []
    for artist in split.artists:
        chosen = artist.songs[:songs]
        batch = padded([song.tokens for song in chosen], device)
        here = batch != PAD
        with half(device):
            nats = model.nats(model.features(shift(batch))[0][here], batch[here])
        figures.append(float(nats) / sum(song.units for song in chosen))
    return float(np.mean(figures))
