"""The settings of sampling."""

from __future__ import annotations

from dataclasses import dataclass

from fsdl_bench.codecs.base import Codec
from fsdl_bench.codecs.lyrics import EXCERPT
from fsdl_bench.codecs.midi import EXCERPT_NOTES
from fsdl_bench.errors import BadInput
from fsdl_bench.generation.nucleus import check_settings


@dataclass(frozen=True)
class Sampling:
    """The settings of sampling.

    Attributes:
        temperature: below 1 sharper, above 1 flatter, 0 greedy.
        top_p: the least mass of the nucleus; 1 for all ids.
        max_notes: the limit in notes, for MIDI; without any limit, 512 notes (an excerpt).
        max_tokens: the limit in tokens; without any limit, 512 tokens of lyrics (an excerpt).
        families: the instrument families that MIDI notes may have; None for all.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    max_notes: int | None = None
    max_tokens: int | None = None
    families: frozenset[int] | None = None

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
