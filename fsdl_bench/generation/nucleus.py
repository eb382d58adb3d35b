"""The distribution that a token is sampled from: mask, temperature and nucleus applied to the logits.

    q(v)  is proportional to  exp(s(v) / temperature) on the allowed ids, 0 on the others
    p(v)  is proportional to  q(v) on the nucleus, 0 outside

The nucleus is the smallest set of the most probable ids with sum of q >= top_p; among equally probable ids
the lower ones come first (Holtzman et al. 2020, "The curious case of neural text degeneration"). The
temperature is applied first. Temperature 0 puts all mass on the most probable id, the limit of q.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fsdl_bench.errors import BadInput

Floats = npt.NDArray[np.float64]


def check_settings(temperature: float, top_p: float) -> None:
    """Raise `BadInput` unless 0 <= temperature < inf and 0 < top_p <= 1."""
    if not 0 <= temperature < np.inf:
        raise BadInput(f"temperature: expected 0 (greedy) or a positive number, found {temperature}")
    if not 0 < top_p <= 1:
        raise BadInput(f"top_p: expected a number above 0 and at most 1 (all ids), found {top_p}")


def distribution(
    scores: Floats, allowed: npt.NDArray[np.bool_], temperature: float = 1.0, top_p: float = 1.0
) -> Floats:
    """Return p, float64 [V].

    Args:
        scores: logits, float64 [V]; -inf for impossible ids.
        allowed: bool [V], the ids that may come next.
        temperature: below 1 sharper, above 1 flatter, 0 greedy.
        top_p: the least mass of the nucleus; 1 for all ids.

    Raises:
        ValueError: a score is nan or inf, or no allowed id has a finite score.
    """
    if not scores.max() < np.inf:  # a nan fails this comparison too
        raise ValueError("expected finite scores or -inf, found nan or inf")
    masked = np.where(allowed, scores, -np.inf)
    highest = masked.max()
    if highest == -np.inf:
        raise ValueError("every allowed id has the score -inf")
    if temperature == 0:
        greedy = np.zeros(len(scores))
        greedy[masked.argmax()] = 1.0
        return greedy
    with np.errstate(over="ignore"):  # with a tiny temperature all but the highest become -inf
        mass: Floats = np.exp((masked - highest) / temperature)
    mass /= mass.sum()
    if top_p < 1:
        order = np.argsort(-mass, kind="stable")
        kept = np.searchsorted(np.cumsum(mass[order]), top_p) + 1
        mass[order[kept:]] = 0.0
        mass /= mass.sum()
    return mass


def pick(p: Floats, u: float) -> int:
    """Return the id at which the cumulative sum of p [V] first exceeds u, a number in [0, 1)."""
    (ids,) = np.nonzero(p)
    cumulated = np.cumsum(p[ids])
    place = np.searchsorted(cumulated, u * cumulated[-1], side="right")
    return int(ids[min(place, len(ids) - 1)])  # u * sum may round up to the sum
