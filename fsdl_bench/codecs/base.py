"""The `Codec` protocol: a frozen bijection between canonical songs and token sequences.

    decode(encode(song)) == canonical(song)        encode(decode(tokens)) == tokens

NLL can be compared only if everyone scores the same object, so a codec's name includes its version, and a
named codec never changes. A sequence contains no PAD and no BOS; those ids are for models and batches. EOS
occurs only at the very end, and only if the song itself ended there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from fsdl_bench.songs import Kind

PAD, BOS, EOS = 0, 1, 2
"""The ids that every codec keeps for padding, for the start of a sequence and for the end of a song."""

Tokens: TypeAlias = npt.NDArray[np.uint16]
"""One song as token ids, uint16 [T]."""

Unit: TypeAlias = Literal["note", "byte"]
"""The unit of the headline figure: nats per note, or bits per UTF-8 byte."""


class Codec(Protocol):
    """Song content to token ids and back. `content` is text for lyrics and `Notes` for MIDI."""

    @property
    def name(self) -> str:
        """Name and version, such as "note10ms-v1"; what it names never changes."""
        ...

    @property
    def kind(self) -> Kind:
        """The kind of song that it encodes."""
        ...

    @property
    def vocab_size(self) -> int:
        """V: every id is below this; at most 65,536."""
        ...

    @property
    def unit(self) -> Unit:
        """The unit that `units` counts."""
        ...

    def encode(self, content: Any) -> Tokens:
        """The whole song as uint16 [T]: canonical, EOS at the end, no BOS. Content need not be canonical."""
        ...

    def excerpt(self, tokens: Tokens) -> Tokens:
        """The part that is scored: `tokens` up to the frozen length limit, EOS only where the song ended."""
        ...

    def decode(self, tokens: npt.ArrayLike) -> Any:
        """The content of a song or an excerpt; EOS may be missing.

        Raises:
            ValueError: the sequence is not canonical; names the position, the id and why.
        """
        ...

    def units(self, tokens: npt.ArrayLike) -> int:
        """Return the number of units in the sequence. EOS counts for nothing."""
        ...

    def token_kinds(self) -> Mapping[str, slice]:
        """Named ranges of ids, by which a result may be broken down; empty where there are none."""
        ...

    def allowed_next(self, prefix: Sequence[int] | npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.bool_]:
        """bool [V]: the ids that can follow `prefix` so that it still begins a canonical sequence."""
        ...
