"""Neural statistician on the trained `lstm.py`, with a discrete context: each artist speaks one of K codes.

Edwards & Storkey 2017, "Towards a Neural Statistician": a latent context c is shared by all songs of a set.
There q(c | S) is Gaussian and the likelihood a bound. Here c is one of K codes, so that every sum is exact
(Hewitt et al. 2018, "The Variational Homoencoder", note that a strong decoder ignores c unless c has been
inferred from other songs than the one being scored; so it is here):

    p(S, q) = sum_c pi_c prod_k p(s_k | c) p(q | c)
    p(x_t | x_<t, c) = softmax(E ((1 + scale_c) f_t + shift_c) + a)

f_t are the LSTM's features. Songs are hundreds of nats long, so the plain posterior would be sure of one code
after a single song, however little the codes differ. Both posteriors are tempered, as a part of the model:

    w_c       = pi_c prod_k p(s_k | c)^(1 / tau_K) / normaliser         1 / tau_K = exp(u - v log max(K, 1))
    p(x_t)    = sum_c w_c,t p(x_t | x_<t, c)                            w_c,t ~ w_c prod_{s<t} p(x_s | c)^b

pi, scale, shift, u, v and b are learnt on episodes, by the exact nats of the query songs; the LSTM stays as
it is. The codes start from a k-means clustering of the meta-training artists: of the mean gradients of their
log-probability with respect to f_t. The notes report KL(w || pi), in nats, on validation episodes. In the
streaming protocol an observed song joins the support.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from common.constrained import Constrained, constrained
from common.few_shot import headline_shots, held_out_episodes, support_of
from common.heads import Read, read, read_songs
from common.lstm import LSTMLanguageModel, State
from common.meta_training import MetaTraining
from common.mixture import MixturePredictor
from common.pieces import half
from common.predictors import StepFeatures
from common.text import shift
from common.training_features import TrainingFeatures
from lstm import LSTM
from scipy.cluster.vq import kmeans2
from torch import Tensor, nn

from fsdl_bench import FitContext, Split, Tokens, pad

SONGS = 6
"""Songs of each meta-training artist that the first codes are computed from."""

STEP = 0.05
"""The length of the first shifts as a share of the features' norm."""


@dataclass(eq=False)
class NeuralStatistician(MetaTraining, LSTM):
    """LSTM under one of K codes, inferred from the support and from the song so far.

    Args:
        codes: K.
    """

    codes: int = 8
    meta_batch: int = 2
    meta_peak: float = 3e-3
    most_shots: int = 5

    family: ClassVar[str] = "latent"
    ignores_support: ClassVar[bool] = False

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Train or reuse the LSTM, then learn the codes on episodes."""
        super().fit(train, validation, context)
        self.learner = CodeLearner(self.model, self.codes).to(context.device)
        self.learner.cluster(self.model, train, context.seed)
        self.notes |= self.meta_train(
            "neural_statistician",
            self.learner,
            lambda songs: StatisticianPredictor(self.model, self.learner, songs),
            TrainingFeatures(self.model, train).loss(self.learner),
            train,
            validation,
            context,
        )
        episodes = held_out_episodes(validation, context, headline_shots(context), self.episodes)
        divergence = [
            StatisticianPredictor(self.model, self.learner, support_of(e)).divergence() for e in episodes
        ]
        self.notes |= {f"KL in nats at {headline_shots(context)} shots": float(np.mean(divergence))}

    def adapt(self, support: Sequence[Tokens]) -> Constrained:
        return constrained(StatisticianPredictor(self.model, self.learner, support), self.codec)

    def parameters(self) -> list[nn.Parameter]:
        return [*self.model.parameters(), *self.learner.parameters()]


class CodeLearner(nn.Module):
    """The codes and their weights.

    Args:
        model: the LSTM; it is not part of the learner.
        codes: K.
    """

    def __init__(self, model: LSTMLanguageModel, codes: int) -> None:
        super().__init__()
        size = model.embed.embedding_dim
        self.embedding: Tensor
        self.bias: Tensor
        self.register_buffer("embedding", model.embed.weight.detach(), persistent=False)
        self.register_buffer("bias", model.bias.detach(), persistent=False)
        self.log_prior = nn.Parameter(torch.zeros(codes))
        self.scale, self.shift = (nn.Parameter(torch.zeros(codes, size)) for _ in range(2))
        self.evidence = nn.Parameter(torch.tensor([math.log(0.1), 0.0]))
        self.log_temper = nn.Parameter(torch.tensor(0.0))

    @torch.no_grad()
    def cluster(self, model: LSTMLanguageModel, train: Split, seed: int) -> None:
        """Set the shifts to the centres of the artists' mean gradients, scaled to the length `STEP`."""
        means, norms = [], []
        for artist in train.artists:
            songs = read(model, pad([song.tokens for song in artist.songs[:SONGS]], model.device))
            features, targets = songs.features[songs.scored], songs.tokens[songs.scored]
            missing = self.embedding[targets] - model.scores(features).softmax(-1) @ self.embedding
            means.append(missing.mean(0).cpu())
            norms.append(float(features.norm(dim=-1).mean()))
        points = torch.stack(means)
        points = points - points.mean(0)
        few = min(len(self.shift), len(points))
        centres, _ = kmeans2(points.double().numpy(), few, minit="++", rng=np.random.default_rng(seed))
        centres = torch.from_numpy(centres).to(self.shift)
        self.shift[:few] = STEP * float(np.mean(norms)) * nn.functional.normalize(centres, dim=-1)

    def scores(self, features: Tensor, code: int) -> Tensor:
        """Return E ((1 + scale_c) f + shift_c) + a for features [..., D]."""
        changed = (1 + self.scale[code]) * features + self.shift[code]
        scores: Tensor = nn.functional.linear(changed, self.embedding, self.bias)
        return scores

    def gained(self, songs: Read) -> Tensor:
        """Return log p(x_t | x_<t, c) of all tokens that are no padding, song after song: [K, N]."""
        features, targets = songs.features[songs.scored], songs.tokens[songs.scored]
        with half(features.device):
            scores = [self.scores(features, code).to(self.bias.dtype) for code in range(len(self.shift))]
        return -torch.stack([nn.functional.cross_entropy(one, targets, reduction="none") for one in scores])

    def log_weights(self, evidence: Tensor, songs: int) -> Tensor:
        """Return log w [K], for the support's log p(S | c) [K]."""
        u, v = self.evidence.unbind()
        inverse = (u - v * math.log(max(songs, 1))).exp()
        return (self.log_prior.log_softmax(0) + inverse * evidence).log_softmax(0)

    def nats(self, support: Read, query: Read) -> Tensor:
        """Return the nats of all query songs of one episode: a scalar."""
        evidence = self.gained(support).sum(1)
        log_weights = self.log_weights(evidence, len(support.tokens))[:, None]
        nats = evidence.new_zeros(())
        for gained in torch.split(self.gained(query), query.scored.sum(1).tolist(), dim=1):
            before = torch.cat([torch.zeros_like(gained[:, :1]), gained[:, :-1].cumsum(1)], dim=1)
            posterior = (log_weights + self.log_temper.exp() * before).log_softmax(0)
            nats = nats - (posterior + gained).logsumexp(0).sum()
        return nats


