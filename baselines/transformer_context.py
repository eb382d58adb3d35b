"""One causal Transformer over support and query in a row: in-context learning.

    row = BOS s_1 BOS s_2 ... BOS s_K BOS q        p(q_t) = softmax(E f(row up to q_t-1) + b)

What few-shot learners of language do at scale (Brown et al. 2020, "Language Models are Few-Shot Learners"),
here trained for it: each training row holds songs of one artist in random order, and the loss is on all of
them, so the n-th song of a row trains n - 1 shots and every row trains zero. A row has room for K + 1 songs
of mean length, K drawn from the track's shots; the song that does not fit is cut, so that nothing is padded
but what artists with few songs leave. The model is `common/transformer.py`: 4 layers of 128, 2 heads, dropout
0.1. Places restart in each song, and a quarter of each head's pairs turn with the number of the song, by
which a token tells its own song from the others.

Muon for the linear layers and AdamW for the rest, 1e-2, warm-up 200 and cosine decay, 2,048 tokens a step or
one row if that is longer; stopped by the mean of the validation NLL at 0 and at 5 shots.

The support is read once, when the model adapts; each query song then attends to its keys and values and to
itself. In the streaming protocol the scored songs are read on behind it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from common.few_shot_transformer import FewShotTransformer
from common.lstm import shift
from common.songs import half
from common.transformer import Past, Transformer, TransformerStream, places
from torch import Tensor

from fsdl_bench import BOS, PAD, FitContext, Split, Tokens


@dataclass(eq=False)
class TransformerContext(FewShotTransformer):
    """Transformer with the support songs in its context.

    Args:
        tokens: in a batch, at most, unless one row is longer.
    """

    tokens: int = 2048

    family: ClassVar[str] = "in context"

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Train on rows of songs."""
        rows = Rows(train, context, self.tokens)
        self.learn(
            rows,
            row_loss,
            lambda row: int((row.targets != PAD).sum()),
            rows.per_epoch,
            validation,
            context,
        )

    def adapt(self, support: Sequence[Tokens]) -> ContextPredictor:
        """Read the support."""
        predictor = ContextPredictor(self.model)
        for song in support:
            predictor.observe(song)
        return predictor


class ContextPredictor:
    """The model with some songs read."""

    def __init__(self, model: Transformer) -> None:
        self.model = model
        self.past: list[Past] | None = None
        self.songs = 0

    @torch.no_grad()
    def observe(self, song: Tokens) -> None:
        """Read one more song."""
        device = self.model.bias.device
        inputs = torch.tensor([[BOS, *song.tolist()]], device=device)
        here = places(inputs.shape[1], self.songs, device=device)
        _, self.past = self.model.features(inputs, here, self.past)
        self.songs += 1

    def logits(self, songs: Tensor) -> Tensor:
        """[B, T] -> [B, T, V]: each song by itself after what was read."""
        here = places(songs.shape[1], self.songs, device=songs.device)
        return self.model.scores(self.model.features(shift(songs), here, self.past)[0])

    def stream(self) -> TransformerStream:
        """Token by token."""
        return TransformerStream(self.model, self.past, self.songs)


@dataclass(frozen=True)
class Row:
    """R rows of songs of one artist each.

    Attributes:
        inputs: int64 [R, L]: BOS and a song, and so on; PAD where the artist's songs have run out.
        targets: int64 [R, L]: what follows each input in its song, PAD where nothing does.
        places: int64 [R, L, 2]: position in the song, and the song's number.
    """

    inputs: Tensor
    targets: Tensor
    places: Tensor


class Rows:
    """Batch number -> rows of songs in random order, the same for the same seed.

    Every song is as likely as any other to begin a row, so artists count by their songs.

    Args:
        split: whose songs.
        context: its shots are the numbers of songs that rows have room for, less one.
        tokens: of a batch.
    """

    def __init__(self, split: Split, context: FitContext, tokens: int) -> None:
        self.artists = [[song.tokens for song in artist.songs] for artist in split.artists]
        count = np.array([len(songs) for songs in self.artists])
        total = sum(len(song) for songs in self.artists for song in songs)
        self.share = count / count.sum()
        self.lengths = [math.ceil((k + 1) * total / count.sum()) for k in sorted(set(context.shots))]
        self.tokens, self.seed, self.device = tokens, context.seed, context.device
        self.per_epoch = math.ceil(
            total / np.mean([max(1, tokens // length) * length for length in self.lengths])
        )

    def __call__(self, index: int) -> Row:
        """Batch `index`."""
        random = np.random.default_rng([self.seed, index])
        length = int(random.choice(self.lengths))
        rows = [self._row(random, length) for _ in range(max(1, self.tokens // length))]
        return Row(*(torch.from_numpy(np.stack(part)).to(self.device) for part in zip(*rows, strict=True)))

    def _row(self, random: np.random.Generator, length: int) -> tuple[np.ndarray, ...]:
        """One row, as (inputs [L], targets [L], places [L, 2])."""
        songs = self.artists[random.choice(len(self.artists), p=self.share)]
        inputs, targets = np.full((2, length), PAD, np.int64)
        where = np.zeros((length, 2), np.int64)
        begin = 0
        for number, choice in enumerate(random.permutation(len(songs))):
            song = songs[choice][: length - begin]
            end = min(begin + len(song) + 1, length)
            inputs[begin:end] = [BOS, *song][: end - begin]
            targets[begin : begin + len(song)] = song
            where[begin:end, 0] = np.arange(end - begin)
            where[begin:end, 1] = number
            begin = end
            if begin == length:
                break
        return inputs, targets, where


def row_loss(model: Transformer, row: Row) -> Tensor:
    """Mean nats per token of all songs."""
    here = row.targets != PAD
    with half(row.inputs.device):
        nats = model.nats(model.features(row.inputs, row.places)[0][here], row.targets[here])
    return nats / here.sum()
