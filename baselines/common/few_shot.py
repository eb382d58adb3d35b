"""Settings of a model that learns from the support: the figure they are chosen by, nats per unit on
validation episodes, and the choice for a number of songs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import nn

from common.songs import padded
from fsdl_bench import PAD, Episode, FitContext, Predictor, Split, Tokens

Setting = TypeVar("Setting")


def held_out_episodes(split: Split, context: FitContext, shots: int, count: int) -> list[Episode]:
    """The same `count` episodes of a split every time, with 2 query songs each."""
    return list(context.episodes(split, shots=shots, queries=2, seed=0, stop=count))


def few_shot_nll(
    adapt: Callable[[Sequence[Tokens]], Predictor], episodes: Sequence[Episode], device: torch.device
) -> float:
    """Nats per unit of the query songs, the mean over episodes.

    Args:
        adapt: as a submission's.
        episodes: from `held_out_episodes`.
        device: where the model computes.
    """
    return float(
        np.mean(
            [
                episode_nll(adapt([song.tokens for song in episode.support]), episode, device)
                for episode in episodes
            ]
        )
    )


def episode_nll(predictor: Predictor, episode: Episode, device: torch.device) -> float:
    """Nats per unit of the query songs of one episode, under a predictor that knows its support."""
    songs = padded([song.tokens for song in episode.query], device)
    with torch.no_grad():
        scores = predictor.logits(songs)
    nats = nn.functional.cross_entropy(
        scores.flatten(0, 1).float(), songs.flatten(), ignore_index=PAD, reduction="sum"
    )
    return float(nats) / sum(song.units for song in episode.query)


def headline_shots(context: FitContext) -> int:
    """The number of shots to choose settings at: 5, or the most that the track has."""
    return min(5, max(context.shots))


def chosen_for(songs: int, settings: Mapping[int, Setting]) -> Setting:
    """Of settings by number of shots that of the greatest number that the songs reach, or of the least."""
    return settings[max((shots for shots in settings if shots <= songs), default=min(settings))]
