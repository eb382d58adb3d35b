"""Memory-augmented network on the trained `lstm.py`: an external memory that is written segment by segment.

Santoro, Bartunov, Botvinick, Wierstra & Lillicrap 2016, "Meta-Learning with Memory-Augmented Neural
Networks". The LSTM is the controller. The memory has 256 slots, each with a key and a value. It is empty at
the start of an episode and is read by cosine similarity in H heads:

    w_i = softmax_i(beta cos(Q [f_t, f_s, p], key_i))      r = sum_i w_i value_i      o_t = f_t + O_p r

f_t are the features at token t, f_s those at the start of its segment of 8 tokens, p its place there. After
a segment, one row is written: its key is linear in f_s and its value in the embeddings of the 8 tokens. Where
it goes is decided by least recent use, with w_r the mean reading weights of the segment:

    w_w = sigmoid(a) w_r + (1 - sigmoid(a)) w_least      use <- 0.99 use + w_r + w_w
    the least used slot is cleared, then slots <- slots + w_w row

p(x_t | x_<t, S) = softmax(E o_t + b). An empty memory reads as 0, so it leaves the LSTM as it is. (The paper
writes at every step, and has no beta: with a plain cosine, a perfect match among 256 slots gets 1 %.)

The support songs are written one after the other, in the order of their tokens so that the order in which
they come does not matter, then each query song goes on from there. All maps are learnt from episodes with 0
to 5 support songs; the LSTM stays as it is. In the streaming protocol an observed song is written too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from common.constrained import Constrained, constrained
from common.heads import Read, read_songs
from common.lstm import LSTMLanguageModel, State
from common.meta_training import MetaTraining
from common.pieces import half
from common.predictors import StepFeatures
from common.text import shift
from common.training_features import TrainingFeatures
from common.trees import repeat_rows
from lstm import LSTM
from torch import Tensor, nn

from fsdl_bench import PAD, FitContext, Split, Tokens

SEGMENT = 8
"""Tokens between two writes."""

FORGET = 0.99
"""How fast use is forgotten."""


@dataclass(eq=False)
class MANN(MetaTraining, LSTM):
    """LSTM with an external memory.

    Args:
        slots: rows of the memory.
        heads: H.
        key, value: widths of a key, and of the value that a head reads.
    """

    slots: int = 256
    heads: int = 4
    key: int = 64
    value: int = 64
    most_shots: int = 5

    family: ClassVar[str] = "memory"
    ignores_support: ClassVar[bool] = False

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Train or reuse the LSTM, then learn to write and read on episodes."""
        super().fit(train, validation, context)
        self.learner = MemoryLearner(self.model, self.slots, self.heads, self.key, self.value)
        self.learner.to(context.device)
        self.notes |= self.meta_train(
            "mann",
            self.learner,
            lambda songs: MANNPredictor(self.model, self.learner, songs),
            TrainingFeatures(self.model, train).loss(self.learner),
            train,
            validation,
            context,
        )

    def adapt(self, support: Sequence[Tokens]) -> Constrained:
        return constrained(MANNPredictor(self.model, self.learner, support), self.codec)

    def parameters(self) -> list[nn.Parameter]:
        return [*self.model.parameters(), *self.learner.parameters()]


class Memory(NamedTuple):
    """The memories of N songs.

    Attributes:
        keys: [N, S, key].
        values: [N, S, heads, value].
        use: [N, S].
    """

    keys: Tensor
    values: Tensor
    use: Tensor


