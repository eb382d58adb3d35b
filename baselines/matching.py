"""Matching networks on the trained `lstm.py`: what followed in the support wherever it looked like this.

Two parts, each of which can be left out. The matching network (Vinyals, Blundell, Lillicrap, Kavukcuoglu &
Wierstra 2016) copies from the support. With f_t the LSTM's features, and f_i those that predicted token s_i,

    a_i  = softmax_i(beta F f_t . G f_i)                   over all tokens of the support
    l_t  = sigmoid(u . f_t + v . [log max_i a_i, sum_i a_i log a_i] + b_K)
    p(w) = (1 - l_t) q(w) + l_t sum_i a_i 1[s_i = w]

The gate sees how sure the attention is, never the token being scored. F and G are the identity at first, beta
is the sharpness of `two_caches.py` and l is constant, so the model starts as the support's half of that one.

The generative matching network (Bartunov & Vetrov 2018, "Few-shot Generative Modelling with Generative
Matching Networks") changes the features. In each of `hops` hops

    a = softmax(Q state . [k_0, K f_i])      r = sum a [v_0, W [f_i, E s_i]]      state <- GRU(r, state)

where (k_0, v_0) is the learned pseudo-input that makes zero shots natural. state is P f_t at first, and
q = softmax(E (f_t + O state) + a), with O zero at first. No latent variable: the likelihood is exact.

F, G, gate and hops are learnt from episodes with 0 to 20 support songs; the LSTM stays as it is. b_K is
learned for each of the track's numbers of shots. The support is a set of (features, token) pairs, so the
order of the songs does not matter. In the streaming protocol an observed song joins the support.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from common.cache import mix
from common.cache_search import mean_square
from common.constrained import Constrained, constrained
from common.few_shot import for_shots, held_out_episodes, support_sizes
from common.heads import Head, Read
from common.lstm import LSTMLanguageModel
from common.pieces import half
from common.support_reader import SupportReader
from lstm import LSTM
from torch import Tensor, nn

from fsdl_bench import FitContext, Split, Tokens

SHARE = 0.02
"""The share of the copies before meta-training."""

SHARPNESS = 10.0
"""beta times the mean square of f before meta-training."""


@dataclass(eq=False)
class Matching(SupportReader, LSTM):
    """LSTM that copies from the support, and changes its features by an attention over the support.

    Args:
        copies: mix in the tokens of the support.
        hops: reads of the support that change the features.
        width: of the keys, values and states of the hops.
    """

    copies: bool = True
    hops: int = 1
    width: int = 64

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Train or reuse the LSTM, then learn to match on episodes."""
        super().fit(train, validation, context)
        none = held_out_episodes(validation, context, 0, self.episodes)
        learner = MatchingLearner(
            self.model,
            support_sizes(context),
            SHARPNESS / mean_square(self.model, none),
            self.width,
            self.hops,
            self.copies,
        )
        self.notes |= self.learn("matching", self.model, learner, train, validation, context)

    def adapt(self, support: Sequence[Tokens]) -> Constrained:
        return constrained(self.reader(support), self.codec)


class Known(NamedTuple):
    """What the attention reads of a support.

    Attributes:
        tokens: s_i, int64 [M].
        keys: G f_i, [M, D].
        hop_keys, hop_values: of the hops, the pseudo-input first: [1 + M, width].
        songs: K.
    """

    tokens: Tensor
    keys: Tensor
    hop_keys: Tensor
    hop_values: Tensor
    songs: int


