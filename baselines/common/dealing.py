"""Cut songs into pieces, and deal the pieces to the steps of an inner loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from common.lstm import LSTMLanguageModel, State
from common.text import shift
from common.trees import Tree, tree_map
from fsdl_bench import PAD


class Pieces(NamedTuple):
    """P pieces of songs, n tokens each.

    Attributes:
        inputs: int64 [P, n].
        targets: int64 [P, n]; PAD is not scored.
        state: the state of the model before each piece; tensors [P, ...].
    """

    inputs: Tensor
    targets: Tensor
    state: Tree


@torch.no_grad()
def cut(model: LSTMLanguageModel, songs: Tensor, length: int) -> list[Pieces]:
    """Return the pieces of each of B episodes, for songs int64 [B, K, T]. The model computes the states."""
    episodes = len(songs)
    targets = nn.functional.pad(songs.flatten(0, 1), (0, -songs.shape[2] % length), value=PAD)
    inputs = shift(targets).split(length, dim=1)
    zero = model.bias.new_zeros(len(targets), model.project.in_features)
    states: list[State] = [((zero, zero),) * len(model.lstm)]
    for part in inputs[:-1]:
        states.append(model.features(part, states[-1])[1])
    whole = Pieces(
        torch.stack(inputs, 1),
        targets.unflatten(1, (-1, length)),
        tree_map(lambda *parts: torch.stack(parts, 1), *states),
    )
    by_episode = tree_map(lambda part: part.unflatten(0, (episodes, -1)).flatten(1, 2), whole)
    found = []
    for episode in range(episodes):
        own = tree_map(lambda part, episode=episode: part[episode], by_episode)
        used = own.targets[:, 0] != PAD
        found.append(tree_map(lambda part, used=used: part[used], own))
    return found


def deal(pieces: Sequence[Pieces], count: int, random: np.random.Generator) -> Pieces:
    """Return `count` pieces of each of B episodes in random order: tensors [B, count, ...].

    No piece comes again before every piece of its episode has come.
    """
    drawn = []
    for own in pieces:
        order = torch.from_numpy(np.resize(random.permutation(len(own.inputs)), count))
        drawn.append(tree_map(lambda part, order=order: part[order], own))
    return tree_map(lambda *parts: torch.stack(parts), *drawn)


def steps(pieces: Pieces, rows: int) -> list[Pieces]:
    """Split dealt pieces into the batches of the inner steps, `rows` pieces of each episode a step."""
    return [
        tree_map(lambda part, start=start: part[:, start : start + rows], pieces)
        for start in range(0, pieces.inputs.shape[1], rows)
    ]