class MemoryLearner(nn.Module):
    """The maps above.

    Args:
        model: the LSTM; it is not part of the learner.
        slots, heads, key, value: see `MANN`.
    """

    def __init__(
        self, model: LSTMLanguageModel, slots: int = 256, heads: int = 4, key: int = 64, value: int = 64
    ) -> None:
        super().__init__()
        size = model.embed.embedding_dim
        self.embedding: Tensor
        self.bias: Tensor
        self.register_buffer("embedding", model.embed.weight.detach(), persistent=False)
        self.register_buffer("bias", model.bias.detach(), persistent=False)
        self.slots, self.heads, self.widths = slots, heads, (key, value)
        self.to_key = nn.Linear(size, key, bias=False)
        self.to_value = nn.Linear(SEGMENT * size, heads * value, bias=False)
        self.to_query = nn.Linear(2 * size, heads * key)
        self.place = nn.Parameter(torch.zeros(SEGMENT, heads * key))
        self.log_beta = nn.Parameter(torch.full((heads,), 2.0))
        self.blend = nn.Parameter(torch.tensor(-4.0))
        self.out = nn.Parameter(torch.zeros(SEGMENT, heads * value, size))

    def empty(self, songs: int) -> Memory:
        """Return the memories of songs before anything was written."""
        key, value = self.widths
        return Memory(
            self.bias.new_zeros(songs, self.slots, key),
            self.bias.new_zeros(songs, self.slots, self.heads, value),
            self.bias.new_zeros(songs, self.slots),
        )

    def read(self, memory: Memory, features: Tensor, start: Tensor, first: int = 0) -> tuple[Tensor, Tensor]:
        """Return o [N, n, D] and the mean reading weights [N, S] of n consecutive tokens of a segment.

        Args:
            memory: of N songs.
            features: f_t, [N, n, D].
            start: f_s, [N, D].
            first: the place of the first of these tokens in its segment.
        """
        count = features.shape[1]
        pairs = torch.cat([features, start[:, None].expand_as(features)], dim=-1)
        query = (self.to_query(pairs) + self.place[first : first + count]).unflatten(-1, (self.heads, -1))
        similar = torch.einsum("nthk,nsk->nths", unit(query), unit(memory.keys))
        weights = ((1 + self.log_beta.exp())[:, None] * similar).softmax(-1)
        found = torch.einsum("nths,nshv->nthv", weights, memory.values).flatten(2)
        changed = features + torch.einsum("ntv,tvd->ntd", found, self.out[first : first + count])
        return changed, weights.mean(2).sum(1) / SEGMENT

    def write(self, memory: Memory, weights: Tensor, start: Tensor, tokens: Tensor) -> Memory:
        """Return the memories after one segment.

        Args:
            memory: of N songs.
            weights: w_r, [N, S].
            start: f_s, [N, D].
            tokens: int64 [N, SEGMENT], padded.
        """
        least = nn.functional.one_hot(memory.use.argmin(-1), self.slots).to(weights)
        blend = self.blend.sigmoid()
        where = blend * weights + (1 - blend) * least
        vectors = self.embedding[tokens] * (tokens != PAD)[..., None]
        value = self.to_value(vectors.flatten(1)).unflatten(-1, (self.heads, -1))
        kept = 1 - least
        return Memory(
            kept[..., None] * memory.keys + where[..., None] * self.to_key(start)[:, None],
            kept[..., None, None] * memory.values + where[..., None, None] * value[:, None],
            FORGET * memory.use + weights.detach() + where.detach(),
        )

    def run(self, memory: Memory, songs: Read, last: bool) -> tuple[Tensor, Memory]:
        """Read and write N songs. Return o [N, T, D] and the memories.

        Args:
            memory: of N songs.
            songs: padded.
            last: whether the last segment is written too, although nothing follows.
        """
        changed = []
        length = songs.tokens.shape[1]
        for begin in range(0, length, SEGMENT):
            part = songs.features[:, begin : begin + SEGMENT]
            found, weights = self.read(memory, part, part[:, 0])
            changed.append(found)
            if last or begin + SEGMENT < length:
                tokens = songs.tokens[:, begin : begin + SEGMENT]
                tokens = nn.functional.pad(tokens, (0, SEGMENT - tokens.shape[1]), value=PAD)
                memory = self.write(memory, weights, part[:, 0], tokens)
        return torch.cat(changed, 1), memory

    def written(self, memory: Memory, songs: Read) -> Memory:
        """Return the memory of one song after the songs [K, T] of a support."""
        for tokens, features, length in zip(songs.tokens, songs.features, songs.scored.sum(1), strict=True):
            _, memory = self.run(memory, Read(tokens[None, :length], features[None, :length]), last=True)
        return memory

    def scores(self, changed: Tensor) -> Tensor:
        """Return E o + b for o [..., D]."""
        scores: Tensor = nn.functional.linear(changed, self.embedding, self.bias)
        return scores

    def nats(self, support: Read, query: Read) -> Tensor:
        """Return the nats of all query songs of one episode: a scalar."""
        memory = self.written(self.empty(1), support)
        changed, _ = self.run(repeat_rows(memory, len(query.tokens)), query, last=False)
        with half(changed.device):
            scores = self.scores(changed[query.scored]).to(self.bias.dtype)
        return nn.functional.cross_entropy(scores, query.tokens[query.scored], reduction="sum")


def unit(x: Tensor) -> Tensor:
    """Return vectors of length 1; 0 stays 0."""
    return nn.functional.normalize(x, dim=-1, eps=1e-6)


class MANNPredictor:
    """The LSTM with the memory of some songs.

    Args:
        model: the LSTM.
        learner: reads and writes.
        songs: the support.
    """

    def __init__(self, model: LSTMLanguageModel, learner: MemoryLearner, songs: Sequence[Tokens]) -> None:
        self.model, self.learner, self.memory = model, learner, learner.empty(1)
        for song in sorted(songs, key=lambda song: song.tolist()):
            self.observe(song)

    @torch.no_grad()
    def observe(self, song: Tokens) -> None:
        """Write a song to the memory."""
        self.memory = self.learner.written(self.memory, read_songs(self.model, [song]))

    @torch.no_grad()
    def logits(self, songs: Tensor) -> Tensor:
        features = self.model.features(shift(songs))[0]
        memory = repeat_rows(self.memory, len(songs))
        return self.learner.scores(self.learner.run(memory, Read(songs, features), last=False)[0])

    def stream(self, songs: int = 1) -> MANNStream:
        return MANNStream(self.model, self.learner, repeat_rows(self.memory, songs))


class MANNStream:
    """Several songs in lock-step, each with its own memory."""

    def __init__(self, model: LSTMLanguageModel, learner: MemoryLearner, memory: Memory) -> None:
        self.step_features, self.learner, self.memory = StepFeatures(model), learner, memory
        self.state: State | None = None
        self.tokens: list[Tensor] = []
        self.weights = torch.zeros_like(memory.use)
        self.start: Tensor | None = None

    @torch.no_grad()
    def step(self, tokens: Tensor) -> Tensor:
        features, self.state = self.step_features(tokens, self.state)
        if self.start is None:
            self.start = features
        else:
            self.tokens.append(tokens)
        if len(self.tokens) == SEGMENT:
            row = torch.stack(self.tokens, 1)
            self.memory = self.learner.write(self.memory, self.weights, self.start, row)
            self.tokens, self.start = [], features
            self.weights = torch.zeros_like(self.weights)
        changed, weights = self.learner.read(self.memory, features[:, None], self.start, len(self.tokens))
        self.weights = self.weights + weights
        return self.learner.scores(changed[:, 0])
