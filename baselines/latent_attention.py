"""Sequential latents with attention to the support, on the trained `lstm.py`: a code for each window.

After Rezende, Mohamed, Danihelka, Gregor & Wierstra 2016, "One-Shot Generalization in Deep Generative
Models": a sequence of latent variables, each drawn while attending to the example. There they are Gaussian
and the likelihood a bound. Here window j of 16 tokens has one of K codes z_j, and the likelihood is exact:

    r_j = sum_i softmax_i(Q f_s . K e_i / sqrt(d)) V e_i         over the windows of the support, and a null
    p(z_j | z_{j-1}, x_<, S) = softmax(A z_{j-1} + B tanh([f_s, r_j]))
    p(x_t | z_j, x_<t)       = softmax(E (f_t + P c_{z_j}) + a)

f are the LSTM's features, f_s those at the window's start, e_i the mean embedding of a window of the support
beside that of its last token. A code changes the logits only, by a bias of rank 16. It never enters the
LSTM's state, so the forward recursion over z is exact: with alpha the filtered probability of the last code,

    w_t(z) ~ [sum_z' alpha(z') p(z | z')] prod_{s < t in the window} p(x_s | z, x_<s)
    p(x_t | x_<t, S) = sum_z w_t(z) p(x_t | z, x_<t)

The codes differ little at first, and the LSTM stays as it is. All else is learnt from episodes with 0 to 5
support songs, by the exact nats of the query songs. Windows of the support carry no index, so the order of
the songs does not matter. In the streaming protocol an observed song joins the support.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from common.constrained import Constrained, constrained
from common.heads import Read, read_songs
from common.lstm import LSTMLanguageModel, State
from common.meta_training import MetaTraining
from common.mixture import log_probabilities, mixed
from common.pieces import half
from common.predictors import StepFeatures
from common.text import shift
from common.training_features import TrainingFeatures
from lstm import LSTM
from torch import Tensor, nn

from fsdl_bench import PAD, FitContext, Split, Tokens

WINDOW = 16
"""Tokens with one code."""

RANK = 16
"""Of the bias that a code adds to the logits."""


@dataclass(eq=False)
class LatentAttention(MetaTraining, LSTM):
    """LSTM with a code for each window of a song, drawn with attention to the support.

    Args:
        codes: K.
        width: d, of keys, values and r.
    """

    codes: int = 8
    width: int = 64
    meta_batch: int = 2
    meta_peak: float = 3e-3
    most_shots: int = 5

    family: ClassVar[str] = "latent"
    ignores_support: ClassVar[bool] = False

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Train or reuse the LSTM, then learn codes and transitions on episodes."""
        super().fit(train, validation, context)
        self.learner = LatentLearner(self.model, self.codes, self.width).to(context.device)
        self.notes |= self.meta_train(
            "latent_attention",
            self.learner,
            lambda songs: LatentPredictor(self.model, self.learner, songs),
            TrainingFeatures(self.model, train).loss(self.learner),
            train,
            validation,
            context,
        )

    def adapt(self, support: Sequence[Tokens]) -> Constrained:
        return constrained(LatentPredictor(self.model, self.learner, support), self.codec)

    def parameters(self) -> list[nn.Parameter]:
        return [*self.model.parameters(), *self.learner.parameters()]


class Windows(NamedTuple):
    """Keys and values [1 + M, d] of a null and of the windows of a support."""

    keys: Tensor
    values: Tensor


