"""Sample songs from a predictor, token by token.

    tokens = fsdl_bench.sample(submission.adapt(support), codec, seed=1, temperature=0.95, top_p=0.98)

Every token is drawn from the predictor's logits, restricted to the ids with which the song still decodes
(`rules.py`), with temperature and nucleus (`nucleus.py`). Temperature 1 and top_p 1 sample from the
predictor's own distribution, restricted to valid songs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from fsdl_bench.codecs.base import BOS, EOS, Codec, Tokens
from fsdl_bench.codecs.lyrics import EXCERPT
from fsdl_bench.codecs.midi import EXCERPT_NOTES
from fsdl_bench.errors import BadInput
from fsdl_bench.generation.nucleus import Floats, check_settings, distribution, pick
from fsdl_bench.generation.rules import rules_of
from fsdl_bench.submissions.checking import ContractError
from fsdl_bench.submissions.contract import Predictor, Stream, SupportsStream
from fsdl_bench.submissions.streams import next_scores, open_stream

SLOW = (
    "{name} has no `stream()`: every token scores the whole song so far again, so the time grows with the "
    "square of the length"
)


@dataclass(frozen=True)
class Sampling:
    """The settings of sampling.

    Attributes:
        temperature: below 1 sharper, above 1 flatter, 0 greedy.
        top_p: the least mass of the nucleus; 1 for all ids.
        max_notes: the limit in notes, for MIDI; without any limit, 512 notes (an excerpt).
        max_tokens: the limit in tokens; without any limit, 512 tokens of lyrics (an excerpt).
    """

    temperature: float = 1.0
    top_p: float = 1.0
    max_notes: int | None = None
    max_tokens: int | None = None

    def limits(self, codec: Codec) -> tuple[int | None, int | None]:
        """Return the limits in notes and in tokens; None for no limit.

        Raises:
            BadInput: a setting is out of range, or not for this codec.
        """
        check_settings(self.temperature, self.top_p)
        music = codec.unit == "note"
        if self.max_notes is not None and not music:
            raise BadInput("max_notes: only for MIDI; use max_tokens for lyrics")
        if self.max_notes is not None and self.max_notes < 1:
            raise BadInput(f"max_notes: expected at least 1, found {self.max_notes}")
        least = 2 if music else 1  # the shortest song is NOTE DUR
        if self.max_tokens is not None and self.max_tokens < least:
            raise BadInput(f"max_tokens: expected at least {least}, found {self.max_tokens}")
        if self.max_notes is None and self.max_tokens is None:
            return (EXCERPT_NOTES, None) if music else (None, EXCERPT)
        return self.max_notes, self.max_tokens


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
    most_notes, most_tokens = settings.limits(codec)
    rules = rules_of(codec)
    tokens: list[int] = []
    nats: list[float] = []
    notes = complete = 0
    last = BOS
    while last != EOS:
        raw = next_scores(stream, torch.tensor([last], device=device), codec.vocab_size)
        scores = raw[0].to("cpu", torch.float64).numpy()
        try:
            p = distribution(scores, rules.allowed(), settings.temperature, settings.top_p)
        except ValueError as error:
            raise ContractError(f"{type(stream).__name__}, token {len(tokens)}: {error}") from None
        last = pick(p, generator.random())
        rules.push(last)
        tokens.append(last)
        highest = scores.max()
        nats.append(float(highest + np.log(np.exp(scores - highest).sum()) - scores[last]))
        units = codec.units([last])
        notes += units
        progress(units)
        if rules.complete:
            complete = len(tokens)
            if most_notes is not None and notes >= most_notes:
                break
        if most_tokens is not None and len(tokens) >= most_tokens:
            break
    return Drawn(np.array(tokens[:complete], np.uint16), np.array(nats[:complete]))
