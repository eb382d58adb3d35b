"""Geometric mixing of predictors: powers of their probabilities, normalised over the vocabulary.

    log p(x) = sum_i l_i log p_i(x) - log Z           Z = sum_x prod_i p_i(x)^l_i

    l_i = g_i + d_i                                   the gate, and what was learnt along the song
    g_i = sum_f W_if c_f                              c: 1, position, shots, entropy of each expert
    d_i <- d_i + eta (log p_i(x) - E_p log p_i)       after token x was scored, from d = 0 in each song

The last line is a step of gradient ascent on log p(x) (Mattern 2013, "Linear and Geometric Mixtures -
Analysis"; logistic mixing in PAQ). p is normalised and exact: l depends on earlier tokens only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from common.mixture import coarsest, log_probabilities

LONGEST = 1024
"""The position at which its feature reaches 1."""

LEAST = -40.0
"""Log-probabilities are cut off here, so that an expert that rules a token out cannot rule it out for all."""


class Gate(nn.Module):
    """W, for a number of experts. It begins with the same power 1 / M for each.

    Args:
        experts: M.
        rate: eta.
    """

    def __init__(self, experts: int, rate: float = 0.0) -> None:
        super().__init__()
        self.rate = rate
        self.weight = nn.Parameter(torch.zeros(experts, 3 + experts, dtype=torch.float64))
        with torch.no_grad():
            self.weight[:, 0] = 1 / experts

    def forward(self, logs: Tensor, position: Tensor, shots: int) -> Tensor:
        """Return g, [M, ...].

        Args:
            logs: log p_i, [M, ..., V].
            position: of the tokens, broadcastable to [...].
            shots: K.
        """
        entropy = -(logs.exp() * logs).sum(-1) / math.log(logs.shape[-1])
        one = torch.ones_like(entropy[0])
        where = (torch.log1p(position.double()) / math.log1p(LONGEST)).expand_as(one)
        known = one * (math.log1p(shots) / math.log1p(20))
        context = torch.stack([one, where, known, *entropy])
        return torch.einsum("if,f...->i...", self.weight, context)


def combine(logs: Tensor, powers: Tensor) -> Tensor:
    """Return log p, [..., V], for log p_i [M, ..., V] and l [M, ...]."""
    return (powers[..., None] * logs).sum(0).log_softmax(-1)


def cut_off(scores: Tensor) -> Tensor:
    """Return normalised log-probabilities, cut off at LEAST."""
    return log_probabilities(scores).clamp_min(LEAST)


class GeometricPredictor:
    """The mixture of several adapted predictors.

    Args:
        experts: M predictors.
        gate: for M experts.
        shots: K, the number of support songs that they were adapted to.
    """

    def __init__(self, experts: Sequence[Any], gate: Gate, shots: int) -> None:
        self.experts, self.gate, self.shots = experts, gate, shots

    @torch.no_grad()
    def logits(self, songs: Tensor) -> Tensor:
        """Return log-probabilities [B, T, V] in the coarsest type of the experts' scores."""
        raw = [expert.logits(songs) for expert in self.experts]
        logs = torch.stack([cut_off(one) for one in raw])
        walk = Walk(self.gate, self.shots)
        rows = []
        for t in range(songs.shape[1]):
            rows.append(walk.scores(logs[:, :, t]))
            walk.learn(songs[:, t])
        return torch.stack(rows, 1).to(coarsest(raw))

    def observe(self, song: object) -> None:
        """Hand an observed song to every expert that has `observe`; it counts as one more shot."""
        self.shots += 1
        for expert in self.experts:
            if hasattr(expert, "observe"):
                expert.observe(song)

    def stream(self, songs: int = 1) -> GeometricStream:
        return GeometricStream(self, songs)


class GeometricStream:
    """Several songs in lock-step."""

    def __init__(self, mixture: GeometricPredictor, songs: int) -> None:
        self.streams = [expert.stream(songs) for expert in mixture.experts]
        self.walk = Walk(mixture.gate, mixture.shots)

    @torch.no_grad()
    def step(self, tokens: Tensor) -> Tensor:
        self.walk.learn(tokens)
        raw = [stream.step(tokens) for stream in self.streams]
        return self.walk.scores(torch.stack([cut_off(one) for one in raw])).to(coarsest(raw))


class Walk:
    """The powers along some songs: what is carried from token to token."""

    def __init__(self, gate: Gate, shots: int) -> None:
        self.gate, self.shots, self.position = gate, shots, 0
        self.learnt: Tensor | float = 0.0
        self.last: tuple[Tensor, Tensor] | None = None

    def scores(self, logs: Tensor) -> Tensor:
        """Return log p of the next tokens, [B, V], for log p_i [M, B, V]."""
        place = torch.tensor(self.position, device=logs.device)
        found = combine(logs, self.gate(logs, place, self.shots) + self.learnt)
        self.last, self.position = (logs, found), self.position + 1
        return found

    def learn(self, tokens: Tensor) -> None:
        """Learn from the tokens [B] that were scored last; nothing before the first."""
        if self.last is None or not self.gate.rate:
            return
        logs, mixed = self.last
        gained = logs.gather(-1, tokens.expand(len(logs), -1)[..., None])[..., 0]
        expected = (mixed.exp() * logs).sum(-1)
        self.learnt = self.learnt + self.gate.rate * (gained - expected)


def fit_gate(
    gate: Gate,
    examples: Sequence[tuple[Tensor, Tensor, Tensor, int]],
    steps: int = 200,
    rate: float = 0.02,
) -> float:
    """Fit W to the likelihood of tokens, and return the final nats per token.

    Args:
        gate: changed in place; eta plays no part here.
        examples: (log p_i [M, N, V], tokens int64 [N], positions [N], K) of each validation episode.
        steps: of Adam over all examples.
        rate: of Adam.
    """
    count = sum(len(tokens) for _, tokens, _, _ in examples)
    optimiser = torch.optim.Adam(gate.parameters(), rate)
    nats = math.inf
    for _ in range(steps):
        optimiser.zero_grad()
        nats = 0.0
        for logs, tokens, positions, shots in examples:
            found = combine(logs, gate(logs, positions, shots))
            loss = -found.gather(-1, tokens[:, None]).sum() / count
            loss.backward()
            nats += float(loss.detach())
        optimiser.step()
    return nats