class LatentLearner(nn.Module):
    """The maps above.

    Args:
        model: the LSTM; it is not part of the learner.
        codes: K.
        width: d.
    """

    def __init__(self, model: LSTMLanguageModel, codes: int = 8, width: int = 64) -> None:
        super().__init__()
        size = model.embed.embedding_dim
        self.embedding: Tensor
        self.bias: Tensor
        self.register_buffer("embedding", model.embed.weight.detach(), persistent=False)
        self.register_buffer("bias", model.bias.detach(), persistent=False)
        self.query, self.key_value = nn.Linear(size, width), nn.Linear(2 * size, 2 * width)
        self.none = nn.Parameter(torch.zeros(1, 2 * width))
        self.start = nn.Parameter(torch.zeros(codes))
        self.transition = nn.Parameter(2.0 * torch.eye(codes))
        self.choose = nn.Linear(size + width, codes)
        self.code = nn.Parameter(torch.randn(codes, RANK))
        self.to_features = nn.Linear(RANK, size, bias=False)
        nn.init.normal_(self.to_features.weight, std=0.1 * size**-0.5)

    def windows(self, support: Read) -> Windows:
        """Return what the latents attend to."""
        songs, length = support.tokens.shape
        rows: Tensor = self.none
        if songs:
            padded = nn.functional.pad(support.tokens, (0, -length % WINDOW), value=PAD)
            tokens = padded.reshape(-1, WINDOW)
            known = tokens != PAD
            tokens, known = tokens[known[:, 0]], known[known[:, 0]]
            count = known.sum(1, keepdim=True)
            mean = (self.embedding[tokens] * known[..., None]).sum(1) / count
            last = self.embedding[tokens.gather(1, count - 1)[:, 0]]
            rows = torch.cat([rows, self.key_value(torch.cat([mean, last], dim=-1))])
        return Windows(*rows.chunk(2, dim=-1))

    def log_transition(self, features: Tensor, windows: Windows) -> Tensor:
        """Return log p(z_j | z_{j-1}) [..., K, K] with rows z_{j-1}, for f_s [..., D]."""
        similar = self.query(features) @ windows.keys.T / math.sqrt(windows.keys.shape[-1])
        read = similar.softmax(-1) @ windows.values
        chosen: Tensor = self.choose(torch.cat([features, read], dim=-1).tanh())
        return (self.transition + chosen[..., None, :]).log_softmax(-1)

    def scores(self, features: Tensor) -> Tensor:
        """Return E (f + P c_z) + a for features [..., D]: [K, ..., V]."""
        moved = self.to_features(self.code)
        rows = features + moved.view(-1, *[1] * (features.dim() - 1), features.shape[-1])
        scores: Tensor = nn.functional.linear(rows, self.embedding, self.bias)
        return scores

    def filtered(self, gained: Tensor, log_transitions: Tensor) -> Tensor:
        """Return log w_t [K, T], not normalised within a row, for one song.

        Args:
            gained: log p(x_t | z, x_<t), [K, T].
            log_transitions: of each window, [J, K, K].
        """
        log_alpha, rows = self.start.log_softmax(0), []
        for part, log_transition in zip(torch.split(gained, WINDOW, dim=1), log_transitions, strict=True):
            prior = (log_alpha[:, None] + log_transition).logsumexp(0)
            after = prior[:, None] + part.cumsum(1)
            rows.append(torch.cat([prior[:, None], after[:, :-1]], dim=1))
            log_alpha = after[:, -1].log_softmax(0)
        return torch.cat(rows, 1)

    def nats(self, support: Read, query: Read) -> Tensor:
        """Return the nats of all query songs of one episode: a scalar."""
        windows = self.windows(support)
        nats = self.bias.new_zeros(())
        for tokens, features, length in zip(query.tokens, query.features, query.scored.sum(1), strict=True):
            song, features = tokens[:length], features[:length]
            with half(features.device):
                scores = self.scores(features).to(self.bias.dtype)
            target = song.expand(len(scores), -1)
            gained = -nn.functional.cross_entropy(
                scores.flatten(0, 1), target.flatten(), reduction="none"
            ).view_as(target)
            log_w = self.filtered(gained, self.log_transition(features[::WINDOW], windows))
            nats = nats - (log_w.log_softmax(0) + gained).logsumexp(0).sum()
        return nats


class LatentPredictor:
    """The mixture over codes, given a support.

    Args:
        model: the LSTM.
        learner: codes and transitions.
        songs: the support.
    """

    def __init__(self, model: LSTMLanguageModel, learner: LatentLearner, songs: Sequence[Tokens]) -> None:
        self.model, self.learner, self.songs = model, learner, list(songs)
        self.windows = self._windows()

    @torch.no_grad()
    def _windows(self) -> Windows:
        return self.learner.windows(read_songs(self.model, self.songs))

    def observe(self, song: Tokens) -> None:
        """Add a song to the support."""
        self.songs.append(song)
        self.windows = self._windows()

    @torch.no_grad()
    def logits(self, songs: Tensor) -> Tensor:
        """Return log-probabilities [B, T, V]."""
        rows = self.model.features(shift(songs))[0]
        found = []
        for song, features in zip(songs, rows, strict=True):
            logs = log_probabilities(self.learner.scores(features))
            gained = logs.gather(-1, song.expand(len(logs), -1)[..., None])[..., 0]
            log_w = self.learner.filtered(
                gained, self.learner.log_transition(features[::WINDOW], self.windows).double()
            )
            found.append(mixed(logs, log_w))
        return torch.stack(found).to(rows)

    def stream(self, songs: int = 1) -> LatentStream:
        return LatentStream(self, songs)


class LatentStream:
    """Several songs in lock-step; each carries the probabilities of its codes."""

    def __init__(self, predictor: LatentPredictor, songs: int) -> None:
        self.step_features = StepFeatures(predictor.model)
        self.learner, self.windows = predictor.learner, predictor.windows
        self.state: State | None = None
        self.log_w = self.learner.start.detach().double().log_softmax(0).expand(songs, -1).T
        self.logs: Tensor | None = None
        self.position = 0

    @torch.no_grad()
    def step(self, tokens: Tensor) -> Tensor:
        if self.logs is not None:
            gained = self.logs.gather(-1, tokens.expand(len(self.logs), -1)[..., None])[..., 0]
            self.log_w = (self.log_w + gained).log_softmax(0)
        features, self.state = self.step_features(tokens, self.state)
        if self.position % WINDOW == 0:
            log_transition = self.learner.log_transition(features, self.windows).double()
            self.log_w = (self.log_w.T[:, :, None] + log_transition).logsumexp(1).T
        self.position += 1
        self.logs = log_probabilities(self.learner.scores(features))
        return mixed(self.logs, self.log_w).to(features)
