"""Sample songs from a predictor, token by token.

    tokens = fsdl_bench.sample(submission.adapt(support), codec, seed=1, temperature=0.95, top_p=0.98)

Every token is drawn from the predictor's logits, restricted to the ids with which the song still decodes
(`rules.py`), with temperature and nucleus (`nucleus.py`). Temperature 1 and top_p 1 sample from the
predictor's own distribution, restricted to valid songs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from fsdl_bench.codecs.base import BOS, EOS, Codec, Tokens
from fsdl_bench.errors import BadInput
from fsdl_bench.generation.nucleus import Floats, distribution, pick
from fsdl_bench.generation.rules import rules_of
from fsdl_bench.generation.settings import Sampling
from fsdl_bench.submissions.checking import ContractError
from fsdl_bench.submissions.contract import Predictor, Stream, SupportsStream
from fsdl_bench.submissions.streams import next_scores, open_stream

SLOW = (
    "{name} has no `stream()`: every token scores the whole song so far again, so the time grows with the "
    "square of the length"
)


@dataclass(frozen=True)
class Step:
    """One token of a song that is being written.

    Attributes:
        token: the id.
        nats: -log p of the token under the predictor, without mask and temperature.
        complete: whether the tokens so far decode. What comes after the last complete step is an unfinished
            end.
    """

    token: int
    nats: float
    complete: bool


@dataclass(frozen=True)
class Drawn:
    """A sampled song.

    Attributes:
        tokens: uint16 [T]; EOS last if the song ended before the limit.
        nats: float64 [T], -log p of each token under the predictor, without mask and temperature.
    """

    tokens: Tokens
    nats: Floats


def sample(
    predictor: Predictor,
    codec: Codec,
    *,
    seed: int | np.random.Generator = 0,
    temperature: float = 1.0,
    top_p: float = 1.0,
    max_notes: int | None = None,
    max_tokens: int | None = None,
    device: str | torch.device = "cpu",
) -> Tokens:
    """Sample one song.

    Args:
        predictor: the result of `adapt`. With `stream` every token takes one step. Without it, `logits` is
            called on the growing song, which is slow; a warning is issued.
        codec: the codec of the track.
        seed: a seed for this song, or a generator, whose state advances.
        temperature: below 1 sharper, above 1 flatter, 0 greedy.
        top_p: the least mass of the nucleus; 1 for all ids.
        max_notes: the limit in notes, for MIDI; 512 by default.
        max_tokens: the limit in tokens; 512 by default for lyrics. An unfinished end (a note without its
            duration, a part of a character) is removed.
        device: the device of the songs for `logits`, if the predictor has no `stream`.

    Returns:
        uint16 [T], which the codec decodes, without BOS; EOS last only if the song ended before the limit.

    Raises:
        BadInput: a setting is out of range, or the predictor breaks the contract.
    """
    if not isinstance(predictor, SupportsStream):
        warnings.warn(SLOW.format(name=type(predictor).__name__), stacklevel=2)
    stream = open_stream(predictor, 1, codec.vocab_size, torch.device(device))
    settings = Sampling(temperature, top_p, max_notes, max_tokens)
    return draw(stream, codec, np.random.default_rng(seed), settings, device).tokens


def draw(
    stream: Stream,
    codec: Codec,
    generator: np.random.Generator,
    settings: Sampling,
    device: torch.device | str = "cpu",
    progress: Callable[[int], object] = lambda _: None,
) -> Drawn:
    """Sample one song from a stream.

    Args:
        stream: a stream of one song, before its first token.
        codec: the codec of the song.
        generator: draws one number in [0, 1) for each token.
        settings: the settings of sampling.
        device: the device of the tokens that the stream is given.
        progress: called after every token with its number of notes or bytes.

    Raises:
        BadInput: as in `sample`.
    """
    tokens: list[int] = []
    nats: list[float] = []
    complete = 0
    for step in write(stream, codec, generator, settings, device):
        tokens.append(step.token)
        nats.append(step.nats)
        complete = len(tokens) if step.complete else complete
        progress(codec.units([step.token]))
    return Drawn(np.array(tokens[:complete], np.uint16), np.array(nats[:complete]))


def write(
    stream: Stream,
    codec: Codec,
    generator: np.random.Generator,
    settings: Sampling,
    device: torch.device | str = "cpu",
    beginning: Sequence[int] = (),
) -> Iterator[Step]:
    """Yield the tokens of one song as they are sampled.

    Args:
        stream: a stream of one song, before its first token.
        codec: the codec of the song.
        generator: draws one number in [0, 1) for each sampled token.
        settings: the settings of sampling; the limits count sampled tokens only.
        device: the device of the tokens that the stream is given.
        beginning: tokens that the song begins with, without EOS. They are scored and yielded, not sampled.

    Raises:
        BadInput: as in `sample`, or the beginning is not the beginning of a song.
    """
    most_notes, most_tokens = settings.limits(codec)
    rules = rules_of(codec, settings.families)
    notes = sampled = position = 0
    last = BOS
    while last != EOS:
        raw = next_scores(stream, torch.tensor([last], device=device), codec.vocab_size)
        scores = raw[0].to("cpu", torch.float64).numpy()
        if position < len(beginning):
            last = int(beginning[position])
        else:
            try:
                p = distribution(scores, rules.allowed(), settings.temperature, settings.top_p)
            except ValueError as error:
                raise ContractError(f"{type(stream).__name__}, token {position}: {error}") from None
            last = pick(p, generator.random())
            sampled += 1
            notes += codec.units([last])
        try:
            rules.push(last)
        except ValueError as error:
            raise BadInput(f"the beginning of the song: {error}") from None
        position += 1
        highest = scores.max()
        yield Step(
            last, float(highest + np.log(np.exp(scores - highest).sum()) - scores[last]), rules.complete
        )
        if most_notes is not None and notes >= most_notes and rules.complete:
            return
        if most_tokens is not None and sampled >= most_tokens:
            return
