"""Fine-tuning of the trained `lstm.py` on the support: a few gradient steps, then static scoring.

    theta_{i+1} = Optimiser(theta_i, grad L_S(theta_i))      L_S = nats per token of all support songs

Every step uses the whole support, and each song starts from the zero state, so the order of the songs does
not matter. Adam's moments are zero at the start of each episode. In the streaming protocol the observed songs
join the support, and the trained weights are fine-tuned again.

Adam or SGD and the rate are chosen on validation episodes of the headline's number of shots, then the number
of steps for each number of shots: one song soon overfits, twenty allow more steps. Zero steps are among the
choices, and the only one without support.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any, ClassVar, Literal

import numpy as np
import torch
import torch._dynamo  # torch.optim would import it at its first use, in every cell of a verified run
from common.constrained import Constrained, constrained
from common.few_shot import (
    choose,
    episode_nll,
    for_shots,
    headline_shots,
    held_out_episodes,
    support_of,
    support_sizes,
)
from common.lstm import LSTMLanguageModel
from common.pieces import half
from common.predictors import LSTMPredictor, LSTMStream
from common.pretrained import choice
from common.text import shift
from lstm import LSTM
from torch import Tensor
from tqdm import tqdm

from fsdl_bench import PAD, Episode, FitContext, Split, Tokens, pad

Optimiser = Literal["adam", "sgd"]
RATES: dict[Optimiser, tuple[float, ...]] = {"adam": (3e-4, 1e-3, 3e-3), "sgd": (0.3, 1.0)}


@dataclass(eq=False)
class FineTuning(LSTM):
    """LSTM fine-tuned on the support by a few steps of Adam or SGD.

    Args:
        optimiser: "adam" or "sgd"; the better on validation if None.
        steps: the largest number of gradient steps.
        episodes: validation episodes, for each number of shots, that rate and steps are chosen on.
    """

    optimiser: Optimiser | None = None
    steps: int = 8
    episodes: int = 8

    family: ClassVar[str] = "fine-tuning"
    ignores_support: ClassVar[bool] = False

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Train or reuse the LSTM, and choose optimiser, rate and steps."""
        super().fit(train, validation, context)
        self.trained = choice(self, "fine_tuning", context)
        found = self.trained.choose(lambda: self._search(validation, context))
        self.kind, self.rate = found["optimiser"], found["rate"]
        self.steps_at = {0: 0} | {shots: found[f"steps at {shots} shots"] for shots in support_sizes(context)}
        self.notes |= found

    def _search(self, validation: Split, context: FitContext) -> dict[str, Any]:
        """Return optimiser, rate, and the steps for each number of shots."""
        kinds = [self.optimiser] if self.optimiser else list(RATES)
        headline = max(1, headline_shots(context))

        @cache
        def curve(kind: Optimiser, rate: float, shots: int) -> list[float]:
            return self._curve(kind, rate, held_out_episodes(validation, context, shots, self.episodes))

        kind, rate = choose(
            [(kind, rate) for kind in kinds for rate in RATES[kind]],
            lambda setting: min(curve(*setting, headline)),
            f"optimiser and rate at {headline} shots",
            context.log,
        )
        found: dict[str, Any] = {"optimiser": kind, "rate": rate}
        for shots in tqdm(support_sizes(context), desc="steps", unit="number of shots"):
            nlls = curve(kind, rate, shots)
            found[f"steps at {shots} shots"] = nlls.index(min(nlls))
        return found

    def _curve(self, kind: Optimiser, rate: float, episodes: Sequence[Episode]) -> list[float]:
        """Return nats per unit after 0, 1, 2, ... steps; inf where training diverged."""
        curve = np.zeros(self.steps + 1)
        for episode in episodes:
            models = tuned(self.model, support_of(episode), kind, rate)
            static = map(LSTMPredictor, islice(models, len(curve)))
            curve += [episode_nll(predictor, episode, self.model.device) for predictor in static]
        return np.nan_to_num(curve / len(episodes), nan=np.inf).tolist()

    def adapt(self, support: Sequence[Tokens]) -> Constrained:
        return constrained(FineTuningPredictor(self, support), self.codec)


class FineTuningPredictor:
    """The model fine-tuned on some songs."""

    def __init__(self, submission: FineTuning, songs: Sequence[Tokens]) -> None:
        self.submission, self.songs = submission, list(songs)
        self._tuned: LSTMPredictor | None = self._tune()

    @property
    def tuned(self) -> LSTMPredictor:
        """The predictor after the last step."""
        if self._tuned is None:
            self._tuned = self._tune()
        return self._tuned

    def observe(self, song: Tokens) -> None:
        """Add a song to the support; the next score fine-tunes again."""
        self.songs.append(song)
        self._tuned = None

    def logits(self, songs: Tensor) -> Tensor:
        return self.tuned.logits(songs)

    def stream(self, songs: int = 1) -> LSTMStream:
        return self.tuned.stream(songs)

    def _tune(self) -> LSTMPredictor:
        own = self.submission
        steps = for_shots(own.steps_at, len(self.songs))
        models = tuned(own.model, self.songs, own.kind, own.rate)
        return LSTMPredictor(next(islice(models, steps, None)))


def tuned(
    model: LSTMLanguageModel, support: Sequence[Tokens], kind: Optimiser, rate: float
) -> Iterator[LSTMLanguageModel]:
    """Yield a copy of the model after 0, 1, 2, ... steps; the same object every time."""
    model = model.adaptable()
    yield model
    make = torch.optim.Adam if kind == "adam" else torch.optim.SGD
    optimiser = make(model.parameters(), lr=rate)
    songs = pad(support, model.device)
    targets = songs[songs != PAD]
    while True:
        with torch.enable_grad(), half(songs.device):
            loss = model.nats(model.features(shift(songs))[0][songs != PAD], targets) / len(targets)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        yield model
