"""How far two runs of the same arithmetic may differ, derived from the floating-point type.

A token's score is modelled as the result of a chain of DEPTH roundings, each off by at most half the type's
eps relative to a score of size M = log V + nats. They add up like a random walk, and the difference of two
runs has the variance of both. In addition, sums over the vocabulary in at least BLOCKS partial sums may round
in one direction:

    sigma = eps M sqrt(DEPTH) / 2 * sqrt(2)        block = eps_sum V / BLOCKS        share = ALIKE eps M

    |difference of a token| <= SIGMAS sigma + block
    |mean of n differences| <= SIGMAS sigma / sqrt(n) + share + block

Sums of half-precision numbers are kept in float32 (eps_sum). `share` covers roundings that tokens with
similar scores have in common, which a mean does not average out. With 4,096 ids, 4 nats per token and 400
tokens per song:

    float64   2e-13 for a token   8e-14 for a song's mean          float16    0.8    0.14
    float32   1e-4                5e-5                              bfloat16   6.5    1.1

The differences measured between batched and single scoring, for LSTMs, Transformers and test-time training,
are about a hundredth of that.
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

LIMIT = SIGMAS * math.sqrt(DEPTH / 2)
"""SIGMAS sigma in units of eps M."""


@dataclass(frozen=True)
class Moved:
    """How much the score of one song differs between two runs.

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


def moved(old: Nats, new: Nats, vocab_size: int, dtype: torch.dtype) -> Moved:
    """Compare two scorings of one song's tokens, float64 [T] each, computed in `dtype`."""
    unit: npt.NDArray[Any] = torch.finfo(dtype).eps * (math.log(vocab_size) + np.minimum(old, new))
    block = min(torch.finfo(dtype).eps, torch.finfo(torch.float32).eps) * vocab_size / BLOCKS
    with np.errstate(invalid="ignore"):
        difference = new - old
    broken = ~np.isfinite(difference)
    difference[broken], unit[broken] = np.inf, 1.0
    allowed = LIMIT * unit + block
    token = int((np.abs(difference) / allowed).argmax())
    return Moved(
        token=token,
        worst=float(abs(difference[token])),
        allowed=float(allowed[token]),
        mean=float(difference.mean()),
        mean_allowed=float((LIMIT / math.sqrt(len(unit)) + ALIKE) * unit.mean() + block),
        last=float(difference[-1] / allowed[-1]),
    )


def lean(shares: npt.NDArray[np.float64]) -> bool:
    """Return whether differences, each as a share of its allowance, lean to one side beyond chance."""
    return bool(len(shares) and abs(shares.mean()) > 1 / math.sqrt(len(shares)) + ALIKE / LIMIT)


def normalising(nats: Nats, vocab_size: int) -> float:
    """Return how far two correct float64 normalisations of a token may differ: any order of V terms."""
    return float(np.finfo(np.float64).eps * (vocab_size + 4 * (math.log(vocab_size) + nats.max())))


def coarser(one: torch.dtype, other: torch.dtype | None) -> torch.dtype:
    """Return the floating-point type that rounds more."""
    return other if other is not None and torch.finfo(other).eps > torch.finfo(one).eps else one
