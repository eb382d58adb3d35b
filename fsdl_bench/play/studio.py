"""Adapt a model to the songs on the page, and write new ones while the page shows them.

    warm     load the model, from shipped weights or from a cached fit if there is one
    adapt    condition it on the support; kept until the support changes
    write    sample songs one after the other, then score them with the adapted and the unadapted model

Everything is reported through `emit`, which is called with events: dicts that JSON can write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from fsdl_bench.codecs.base import EOS, Codec, Tokens
from fsdl_bench.evaluation.scoring import token_nats
from fsdl_bench.generation.sampler import Step, write
from fsdl_bench.play.orders import Model, Order
from fsdl_bench.play.songs import note_rows, shown, surprise
from fsdl_bench.submissions.fitting import fitted
from fsdl_bench.submissions.session import LocalSession
from fsdl_bench.submissions.setup import Setup, set_up
from fsdl_bench.submissions.streams import open_stream

Event: TypeAlias = dict[str, Any]
Emit: TypeAlias = Callable[[Event], object]

_SEED = 0  # of the fit and of `adapt`


@dataclass(eq=False)
class _Loaded:
    """A model twice: adapted to the support that `known` names, and to no song."""

    setup: Setup
    adapted: LocalSession
    base: LocalSession
    known: tuple[bytes, ...] | None = None


class Studio:
    """A model and what is done with it.

    Args:
        model: the model; it is loaded when it is first used.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._loaded: _Loaded | None = None

    def warm(self, emit: Emit) -> None:
        """Load the model. Emits `log` events, then `ready` with the model's facts.

        Raises:
            BadInput: as `set_up` and `fitted`.
        """
        facts = self._load(emit).adapted.facts
        emit({"type": "ready", "adapts": not facts.ignores_support, "about": facts.description})

    def adapt(self, support: Sequence[Tokens], emit: Emit) -> None:
        """Condition the model on songs, if it is not yet. Emits `adapted` with the seconds it took."""
        loaded = self._load(emit)
        wanted = tuple(song.tobytes() for song in support)
        seconds = 0.0
        if loaded.known != wanted:
            loaded.known = None
            seconds = loaded.adapted.adapt(support, _SEED)
            loaded.known = wanted
        emit({"type": "adapted", "songs": len(support), "seconds": round(seconds, 2)})

    def write(self, order: Order, emit: Emit) -> None:
        """Write songs. Emits for each: `start`, then `note` or `text` events, then `end`; at last `surprise`.

        Raises:
            BadInput: as `warm`, or a setting is out of range.
        """
        loaded = self._load(emit)
        codec = loaded.setup.codec
        order.sampling.limits(codec)
        self.adapt(order.support, emit)
        written = [self._one(loaded, order, number, emit) for number in range(len(order.ids))]
        for name, (tokens, nats) in zip(order.ids, written, strict=True):
            base = token_nats(loaded.base.scores([tokens])[0], tokens) if len(tokens) else nats
            emit({"type": "surprise", "sample": name, "units": surprise(codec, tokens, (nats, base))})

    def _one(
        self, loaded: _Loaded, order: Order, number: int, emit: Emit
    ) -> tuple[Tokens, np.ndarray[Any, np.dtype[np.float64]]]:
        """Write one song; return its tokens and their -log p."""
        codec, device = loaded.setup.codec, loaded.setup.device
        name, seed = order.ids[number], order.seed + number
        begun = shown(codec, order.beginning) if len(order.beginning) else {}
        emit({"type": "start", "sample": name, "seed": seed} | begun)
        stream = open_stream(loaded.adapted.predictor, 1, codec.vocab_size, device)
        generator = np.random.default_rng(seed)
        steps = write(stream, codec, generator, order.sampling, device, order.beginning.tolist())
        tokens, nats = np.zeros(0, np.uint16), np.zeros(0)
        for new, their_nats, event in _parts(codec, steps, len(order.beginning)):
            tokens, nats = np.concatenate([tokens, new]), np.concatenate([nats, their_nats])
            if event:
                emit(event | {"sample": name})
        units = codec.units(tokens[len(order.beginning) :])
        own = float(nats[len(order.beginning) :].sum())
        emit(
            {
                "type": "end",
                "sample": name,
                "tokens": tokens.tolist(),
                "units": codec.units(tokens),
                "nats_per_unit": round(own / max(units, 1), 4),
                "ended": bool(tokens[-1:] == EOS),
            }
        )
        return tokens, nats

    def _load(self, emit: Emit) -> _Loaded:
        if self._loaded is None:

            def log(line: str) -> None:
                emit({"type": "log", "text": str(line)})

            model = self._model
            setup = set_up(model.submission, model.track, settings=model.settings)
            context = setup.context(_SEED, log)
            fit = fitted(setup, context)
            adapted, base = (LocalSession(fit.make(), context, setup.sealed) for _ in range(2))
            base.adapt((), _SEED)
            self._loaded = _Loaded(setup, adapted, base)
        return self._loaded


def _parts(
    codec: Codec, steps: Iterator[Step], begun: int
) -> Iterator[tuple[Tokens, np.ndarray[Any, np.dtype[np.float64]], Event]]:
    """Yield tokens that end a note or a character with their nats, and the event that shows them.

    The first `begun` tokens have no event. An unfinished end is left out.
    """
    shift = codec.token_kinds().get("shift", slice(0, 0))
    whole: list[int] = []
    tokens: list[int] = []
    nats: list[float] = []
    clock, text = 0, ""
    for step in steps:
        tokens.append(step.token)
        nats.append(step.nats)
        if shift.start <= step.token < shift.stop:
            clock += step.token - shift.start + 1
        if not step.complete:
            continue
        whole += tokens
        event: Event = {}
        if codec.unit == "byte":
            before, text = text, codec.decode(np.array(whole, np.uint16))
            event = {"type": "text", "text": text[len(before) :]}
        elif codec.units(tokens):
            (row,) = note_rows(codec.decode([one for one in tokens if not shift.start <= one < shift.stop]))
            row[:2] = [round(clock / 100 + seconds, 2) for seconds in row[:2]]
            event = {"type": "note", "note": row}
        yield np.array(tokens, np.uint16), np.array(nats), event if len(whole) > begun else {}
        tokens, nats = [], []
