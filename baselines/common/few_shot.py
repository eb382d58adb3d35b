"""Choose the settings of a model that adapts, on validation episodes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from fsdl_bench import PAD, Episode, FitContext, Predictor, Split, Tokens, pad

Setting = TypeVar("Setting")


def choose(
    settings: Sequence[Setting],
    score: Callable[[Setting], float],
    what: str = "settings",
    log: Callable[[str], None] = lambda _: None,
) -> Setting:
    """Return the setting with the lowest score; the first among equals. A single setting is not scored.

    Args:
        settings: at least one.
        score: a setting -> the figure to minimise; a score that is not finite never wins.
        what: the label of the progress bar and of the log.
        log: prints one line for each setting.
    """
    if len(settings) == 1:
        return settings[0]
    scores = []
    for setting in tqdm(settings, desc=what, unit="setting"):
        scores.append(score(setting))
        log(f"{what}: {setting}: {scores[-1]:.4f}")
    return settings[min(range(len(settings)), key=lambda i: _finite(scores[i]))]


def climb(
    start: Setting,
    neighbours: Callable[[Setting], Iterable[Setting]],
    score: Callable[[Setting], float],
    what: str = "settings",
    log: Callable[[str], None] = lambda _: None,
) -> Setting:
    """Return a setting whose neighbours all score no lower: from `start`, move to the first that does.

    Unlike a grid, this has no edge that the best setting could lie beyond.

    Args:
        start: hashable.
        neighbours: a setting -> those to try from there, the likeliest first; finitely many in all.
        score: a setting -> the figure to minimise; one that is not finite never wins. Called once for each.
        what, log: as for `choose`.
    """
    known: dict[Setting, float] = {}

    def figure(setting: Setting) -> float:
        if setting not in known:
            known[setting] = _finite(score(setting))
            log(f"{what}: {setting}: {known[setting]:.4f}")
        return known[setting]

    best = start
    while True:
        better = next((other for other in neighbours(best) if figure(other) < figure(best)), None)
        if better is None:
            return best
        best = better


def _finite(score: float) -> float:
    return score if math.isfinite(score) else math.inf


def for_shots(settings: Mapping[int, Setting], songs: int) -> Setting:
    """Return the setting for the largest K not above `songs`, else the one for the smallest K."""
    return settings[max((shots for shots in settings if shots <= songs), default=min(settings))]


def headline_shots(context: FitContext) -> int:
    """Return the number of shots to choose settings at: 5, or the most that the track has."""
    return min(5, max(context.shots))


def support_sizes(context: FitContext) -> list[int]:
    """Return the track's numbers of shots without zero; at least [1]."""
    return sorted({*context.shots} - {0}) or [1]


def held_out_episodes(split: Split, context: FitContext, shots: int, count: int) -> list[Episode]:
    """Return `count` episodes of a split with 2 query songs each; the same in every call."""
    return [*context.episodes(split, shots=shots, queries=2, seed=0, stop=count)]


def support_of(episode: Episode) -> list[Tokens]:
    """Return the tokens of the support songs."""
    return [song.tokens for song in episode.support]


def few_shot_nll(
    adapt: Callable[[Sequence[Tokens]], Predictor], episodes: Sequence[Episode], device: torch.device
) -> float:
    """Return nats per unit of the query songs, averaged over episodes.

    Args:
        adapt: the `adapt` of a submission.
        episodes: from `held_out_episodes`.
        device: the model's device.
    """
    nlls = [episode_nll(adapt(support_of(episode)), episode, device) for episode in episodes]
    return float(np.mean(nlls))


def validation_figure(
    adapt: Callable[[Sequence[Tokens]], Predictor], split: Split, context: FitContext, count: int
) -> Callable[[], float]:
    """Return a function that scores validation episodes: the mean NLL of no support and of the headline's.

    With the latter alone, a poor prior could pass for a large gain.

    Args:
        adapt: the `adapt` of a submission.
        split: of the episodes.
        context: of the fit.
        count: episodes, for each of the two numbers of shots.
    """
    held_out = [held_out_episodes(split, context, shots, count) for shots in (0, headline_shots(context))]
    return lambda: float(np.mean([few_shot_nll(adapt, some, context.device) for some in held_out]))


def episode_nll(predictor: Predictor, episode: Episode, device: torch.device) -> float:
    """Return nats per unit of the query songs of one episode, under a predictor adapted to its support."""
    songs = pad([song.tokens for song in episode.query], device)
    with torch.no_grad():
        scores = predictor.logits(songs)
    nats = nn.functional.cross_entropy(
        scores.flatten(0, 1).float(), songs.flatten(), ignore_index=PAD, reduction="sum"
    )
    return float(nats) / sum(song.units for song in episode.query)