class MatchingLearner(nn.Module):
    """The parameters above.

    Args:
        model: the LSTM; it is not part of the learner.
        shots: the numbers of support songs that have a b_K.
        beta: the first sharpness.
        width: of the hops.
        hops: number of hops.
        copies: whether there is a matching network.
    """

    def __init__(
        self,
        model: LSTMLanguageModel,
        shots: Sequence[int],
        beta: float,
        width: int = 64,
        hops: int = 1,
        copies: bool = True,
    ) -> None:
        super().__init__()
        size = model.embed.embedding_dim
        self.embedding: Tensor
        self.bias: Tensor
        self.register_buffer("embedding", model.embed.weight.detach(), persistent=False)
        self.register_buffer("bias", model.bias.detach(), persistent=False)
        self.shots, self.hops, self.copies = list(shots), hops, copies
        self.to_query, self.to_key = (nn.Linear(size, size, bias=False) for _ in range(2))
        for map_ in (self.to_query, self.to_key):
            nn.init.eye_(map_.weight)
        self.log_beta = nn.Parameter(torch.tensor(beta).log())
        self.gate = nn.Linear(size + 2, 1, bias=False)
        nn.init.zeros_(self.gate.weight)
        self.openness = nn.Parameter(torch.full((len(shots),), SHARE).logit())
        self.start = nn.Linear(size, width)
        self.key, self.value = nn.Linear(size, width), nn.Linear(2 * size, width)
        self.pseudo = nn.Parameter(torch.randn(2, width) / width**0.5)
        self.cell = nn.GRUCell(width, width)
        self.out = nn.Linear(width, size, bias=False)
        nn.init.zeros_(self.out.weight)

    def known(self, support: Read) -> Known:
        """Return what the attention reads of some songs."""
        features, tokens = support.features[support.scored], support.tokens[support.scored]
        found = torch.cat([features, self.embedding[tokens]], dim=-1)
        return Known(
            tokens,
            self.to_key(features),
            torch.cat([self.pseudo[:1], self.key(features)]),
            torch.cat([self.pseudo[1:], self.value(found)]),
            len(support.tokens),
        )

    def head(self, support: Read) -> Head:
        """Return the output layer for some songs."""
        known = self.known(support)

        def scores(features: Tensor, _: int) -> Tensor:
            logs = self._scores(features, known).log_softmax(-1)
            if not (self.copies and known.songs):
                return logs
            weights, share = self.matches(features, known)
            return mix(logs, weights, known.tokens.expand_as(weights), share)

        return scores

    def nats(self, support: Read, query: Read) -> Tensor:
        """Return the nats of all query songs of one episode: a scalar."""
        features, targets = query.features[query.scored], query.tokens[query.scored]
        with half(features.device):
            known = self.known(support)
            logs = self._scores(features, known).float().log_softmax(-1).gather(-1, targets[:, None])
            if self.copies and known.songs:
                weights, share = self.matches(features, known)
                copied = (weights * (known.tokens == targets[:, None])).sum(-1, keepdim=True)
                # The gradient of log 0 is not a number.
                logs = torch.logaddexp((1 - share).log() + logs, (share * copied).clamp(min=1e-30).log())
        return -logs.sum()

    def matches(self, features: Tensor, known: Known) -> tuple[Tensor, Tensor]:
        """Return a [..., M] and l [..., 1] for features [..., D]."""
        similar = self.to_query(features) @ known.keys.T
        logs = (self.log_beta.exp() * similar).to(self.log_beta.dtype).log_softmax(-1)
        weights = logs.exp()
        sure = torch.stack([logs.amax(-1), (weights * logs).sum(-1)], dim=-1)
        openness = for_shots(dict(zip(self.shots, self.openness, strict=True)), known.songs)
        return weights, (self.gate(torch.cat([features, sure], dim=-1)) + openness).sigmoid()

    def _scores(self, features: Tensor, known: Known) -> Tensor:
        """Return E (f_t + O state) + a."""
        if self.hops:
            state = self.start(features)
            for _ in range(self.hops):
                found = (state @ known.hop_keys.T).softmax(-1) @ known.hop_values
                state = self.cell(found.flatten(0, -2), state.flatten(0, -2)).view_as(state)
            features = features + self.out(state)
        return nn.functional.linear(features, self.embedding, self.bias)
