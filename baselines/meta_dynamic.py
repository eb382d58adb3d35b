"""Dynamic evaluation with meta-learned rates: over the support, and over the song that is scored.

`dynamic_evaluation.py` has one eta for a song, one for the support and one lambda, from a grid. Here each of
the model's tensors has its own, and the support's depend on the number of songs K as well:

    theta <- theta - e^u eta g / (sqrt(MS) + eps) + min(1, e^v lambda R) (theta_0 - theta)

with u and v of the song, or of K support songs. (Section 4.3.1 of the proposal, Larochelle, Finn & Ravi 2017,
asks for dynamic evaluation that is meta-trained for the episodes, also over the test songs; Sun et al. 2025,
arXiv 2512.23675, learn the rate of such a loop end to end.) u and v are 0 at first: dynamic evaluation.

They are learned on episodes of the meta-training artists. The outer loss is what counts in the end: the nats
of each segment of the query songs before its update. Its gradient is carried forward along the song. With Z_j
the derivative of tensor j with respect to one of these logarithms, a segment with gradient g adds <g_j, Z_j>
to the outer gradient, and then

    Z_j <- (1 - b_j) Z_j + the part of the update that this logarithm scales

Second derivatives of the loss are left out, as in first-order MAML; after one update the outer gradient is
exact. So meta-training costs little more than dynamic evaluation itself, and reaches back over the support.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from common.constrained import Constrained, constrained
from common.dynamic import DynamicPredictor, Learner, Rule
from common.few_shot import for_shots, support_sizes
from common.lstm import LSTMLanguageModel
from common.meta_training import MetaTraining
from dynamic_evaluation import DynamicEvaluation
from torch import Tensor, nn

from fsdl_bench import PAD, EpisodeBatch, FitContext, Split, Tokens


@dataclass(eq=False)
class MetaDynamic(MetaTraining, DynamicEvaluation):
    """LSTM whose weights go on learning, at rates that were meta-learned.

    rate, pull and support_rate are where the rates start; None searches for them, see `DynamicEvaluation`.
    """

    rate: float | None = 3e-4
    pull: float | None = 1e-3
    support_rate: float | None = 1e-4
    meta_peak: float = 0.05
    meta_batch: int = 1
    meta_batches: int = 200
    meta_every: int = 40
    most_shots: int = 10

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Train or reuse the LSTM, then learn the rates on episodes."""
        super().fit(train, validation, context)
        self.learner = RateLearner(self.model, support_sizes(context)).to(context.device)
        self.notes |= self.meta_train(
            "meta_dynamic", self.learner, self._predictor, self._loss, train, validation, context
        )
        for name, rates in self.learner.named_parameters():
            self.notes[f"log factors of {name}"] = " ".join(
                f"{rate:.2f}" for rate in rates.flatten().tolist()
            )

    def _predictor(self, songs: Sequence[Tokens]) -> DynamicPredictor:
        song, support = self.learner.rules(self.within_song, self.over_support)
        return DynamicPredictor(self.model, support, song, songs)

    def _loss(self, batch: EpisodeBatch, _: np.random.Generator) -> Tensor:
        """Return a loss with the outer gradient of some episodes."""
        rules = self.learner.rules(self.within_song, self.over_support)
        nats = [
            self.learner.surrogate(self.model, rules, support, query)
            for support, query in zip(batch.support, batch.query, strict=True)
        ]
        return torch.stack(nats).sum() / batch.query_lengths.sum()

    def adapt(self, support: Sequence[Tokens]) -> Constrained:
        return constrained(self._predictor(support), self.codec)

    def parameters(self) -> list[nn.Parameter]:
        """Return those of the LSTM and the logarithms of the rates."""
        return [*self.model.parameters(), *self.learner.parameters()]


Rules = tuple[Rule, dict[int, Rule]]
"""The rule within a song, and the rules over the support by number of songs."""


