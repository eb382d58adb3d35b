"""Random seeds for the harness's calls into a submission."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b

import numpy as np
import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Set the global random generators of Python, numpy and torch for a block, and restore them after it."""
    devices = torch.cuda.is_available()
    python, legacy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if devices else None
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)
    if devices:  # `torch.manual_seed` would keep a record of every call until a device appears
        torch.cuda.manual_seed_all(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)


def adapt_seed(run_seed: int, artist: str, episode: int, shots: int, condition: str) -> int:
    """Return the seed that is set before `adapt` meets one support of an episode.

    Args:
        run_seed: the seed of the fit.
        artist: the artist's key.
        episode: the episode's index within the artist.
        shots: K.
        condition: "right", or "control" for another artist's support.
    """
    name = f"{run_seed}/{artist}/{episode}/{shots}/{condition}"
    return int.from_bytes(blake2b(name.encode(), digest_size=7).digest())
