"""The requests of the browser, as JSON, and the requests that the server makes of the model's process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from pydantic import Field, ValidationError

from fsdl_bench.codecs.base import Tokens
from fsdl_bench.errors import BadInput
from fsdl_bench.frozen import Frozen
from fsdl_bench.generation.settings import Sampling


class From(Frozen):
    """The point where new songs go on: all before bar or line `part` of a support song is kept."""

    song: str
    part: int = Field(ge=2, le=100_000)


class WarmWish(Frozen):
    """A model to load, and the songs to adapt it to; only loaded if `support` is None."""

    track: str
    model: str
    support: tuple[str, ...] | None = Field(default=None, max_length=100)


class WriteWish(Frozen):
    """Songs to write.

    Attributes:
        length: notes of a MIDI song, tokens of lyrics.
        seed: of the first song.
        n: the number of songs.
        keep_instruments: whether only instruments of the support may play.
        go_on: where the songs begin; None for an empty page.
    """

    track: str
    model: str
    support: tuple[str, ...] = Field(max_length=100)
    temperature: float = Field(default=1.0, ge=0.0, le=5.0)
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    length: int = Field(default=200, ge=2, le=2000)
    seed: int = Field(default=0, ge=0, le=2**31)
    n: int = Field(default=4, ge=1, le=12)
    keep_instruments: bool = False
    go_on: From | None = None


class ArtistWish(Frozen):
    """Support songs of an evaluated artist: those of the frozen episode with this index."""

    track: str
    artist: str
    songs: int = Field(default=5, ge=1, le=20)
    index: int = Field(default=0, ge=0, le=100)


Wish = TypeVar("Wish", bound=Frozen)


def parsed(kind: type[Wish], body: bytes) -> Wish:
    """Return a wish; raises `BadInput` that names the wrong field."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"])) or "the request"
        raise BadInput(f"{place}: {first['msg']}") from None


@dataclass(frozen=True)
class Model:
    """The model to load: a submission as `set_up` takes it, the track's name, and `key=value` arguments."""

    submission: str
    track: str
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Order:
    """Songs to write.

    Attributes:
        support: the tokens of each support song.
        ids: a name for each new song.
        seed: of the first song; song i has `seed` + i.
        sampling: the settings of sampling.
        beginning: tokens that every song begins with, without EOS; empty for none.
    """

    support: tuple[Tokens, ...]
    ids: tuple[str, ...]
    seed: int
    sampling: Sampling
    beginning: Tokens = field(default_factory=lambda: np.zeros(0, np.uint16))
