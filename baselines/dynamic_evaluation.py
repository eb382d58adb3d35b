"""Dynamic evaluation of the trained `lstm.py`: its weights go on learning from every token that was scored.

Mikolov et al. 2010; Krause, Kahembwe, Murray & Renals 2018, "Dynamic Evaluation of Neural Sequence Models". A
song is scored segment by segment. After each segment, with g the gradient of its nats,

    sgd   theta <- theta - eta g                     + lambda (theta_0 - theta)
    rms   theta <- theta - eta g / (sqrt(MS) + eps)  + lambda min(R, 1 / lambda) (theta_0 - theta)

theta_0 are the trained weights, MS is the mean squared gradient over meta-training batches of the same
segment length, and R = sqrt(MS) / the mean over tensors of each tensor's mean of sqrt(MS): weights that
matter little move far and are pulled back weakly.

The model first learns from the support songs. Every query song then starts from the resulting weights and
goes on learning within the song. In `independent` the weights are reset before each query song; in
`streaming` the observed songs change them. A segment is scored before the model learns from it. A gradient
longer than twice the usual norm on meta-training songs is shortened to that; without this, a rate that is
best on average can diverge on a single song.

The support is a set, so its songs are read side by side: update n uses the sum of the gradients of all n-th
segments. This is close to one song after the other, but independent of their order, and faster. The support
is read three times. It has its own eta for each number of songs: what is learned from it must help every
other song of the artist, while an update within a song only has to help the rest of that song.

eta and lambda are the best of a grid on validation episodes without support; then the etas of the support are
chosen on episodes with as many songs. Segments of 50 tokens, eps 2e-5. (The paper: one eta of 5e-5, segments
of 5, lambda 0.002, MS from batches of 100.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import ClassVar, Literal

from common.constrained import Constrained, constrained
from common.dynamic import DynamicPredictor, Rule
from common.few_shot import choose, few_shot_nll, held_out_episodes, support_sizes
from common.gradient_statistics import GradientStatistics, make_rule
from common.pretrained import Trained, identity, loaded
from common.songs import SongBatches
from common.training import Training
from lstm import LSTM
from torch import Tensor

from fsdl_bench import FitContext, Split, Tokens

EPS = 2e-5
RATES = {"rms": (3e-5, 1e-4, 3e-4, 1e-3), "sgd": (0.03, 0.1, 0.3, 1.0)}
SUPPORT_RATES = {"rms": (0.0, 1e-5, 3e-5, 1e-4, 3e-4), "sgd": (0.0, 0.01, 0.03, 0.1, 0.3)}
DECAYS = (0.0, 0.001, 0.01, 0.03)


@dataclass(eq=False)
class DynamicEvaluation(LSTM):
    """LSTM whose weights go on learning, over the support and within each query song.

    Args:
        rule: "rms" or "sgd".
        segment: tokens between two updates.
        statistics: meta-training segments that MS is averaged over.
        passes: passes over the support, and over observed songs.
        rate: eta within a song; chosen on validation if None.
        pull: lambda; chosen on validation if None.
        support_rate: eta over the support and observed songs; chosen on validation for each number of shots
            if None.
        episodes: validation episodes, for each number of shots, that these are chosen on.
    """

    rule: Literal["rms", "sgd"] = "rms"
    segment: int = 50
    statistics: int = 500
    passes: int = 3
    rate: float | None = None
    pull: float | None = None
    support_rate: float | None = None
    episodes: int = 16

    family: ClassVar[str] = "test-time training"
    ignores_support: ClassVar[bool] = False

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Train or reuse the LSTM, compute the statistics of its gradients, and choose the rates."""
        super().fit(train, validation, context)
        settings = identity(self)
        self.measured = GradientStatistics(self.model, plain=self.rule == "sgd").to(context.device)
        training, chosen = Training(), {}
        if shipped := context.pretrained("dynamic_evaluation", settings):
            training, chosen = loaded(self.measured, shipped, context), dict(shipped.card.chosen)
        else:
            state = context.once("gradient-statistics", settings, lambda part: self._measure(train, part))
            self.measured.load_state_dict(state)
        self.trained = Trained("dynamic_evaluation", self.measured, training, settings, chosen)
        found = self.trained.choose(
            lambda: context.once("rates", settings, lambda part: self._search(validation, part))
        )
        self.within_song = self._rule(found["eta"], found["lambda"])
        self.over_support = {
            shots: self._over_support(found[f"eta of {shots} support songs"])
            for shots in support_sizes(context)
        }
        self.notes |= {"rule": self.rule, "segment": self.segment} | found

    def _measure(self, train: Split, context: FitContext) -> dict[str, Tensor]:
        batches = SongBatches(train, self.settings.batch, context.seed, context.device)
        return self.measured.measure(self.model, train, batches, self.segment, self.statistics)

    def _search(self, validation: Split, context: FitContext) -> dict[str, float]:
        """Return eta and lambda within a song, and the etas of the support."""
        eta, pull = self._choose_within(validation, context)
        self.within_song = self._rule(eta, pull)
        return {"eta": eta, "lambda": pull} | {
            f"eta of {shots} support songs": self._choose_over_support(shots, validation, context)
            for shots in support_sizes(context)
        }

    def _choose_within(self, validation: Split, context: FitContext) -> tuple[float, float]:
        rates = RATES[self.rule] if self.rate is None else (self.rate,)
        pulls = DECAYS if self.pull is None else (self.pull,)
        episodes = held_out_episodes(validation, context, 0, self.episodes)

        def score(setting: tuple[float, float]) -> float:
            rule = self._rule(*setting)
            return few_shot_nll(
                lambda songs: DynamicPredictor(self.model, {}, rule, songs), episodes, context.device
            )

        return choose(list(product(rates, pulls)), score, "eta and lambda", context.log)

    def _choose_over_support(self, shots: int, validation: Split, context: FitContext) -> float:
        rates = SUPPORT_RATES[self.rule] if self.support_rate is None else (self.support_rate,)
        episodes = held_out_episodes(validation, context, shots, self.episodes)

        def score(eta: float) -> float:
            rules = {shots: self._over_support(eta)}
            return few_shot_nll(
                lambda songs: DynamicPredictor(self.model, rules, self.within_song, songs),
                episodes,
                context.device,
            )

        return choose(rates, score, f"eta of {shots} support songs", context.log)

    def _rule(self, eta: float, pull: float) -> Rule:
        eps = EPS if self.rule == "rms" else 0.0
        rule = make_rule([*self.measured.roots], eta, pull, self.segment, eps)
        return replace(rule, longest=2 * float(self.measured.norm))

    def _over_support(self, eta: float) -> Rule:
        return replace(self.within_song, eta=eta, passes=self.passes)

    def adapt(self, support: Sequence[Tokens]) -> Constrained:
        predictor = DynamicPredictor(self.model, self.over_support, self.within_song, support)
        return constrained(predictor, self.codec)
