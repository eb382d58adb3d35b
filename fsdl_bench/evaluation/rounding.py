"""How far two runs of the same arithmetic may differ, derived from the floating-point type.

Take a token's score to be reached by a chain of DEPTH roundings, each off by at most half the type's eps,
relative to a score of size M = log V + nats. They add up like a random walk, and the difference of two runs
has the variance of both:

    sigma = eps M sqrt(DEPTH) / 2 * sqrt(2)        |mean of n differences| <= SIGMAS sigma / sqrt(n)

The bound holds for every token (n = 1) and for the mean over a song. In float32 with 4,096 ids a token may
move by some 1e-4 nats and a song's mean by some 5e-6; batched and single LSTMs and Transformers, and
test-time training, were seen to move by a hundredth of that.
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
LIMIT = SIGMAS * math.sqrt(DEPTH / 2)
"""What |mean of n differences| * sqrt(n) may be, in units of eps M."""


@dataclass(frozen=True)
class Moved:
    """By how much the score of one song differs between two runs.

    Attributes:
        token: the position of the largest difference, relative to what rounding explains.
        worst: that difference in nats; inf where a score was finite in one run only.
        allowed: what rounding explains there, in nats.
        mean: the mean difference over the song, in nats, new minus old.
        mean_allowed: what rounding explains of that.
        last: the difference at the last token, in units of eps M.
    """

    token: int
    worst: float
    allowed: float
    mean: float
    mean_allowed: float
    last: float

    @property
    def explained(self) -> bool:
        """Whether rounding explains it."""
        return self.worst <= self.allowed and abs(self.mean) <= self.mean_allowed


def moved(old: Nats, new: Nats, vocab_size: int, dtype: torch.dtype) -> Moved:
    """Compare two scorings of one song's tokens, float64 [T] each, computed in `dtype`."""
    unit: npt.NDArray[Any] = torch.finfo(dtype).eps * (math.log(vocab_size) + np.minimum(old, new))
    with np.errstate(invalid="ignore"):
        difference = new - old
    broken = ~np.isfinite(difference)
    difference[broken], unit[broken] = np.inf, 1.0
    token = int((np.abs(difference) / unit).argmax())
    return Moved(
        token=token,
        worst=float(abs(difference[token])),
        allowed=float(LIMIT * unit[token]),
        mean=float(difference.mean()),
        mean_allowed=float(LIMIT * unit.mean() / math.sqrt(len(unit))),
        last=float(difference[-1] / unit[-1]),
    )


def coarser(one: torch.dtype, other: torch.dtype | None) -> torch.dtype:
    """Of two floating-point types the one that rounds more."""
    return other if other is not None and torch.finfo(other).eps > torch.finfo(one).eps else one