class StatisticianPredictor:
    """The mixture of codes, with weights from a support.

    Args:
        model: the LSTM.
        learner: the codes.
        songs: the support.
    """

    def __init__(self, model: LSTMLanguageModel, learner: CodeLearner, songs: Sequence[Tokens]) -> None:
        self.model, self.learner = model, learner
        self.evidence, self.songs = torch.zeros_like(learner.log_prior, dtype=torch.float64), 0
        for song in songs:
            self.observe(song)

    @torch.no_grad()
    def observe(self, song: Tokens) -> None:
        """Add a song to the support."""
        gained = self.learner.gained(read_songs(self.model, [song]))
        self.evidence, self.songs = self.evidence + gained.double().sum(1), self.songs + 1

    @torch.no_grad()
    def divergence(self) -> float:
        """Return KL(w || pi) in nats."""
        log_w = self.learner.log_weights(self.evidence, self.songs)
        return float((log_w.exp() * (log_w - self.learner.log_prior.log_softmax(0))).sum())

    @torch.no_grad()
    def mixture(self) -> CodeMixture:
        """Return the exact predictive."""
        weights = self.learner.log_weights(self.evidence, self.songs).double().exp()
        return CodeMixture(self.model, self.learner, weights)

    def logits(self, songs: Tensor) -> Tensor:
        return self.mixture().logits(songs)

    def stream(self, songs: int = 1) -> object:
        return self.mixture().stream(songs)


class CodeMixture(MixturePredictor):
    """The mixture of codes with given weights [K]; the codes share the LSTM's features."""

    def __init__(self, model: LSTMLanguageModel, learner: CodeLearner, weights: Tensor) -> None:
        super().__init__(range(len(weights)), weights, float(learner.log_temper.exp()))
        self.model, self.learner = model, learner

    @torch.no_grad()
    def scores(self, songs: Tensor) -> Sequence[Tensor]:
        features = self.model.features(shift(songs))[0]
        return [self.learner.scores(features, code) for code in self.experts]

    def steps(self, songs: int) -> Callable[[Tensor], Sequence[Tensor]]:
        step_features = StepFeatures(self.model)
        state: State | None = None

        @torch.no_grad()
        def step(tokens: Tensor) -> Sequence[Tensor]:
            nonlocal state
            features, state = step_features(tokens, state)
            return [self.learner.scores(features, code) for code in self.experts]

        return step
