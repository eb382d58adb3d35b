"""The trained `lstm.py` reads a MIDI song in all twelve keys at once. It ignores the support.

    p(x) = sum_s w_s p_LSTM(T_s x)      s = -6 ... 5 semitones

T_s shifts every note but drums. It only renames ids (a pitch beyond 127 or 0 goes on at the other end), so
p_LSTM(T_s x) is a distribution over songs, and the mixture is exact. `common/mixture.py` has the weights of
the twelve along a song; how far they follow the posterior is chosen on validation songs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from common.constrained import constrained
from common.few_shot import choose, episode_nll, held_out_episodes
from common.lstm import LSTMLanguageModel
from common.mixture import Given, MixturePredictor
from common.predictors import LSTMPredictor
from common.pretrained import choice
from common.transposition import HIGHEST, LOWEST, PITCHES, Transposer
from lstm import LSTM
from torch import Tensor
from tqdm import tqdm

from fsdl_bench import BadInput, Episode, FitContext, Predictor, Split, Tokens, pad

TEMPERS = (0.0, 0.03, 0.1, 0.3, 1.0)


@dataclass(eq=False)
class Transposed(LSTM):
    """LSTM over all keys; the same predictor for every artist.

    Args:
        temper: the power of the posterior weights; chosen on validation if None.
        episodes: validation episodes that it is chosen on.
    """

    temper: float | None = None
    episodes: int = 24

    system: ClassVar[bool] = True

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Train or reuse the LSTM, and choose how far the weights follow the posterior.

        Raises:
            BadInput: the track has no notes.
        """
        if context.kind != "midi":
            raise BadInput(f"transposed.py needs a track of MIDI songs; {context.track} has {context.kind}")
        super().fit(train, validation, context)
        self.ids = all_keys(Transposer(context.codec), context.vocab_size).to(context.device)
        self.trained = choice(self, "transposed", context)
        found = self.trained.choose(lambda: {"temper": self._best(validation, context)})
        self.chosen = found["temper"]
        self.notes |= found

    def _best(self, validation: Split, context: FitContext) -> float:
        if self.temper is not None:
            return self.temper
        figures = self._figures(held_out_episodes(validation, context, 0, self.episodes))
        return choose(TEMPERS, figures.__getitem__, "temper", context.log)

    def _figures(self, episodes: Sequence[Episode]) -> dict[float, float]:
        """Return nats per unit for each temper, averaged over episodes. The keys are scored once."""
        found: dict[float, list[float]] = {temper: [] for temper in TEMPERS}
        for episode in tqdm(episodes, desc="keys", unit="episode"):
            songs = pad([song.tokens for song in episode.query], self.model.device)
            with torch.no_grad():
                keys = [Given(key.logits(songs)) for key in self._keys()]
            for temper, nats in found.items():
                nats.append(episode_nll(MixturePredictor(keys, temper=temper), episode, songs.device))
        return {temper: float(np.mean(nats)) for temper, nats in found.items()}

    def _keys(self) -> list[Renamed]:
        return [Renamed(self.model, ids) for ids in self.ids]

    def adapt(self, support: Sequence[Tokens]) -> Predictor:
        return constrained(self._mixture(self.chosen), self.codec)

    def _mixture(self, temper: float) -> MixturePredictor:
        return KeyMixture(self._keys(), temper=temper)


def all_keys(transposer: Transposer, vocab_size: int) -> Tensor:
    """Return int64 [12, V]: for each shift, the id that each id becomes."""
    ids = torch.arange(vocab_size)
    pitched = (ids >= transposer.first) & (ids < transposer.stop)
    pitch = (ids - transposer.first) % PITCHES
    moved = [ids - pitch + (pitch + shift) % PITCHES for shift in range(LOWEST, HIGHEST + 1)]
    return torch.where(pitched, torch.stack(moved), ids)


class Renamed:
    """A language model of songs whose ids are called by other names.

    Args:
        model: the language model.
        ids: int64 [V], the model's name of each id.
    """

    def __init__(self, model: LSTMLanguageModel, ids: Tensor) -> None:
        self.inner, self.ids = LSTMPredictor(model), ids

    def logits(self, songs: Tensor) -> Tensor:
        return self.inner.logits(self.ids[songs])[..., self.ids]


class KeyMixture(MixturePredictor):
    """The mixture of all keys; a stream reads them as rows of one batch."""

    def steps(self, songs: int) -> Callable[[Tensor], Sequence[Tensor]]:
        ids = torch.stack([key.ids for key in self.experts])
        stream = self.experts[0].inner.stream(len(ids) * songs)

        def step(tokens: Tensor) -> Sequence[Tensor]:
            scores = stream.step(ids[:, tokens].flatten()).unflatten(0, (len(ids), songs))
            return list(scores.gather(-1, ids[:, None].expand_as(scores)))

        return step
