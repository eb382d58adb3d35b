"""Several models, each adapted to the support, mixed token by token.

    geometric    p(x) = prod_i p_i(x)^{l_i} / Z        Z sums over the vocabulary
    linear       p(x) = sum_i w_i p_i(x)

Both are normalised, and no weight depends on the token that is scored, so both are exact. The powers l depend
on the position, the number of shots and the entropy of each expert, and go on learning along the song
(`common/geometric.py`). The weights w follow the posterior of each expert along the song
(`common/mixture.py`). Mattern 2013, "Linear and Geometric Mixtures - Analysis"; context mixing in PAQ.

Every expert is fitted as if it were alone. The gate is then fitted on validation episodes of all numbers of
shots together, and eta or the temper is chosen on those of the headline's number of shots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from common.constrained import Constrained, constrained
from common.few_shot import choose, episode_nll, headline_shots, held_out_episodes, support_of
from common.geometric import Gate, GeometricPredictor, cut_off, fit_gate
from common.mixture import Given, MixturePredictor, fit_weights
from dynamic_evaluation import DynamicEvaluation
from lstm import LSTM
from ngram_cache import NGramCache
from pitman_yor import PitmanYor
from torch import Tensor
from tqdm import tqdm
from transformer_context import TransformerContext
from transposed import Transposed
from two_caches import TwoCaches

from fsdl_bench import BadInput, Episode, FitContext, Split, Tokens, pad

EXPERTS = {
    "lstm": LSTM,
    "dynamic_evaluation": DynamicEvaluation,
    "two_caches": TwoCaches,
    "transposed": Transposed,
    "ngram_cache": NGramCache,
    "pitman_yor": PitmanYor,
    "transformer_context": TransformerContext,
}
SIZED = {"lstm", "dynamic_evaluation", "two_caches", "transposed"}
"""Experts that have a size."""

RATES = (0.0, 0.001, 0.003, 0.01, 0.03)
TEMPERS = (0.0, 0.03, 0.1, 0.3, 1.0)

PLACES = 256
"""Tokens of each validation episode that the gate is fitted to, drawn at random."""

WHOLE = 6
"""Validation episodes whose songs are scored from start to end, to choose eta or the temper."""


@dataclass(eq=False)
class Mixture:
    """Several adapted models as one.

    Args:
        experts: names from `EXPERTS`.
        way: "geometric" or "linear".
        size: of the experts that have a size.
        rate: eta of the geometric mixture; chosen on validation if None.
        temper: of the linear mixture; chosen on validation if None.
        episodes: validation episodes, for each number of shots, that the gate is fitted to.
    """

    experts: tuple[str, ...] = ("dynamic_evaluation", "two_caches", "ngram_cache")
    way: Literal["geometric", "linear"] = "geometric"
    size: str = "hour"
    rate: float | None = None
    temper: float | None = None
    episodes: int = 12

    family: ClassVar[str] = "mixture"
    budget: ClassVar[str] = "open"
    system: ClassVar[bool] = True

    def __post_init__(self) -> None:
        unknown = set(self.experts) - set(EXPERTS)
        if unknown or not self.experts:
            raise BadInput(
                f"experts: expected some of {', '.join(EXPERTS)}; found {', '.join(unknown) or 'none'}"
            )
        if self.way not in ("geometric", "linear"):
            raise BadInput(f"way: expected geometric or linear, found {self.way!r}")

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Fit every expert, then the gate, then eta or the temper."""
        self.codec = context.codec
        self.notes: dict[str, Any] = {}
        self.models = [self._expert(name, train, validation, context) for name in self.experts]
        drawn, whole = self._scored(validation, context)
        if self.way == "linear":
            self.weights = fit_weights([logs for logs, *_ in drawn], [tokens for _, tokens, *_ in drawn])
            self.notes |= dict(zip(self.experts, self.weights.tolist(), strict=True))
        else:
            self.gate = Gate(len(self.experts)).to(context.device)
            self.notes["nats/token of the gate"] = fit_gate(self.gate, drawn)
        choices, given, label = (
            (TEMPERS, self.temper, "temper") if self.way == "linear" else (RATES, self.rate, "eta")
        )

        def score(setting: float) -> float:
            figures = [
                episode_nll(self._mixed([*map(Given, scores)], setting, shots), episode, context.device)
                for scores, episode, shots in whole
            ]
            return float(np.mean(figures))

        self.setting = choose(choices if given is None else (given,), score, label, context.log)
        self.notes[label] = self.setting

    def _expert(self, name: str, train: Split, validation: Split, context: FitContext) -> Any:
        """Return a fitted expert, from the store if it was fitted before."""
        settings = {"size": self.size} if name in SIZED else {}

        def fitted(part: FitContext) -> Any:
            model = EXPERTS[name](**settings)
            model.fit(train, validation, part)
            return model

        return context.once(name, settings, fitted)

    def _scored(
        self, validation: Split, context: FitContext
    ) -> tuple[list[tuple[Tensor, Tensor, Tensor, int]], list[tuple[Tensor, Episode, int]]]:
        """Return the examples for `fit_gate`, and (log p_i [M, B, T, V], episode, K) of whole episodes."""
        random = np.random.default_rng(context.seed)
        drawn: list[tuple[Tensor, Tensor, Tensor, int]] = []
        whole: list[tuple[Tensor, Episode, int]] = []
        chances = [
            (episode, shots)
            for shots in sorted({*context.shots})
            for episode in held_out_episodes(validation, context, shots, self.episodes)
        ]
        for episode, shots in tqdm(chances, desc="experts", unit="episode"):
            songs = pad([song.tokens for song in episode.query], context.device)
            scores = self._scores(songs, episode)
            places = np.concatenate(
                [[(row, t) for t in range(len(song.tokens))] for row, song in enumerate(episode.query)]
            )
            rows, positions = torch.from_numpy(random.permutation(places)[:PLACES]).to(context.device).T
            drawn.append((scores[:, rows, positions], songs[rows, positions], positions, shots))
            if shots == headline_shots(context) and len(whole) < WHOLE:
                whole.append((scores, episode, shots))
        return drawn, whole

    @torch.no_grad()
    def _scores(self, songs: Tensor, episode: Episode) -> Tensor:
        adapted = [model.adapt(support_of(episode)) for model in self.models]
        return torch.stack([cut_off(predictor.logits(songs)).float() for predictor in adapted])

    def _mixed(self, experts: Sequence[Any], setting: float, shots: int) -> Any:
        if self.way == "linear":
            return MixturePredictor(experts, self.weights, setting)
        gate = Gate(len(experts), setting).to(self.gate.weight.device)
        gate.load_state_dict(self.gate.state_dict())
        return GeometricPredictor(experts, gate, shots)

    def adapt(self, support: Sequence[Tokens]) -> Constrained:
        experts = [model.adapt(support) for model in self.models]
        return constrained(self._mixed(experts, self.setting, len(support)), self.codec)

    def parameters(self) -> int:
        """Return the number of all experts' parameters; what they share is counted for each."""
        total = 0
        for model in self.models:
            own = model.parameters()
            total += own if isinstance(own, int) else sum(weight.numel() for weight in own)
        return total
