"""Fine-tuning of the trained `lstm.py` on the support: a few gradient steps, then static scoring.

    theta_{i+1} = Optimiser(theta_i, grad L_S(theta_i))      L_S = nats per token of all support songs

Every step sees the whole support at once, each song from the zero state, so the order of the songs means
nothing. Adam's moments start at zero for each episode. In the streaming protocol the fine-tuning is done
again, from the trained weights, with the observed songs among the support.

Adam or SGD and the rate are chosen on validation episodes, and with them the number of steps, of its own for
every number of shots: a single song soon leads astray, twenty can be followed further. No step at all is
among the choices, and is all that can be done without support.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, Literal

import numpy as np
import torch
from common.few_shot import chosen_for, episode_nll, held_out_episodes
from common.lstm import LSTMLanguageModel, LSTMPredictor, LSTMStream, shift
from common.songs import half, padded
from lstm import LSTM
from torch import Tensor
from tqdm import tqdm

from fsdl_bench import PAD, Episode, FitContext, Split, Tokens

Optimiser = Literal["adam", "sgd"]
RATES: dict[Optimiser, tuple[float, ...]] = {"adam": (3e-4, 1e-3, 3e-3), "sgd": (0.3, 1.0)}


@dataclass(eq=False)
class FineTuning(LSTM):
    """LSTM fine-tuned on the support by a few steps of Adam or SGD.

    Args:
        optimiser: "adam" or "sgd"; the better on validation unless given.
        steps: most gradient steps.
        episodes: validation episodes, of each number of shots, that rate and steps are chosen on.
    """

    optimiser: Optimiser | None = None
    steps: int = 8
    episodes: int = 8

    family: ClassVar[str] = "fine-tuning"

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Train the LSTM, or take it, and choose optimiser, rate and steps."""
        super().fit(train, validation, context)
        episodes = {
            shots: held_out_episodes(validation, context, shots, self.episodes)
            for shots in sorted({*context.shots} - {0})
        }
        kinds = [self.optimiser] if self.optimiser else list(RATES)
        curves = {}
        for kind, rate in tqdm([(k, r) for k in kinds for r in RATES[k]], desc="rates", unit="setting"):
            curves[kind, rate] = {shots: self._curve(kind, rate, some) for shots, some in episodes.items()}
            best = {shots: f"{min(curve):.4f}" for shots, curve in curves[kind, rate].items()}
            context.log(f"{kind}, rate {rate}: nats/{context.unit} after the best number of steps: {best}")
        self.kind, self.rate = min(curves, key=lambda key: sum(map(min, curves[key].values())))
        chosen = curves[self.kind, self.rate]
        self.steps_at = {0: 0} | {shots: curve.index(min(curve)) for shots, curve in chosen.items()}
        self.notes |= {"optimiser": self.kind, "rate": self.rate}
        self.notes |= {f"steps at {shots} shots": steps for shots, steps in self.steps_at.items()}

    def _curve(self, kind: Optimiser, rate: float, episodes: Sequence[Episode]) -> list[float]:
        """Nats per unit after 0, 1, 2, ... steps; inf where they have led astray."""
        curve = np.zeros(self.steps + 1)
        for episode in episodes:
            models = tuned(self.model, [song.tokens for song in episode.support], kind, rate)
            static = map(LSTMPredictor, islice(models, len(curve)))
            curve += [episode_nll(predictor, episode, self.model.bias.device) for predictor in static]
        return np.nan_to_num(curve / len(episodes), nan=np.inf).tolist()

    def adapt(self, support: Sequence[Tokens]) -> FineTuningPredictor:
        """Take the steps."""
        return FineTuningPredictor(self, support)


class FineTuningPredictor:
    """The model after as many steps as its support is worth."""

    def __init__(self, submission: FineTuning, songs: Sequence[Tokens]) -> None:
        self.submission, self.songs = submission, list(songs)
        self.tuned: LSTMPredictor | None = self._tune()

    def observe(self, song: Tokens) -> None:
        """In the streaming protocol a query song joins the support."""
        self.songs.append(song)
        self.tuned = None  # until the next song is to be scored, if there is one

    def logits(self, songs: Tensor) -> Tensor:
        """[B, T] -> [B, T, V]."""
        self.tuned = self.tuned or self._tune()
        return self.tuned.logits(songs)

    def stream(self) -> LSTMStream:
        """Token by token."""
        self.tuned = self.tuned or self._tune()
        return self.tuned.stream()

    def _tune(self) -> LSTMPredictor:
        own = self.submission
        steps = chosen_for(len(self.songs), own.steps_at)
        models = tuned(own.model, self.songs, own.kind, own.rate)
        return LSTMPredictor(next(islice(models, steps, None)))


def tuned(
    model: LSTMLanguageModel, support: Sequence[Tokens], kind: Optimiser, rate: float
) -> Iterator[LSTMLanguageModel]:
    """A copy of the model after 0, 1, 2, ... steps; the same object every time."""
    model = model.adaptable()
    yield model
    make = torch.optim.Adam if kind == "adam" else torch.optim.SGD
    optimiser = make(model.parameters(), lr=rate)
    songs = padded(support, model.bias.device)
    targets = songs[songs != PAD]
    while True:
        with torch.enable_grad(), half(songs.device):
            loss = model.nats(model.features(shift(songs))[0][songs != PAD], targets) / len(targets)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        yield model
