"""Random generators are set for a block and restored after it."""

import random

import numpy as np
import torch

from fsdl_bench.submissions.seeding import seeded


def drawn():
    return random.random(), float(np.random.rand()), float(torch.rand(1))


def test_the_draws_depend_on_the_seed_alone():
    found = []
    for seed in (2**50 + 1, 3, 2**50 + 1):
        with seeded(seed):
            found.append(drawn())
        drawn()
    assert found[0] == found[2]
    assert all(one != other for one, other in zip(found[0], found[1], strict=True))


def test_the_generators_are_restored():
    def states():
        return [random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()]

    before = states()
    with seeded(2**50 + 1):
        drawn()
    assert states() == before
