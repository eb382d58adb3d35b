"""The largest honest difference between two runs: measured on the submission itself, within limits.

Every run scores some songs in honest batchings: alone, and beside a longer song. Their differences are the
submission's own rounding, whatever types it uses inside. Relative to M = log V + nats, let n be the largest
difference of a token and m that of a song's mean. Then

    |difference of a token|     <= min(max(FACTOR n M, chain), TOKEN)
    |mean of a song's tokens|   <= min(max(FACTOR m M, chain / sqrt(T) + share), MEAN)

The floor is that of the type in which the scores arrive, half precision counting as single: a chain of DEPTH
roundings, each off by at most half the type's eps relative to M, adds up like a random walk, and the
difference of two runs has the variance of both. Sums over the vocabulary in at least BLOCKS partial sums may
round in one direction:

    sigma = eps M sqrt(DEPTH) / 2 * sqrt(2)        block = eps V / BLOCKS
    chain = SIGMAS sigma + block                   share = ALIKE eps M

`share` covers roundings that tokens with similar scores have in common, which a mean does not average out.
With 4,096 ids, 4 nats per token and 400 tokens per song the floor is

    float64   2e-13 for a token   8e-14 for a song's mean          float32   1e-4   5e-5

An LSTM under bfloat16 autocast differs by up to 0.064 nats for a token and 0.0009 for a song's mean between
batches and single songs. TOKEN and MEAN bound what a submission can hide by differing on purpose.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from fsdl_bench.evaluation.scoring import Nats

DEPTH = 256
SIGMAS = 6.0
BLOCKS = 16
ALIKE = 8
FACTOR = 6.0
TOKEN = 0.5
MEAN = 0.01
"""Nats per token: no rounding explains more."""

LIMIT = SIGMAS * math.sqrt(DEPTH / 2)
"""SIGMAS sigma in units of eps M."""


@dataclass(frozen=True)
class Noise:
    """The differences between honest batchings of the same songs, relative to log V + nats.

    Attributes:
        token: the largest difference of a token.
        mean: the largest difference of a song's mean.
    """

    token: float = 0.0
    mean: float = 0.0

    def or_larger(self, other: Noise) -> Noise:
        """Return the larger of both, part by part."""
        return Noise(max(self.token, other.token), max(self.mean, other.mean))


@dataclass(frozen=True)
class Moved:
    """The difference between two scores of one song.

    Attributes:
        token: the position of the largest difference, relative to its allowance.
        worst: that difference in nats; inf if a score was finite in one run only.
        allowed: the difference that rounding explains there, in nats.
        mean: the mean difference over the song, in nats, new minus old.
        mean_allowed: the mean difference that rounding explains, in nats.
        last: the difference at the last token as a share of its allowance.
    """

    token: int
    worst: float
    allowed: float
    mean: float
    mean_allowed: float
    last: float

    @property
    def explained(self) -> bool:
        """Whether rounding explains both differences."""
        return self.worst <= self.allowed and abs(self.mean) <= self.mean_allowed


def noise_between(old: Nats, new: Nats, vocab_size: int) -> Noise:
    """Measure the noise between two honest scorings of one song's tokens, float64 [T] each."""
    size = math.log(vocab_size) + np.minimum(old, new)
    difference = np.where(np.isfinite(old) & np.isfinite(new), new - old, 0.0)
    return Noise(float((np.abs(difference) / size).max()), float(abs(difference.mean()) / size.mean()))


def moved(old: Nats, new: Nats, vocab_size: int, dtype: torch.dtype, noise: Noise = Noise()) -> Moved:
    """Compare two scorings of one song's tokens, float64 [T] each.

    Args:
        old, new: nats.
        vocab_size: V.
        dtype: the type in which the scores arrived.
        noise: measured between honest batchings.
    """
    eps = min(torch.finfo(dtype).eps, torch.finfo(torch.float32).eps)
    size: npt.NDArray[Any] = math.log(vocab_size) + np.minimum(old, new)
    block = eps * vocab_size / BLOCKS
    with np.errstate(invalid="ignore"):
        difference = new - old
    broken = ~np.isfinite(difference)
    difference[broken], size[broken] = np.inf, 1.0
    allowed = np.minimum(np.maximum(FACTOR * noise.token * size, LIMIT * eps * size + block), TOKEN)
    token = int((np.abs(difference) / allowed).argmax())
    floor = (LIMIT / math.sqrt(len(size)) + ALIKE) * eps * size.mean() + block
    return Moved(
        token=token,
        worst=float(abs(difference[token])),
        allowed=float(allowed[token]),
        mean=float(difference.mean()),
        mean_allowed=float(min(max(FACTOR * noise.mean * size.mean(), floor), MEAN)),
        last=float(difference[-1] / allowed[-1]),
    )


def lean(shares: npt.NDArray[np.float64]) -> bool:
    """Return whether differences, each as a share of its allowance, lean to one side beyond chance."""
    return bool(len(shares) and abs(shares.mean()) > 1 / math.sqrt(len(shares)) + ALIKE / LIMIT)


def normalising(nats: Nats, vocab_size: int) -> float:
    """Return how far two correct float64 normalisations of a token may differ: any order of V terms."""
    return float(np.finfo(np.float64).eps * (vocab_size + 4 * (math.log(vocab_size) + nats.max())))
