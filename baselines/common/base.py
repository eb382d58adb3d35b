"""The LSTM that most models start from: `trained_lstm` trains it once for all submissions that ask for it.

Batches of whole songs, in pieces with truncated backpropagation; the first piece of a batch has a random
length, so that songs are cut at new places in each epoch. MIDI songs are transposed at random, and some may
change their speed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from common.lstm import LSTMLanguageModel
from common.pieces import piece_losses
from common.songs import SongBatches, validation_nll
from common.tempo import any_speed
from common.text import shift, token_count
from common.training import Recipe, Training, train
from common.transposition import Transposer
from fsdl_bench import Codec, FitContext, Split, Tokens


@dataclass(frozen=True)
class LSTMSettings:
    """Architecture and training of the LSTM.

    Attributes:
        embedding: width of the tied embedding.
        hidden: units of each layer.
        layers: number of layers.
        dropout: probability for activations.
        weight_dropout: probability for recurrent weights.
        peak: highest learning rate.
        decay: weight decay.
        batch: songs in a batch.
        piece: tokens between two cuts of truncated backpropagation.
        epochs: passes over the meta-training songs.
        average: horizon of the averaged weights, as a share of the training.
        transpose: transpose MIDI songs at random.
        tempo: the share of MIDI songs that are also played at a random speed.
        minutes: wall time after which training stops; for trials.
    """

    embedding: int = 192
    hidden: int = 384
    layers: int = 1
    dropout: float = 0.1
    weight_dropout: float = 0.0
    peak: float = 8e-3
    decay: float = 0.01
    batch: int = 32
    piece: int = 64
    epochs: int = 3
    average: float = 0.02
    transpose: bool = True
    tempo: float = 0.0
    minutes: float = math.inf


def trained_lstm(
    settings: LSTMSettings, train_split: Split, validation: Split, context: FitContext
) -> tuple[LSTMLanguageModel, Training]:
    """Return the trained model and the record of its training, from the store if it was trained before."""
    return context.once(
        "lstm", asdict(settings), lambda part: _train(settings, train_split, validation, part)
    )


def new_lstm(settings: LSTMSettings, context: FitContext) -> LSTMLanguageModel:
    """Return an untrained model."""
    return LSTMLanguageModel(
        context.vocab_size,
        settings.embedding,
        settings.hidden,
        settings.layers,
        settings.dropout,
        settings.weight_dropout,
    ).to(context.device)


def _train(
    settings: LSTMSettings, train_split: Split, validation: Split, context: FitContext
) -> tuple[LSTMLanguageModel, Training]:
    model = new_lstm(settings, context)
    augment = _changed(settings, context.codec) if context.kind == "midi" else None
    batches = SongBatches(train_split, settings.batch, context.seed, context.device, augment)
    count = settings.epochs * batches.per_epoch
    recipe = Recipe(
        batches=count,
        peak=settings.peak,
        warmup=max(1, min(200, count // 20)),
        floor=0.02,
        weight_decay=settings.decay,
        average=settings.average,
        every=math.ceil(batches.per_epoch / 2),
        patience=8,
        minutes=settings.minutes,
    )
    first = _first_piece(settings.piece, context.seed)
    training = train(
        model,
        lambda index: (batches(index), first(index)),
        lambda drawn: piece_losses(model, shift(drawn[0]), drawn[0], settings.piece, drawn[1]),
        lambda: validation_nll(model, validation, context.device),
        recipe,
        context,
        tokens=lambda drawn: token_count(drawn[0]),
        name="lstm",
    )
    return model, training


def _changed(settings: LSTMSettings, codec: Codec) -> Callable[[Tokens, np.random.Generator], Tokens]:
    """Return a function that transposes a MIDI song and changes its speed, at random."""
    transposer = Transposer(codec)

    def changed(song: Tokens, random: np.random.Generator) -> Tokens:
        if random.random() < settings.tempo:
            song = any_speed(song, random, codec)
        return transposer.augment(song, random) if settings.transpose else song

    return changed


def _first_piece(piece: int, seed: int) -> Callable[[int], int]:
    """Return a function from the index of a batch to the length of its first piece."""
    return lambda index: int(np.random.default_rng([seed, index, 2]).integers(piece // 2, piece + 1))