class RateLearner(nn.Module):
    """u, v and u_K.

    Args:
        model: whose tensors have rates.
        sizes: the numbers of support songs that have rates.
    """

    def __init__(self, model: LSTMLanguageModel, sizes: Sequence[int]) -> None:
        super().__init__()
        count = len(list(model.parameters()))
        self.sizes = list(sizes)
        self.song_rates, self.song_pulls = (nn.Parameter(torch.zeros(count)) for _ in range(2))
        self.support_rates, self.support_pulls = (
            nn.Parameter(torch.zeros(len(sizes), count)) for _ in range(2)
        )

    def rules(self, song: Rule, support: dict[int, Rule]) -> Rules:
        """Return the rules with the learned factors; those of the given ones are 1."""
        rows = zip(self.sizes, self.support_rates, self.support_pulls, strict=True)
        return (
            scaled(song, self.song_rates, self.song_pulls),
            {0: support.get(0, song)} | {k: scaled(support[k], *logs) for k, *logs in rows},
        )

    def surrogate(self, model: LSTMLanguageModel, rules: Rules, support: Tensor, query: Tensor) -> Tensor:
        """Return a scalar whose gradient is the outer gradient of one episode.

        Args:
            model: theta_0.
            rules: from `rules`.
            support: int64 [K, T], padded; K may be 0.
            query: int64 [Q, T], padded.
        """
        tracer = Tracer(model)
        if songs := len(support):
            rule = for_shots(rules[1], songs)
            tracer.start("support")
            tracer.learn(support[:, : longest(support)], rule)
        kept = tracer.kept()
        for song in query:
            tracer.put(kept)
            tracer.start("song")
            tracer.score(song[: longest(song[None])], rules[0])
        row = max((i for i, size in enumerate(self.sizes) if size <= songs), default=0)
        logs = {
            "song": (self.song_rates, self.song_pulls),
            "support": (self.support_rates[row], self.support_pulls[row]),
        }
        total = self.song_rates.sum() * 0.0
        for phase, found in tracer.outer.items():
            for log, gradient in zip(logs[phase], found, strict=True):
                total = total + (log * gradient.to(log)).sum()
        return total


def longest(songs: Tensor) -> int:
    """Return the length of the longest of some padded songs [N, T]."""
    return int((songs != PAD).sum(1).max())


def scaled(rule: Rule, log_rates: Tensor, log_pulls: Tensor) -> Rule:
    """Return a rule with factors on rates and pulls, one for each tensor."""
    rates = log_rates.detach().exp().tolist()
    pulls = log_pulls.detach().exp().tolist()
    return replace(
        rule,
        rates=[rate * factor for rate, factor in zip(rule.rates, rates, strict=True)],
        pulls=[(pull * factor).clamp(max=1.0) for pull, factor in zip(rule.pulls, pulls, strict=True)],
    )


class Tracer(Learner):
    """A learner that knows how its weights depend on the logarithms of the rates.

    Attributes:
        outer: for each phase, the outer gradient of log rates and log pulls, each [tensors].
    """

    def __init__(self, model: LSTMLanguageModel) -> None:
        super().__init__(model)
        self.outer: dict[str, tuple[Tensor, Tensor]] = {}
        self.traces: dict[str, tuple[list[Tensor], list[Tensor]]] = {}
        self.phase = ""

    def start(self, phase: str) -> None:
        """Begin a phase; what its own rates have done so far is nothing."""
        self.phase = phase
        self.traces[phase] = tuple([torch.zeros_like(w) for w in self.weights] for _ in range(2))  # type: ignore[assignment]
        count = len(self.weights)
        self.outer.setdefault(phase, (torch.zeros(count), torch.zeros(count)))

    def kept(self) -> list[Tensor]:
        """Return the weights, and the traces of the support, to start every query song from."""
        traces = [trace.clone() for group in self.traces.get("support", ()) for trace in group]
        return [*self.copy_of_weights(), *traces]

    @torch.no_grad()
    def put(self, weights: Sequence[Tensor]) -> None:
        """Set weights, and traces of the support if they are given as well."""
        count = len(self.weights)
        super().put(weights[:count])
        if len(weights) > count:
            copies = [trace.clone() for trace in weights[count:]]
            self.traces["support"] = copies[:count], copies[count:]

    @torch.no_grad()
    def _move(self, gradients: Sequence[Tensor], rule: Rule, songs: int = 1) -> None:
        if self.phase == "song":
            for phase, groups in self.traces.items():
                for outer, traces in zip(self.outer[phase], groups, strict=True):
                    for j, (gradient, trace) in enumerate(zip(gradients, traces, strict=True)):
                        outer[j] += rule.segment * (gradient * trace).sum().cpu()
        for groups in self.traces.values():
            for traces in groups:
                for trace, pull in zip(traces, rule.pulls, strict=True):
                    trace.mul_(1 - pull)
        own_rates, own_pulls = self.traces[self.phase]
        for weight, origin, pull, trace in zip(self.weights, self.origin, rule.pulls, own_pulls, strict=True):
            trace.addcmul_(origin - weight, torch.as_tensor(pull))
        share = self.share(gradients, rule, songs)
        for gradient, rate, trace in zip(gradients, rule.rates, own_rates, strict=True):
            trace.addcmul_(gradient, torch.as_tensor(rate), value=-share * rule.eta)
        super()._move(gradients, rule, songs)
