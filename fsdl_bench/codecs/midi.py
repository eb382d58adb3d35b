"""The codec `note10ms-v1`: notes on a grid of 10 ms as one sequence of SHIFT, NOTE and DUR tokens.

    onset = floor(100 start + 1/2) - first onset           end = floor(100 end + 1/2) - first onset
    class = family, code = 128 class + pitch

1. Of the notes with one (class, pitch, onset) the longest stays. (The loudest among equals would be next; as
   the sequence holds no velocity, nothing hangs on it. Canonical notes all have `VELOCITY`.)
2. A note ends where the next note of its (class, pitch) begins, after at most 10 s, after at least 1 step.
   Its length is floored to one of 170 `DURATIONS`. Drums have no length; decoded, they last 1 step.
3. In the order (onset, class, pitch), which is unique, a note is: if there is a gap, SHIFT_100 while it
   exceeds 100, then one SHIFT for the rest; NOTE; DUR, unless it is a drum.

Ids: 0 PAD, 1 BOS, 2 EOS, 3-7 reserved, 8-107 SHIFT 1-100, 108-2283 NOTE, 2284-2453 DUR. Ids 2454-2589 are
reserved for the velocity variant, which no track uses. A song has at least one note, and all its notes end
within 2 hours. `midi_grammar.py` states the same set of sequences from left to right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fsdl_bench.codecs.base import Tokens, Unit
from fsdl_bench.codecs.midi_encoding import FLOORED, STEPS, canonical, emit, fields, groups
from fsdl_bench.codecs.midi_grammar import (
    DRUM_CODE,
    DUR,
    DURATIONS,
    MAX_STEPS,
    NOTE,
    SHIFT,
    VOCAB_SIZE,
    Grammar,
)
from fsdl_bench.music.notes import Notes
from fsdl_bench.songs import Kind

EXCERPT_NOTES = 512
"""The excerpt that is scored: the first notes of a song."""

VELOCITY = 80
"""The one velocity of canonical notes, since the sequence holds none."""


class MidiCodec:
    """`note10ms-v1`. It has no state; every instance is the same codec."""

    name: Final = "note10ms-v1"
    kind: Final[Kind] = "midi"
    unit: Final[Unit] = "note"
    vocab_size: Final = VOCAB_SIZE

    def encode(self, content: Notes) -> Tokens:
        """The whole song as uint16 [T], EOS at the end.

        Raises:
            Rejected: the song has no notes, a time that is no number, or is longer than 2 hours.
            ValueError: a family above 16 or a pitch above 127.
        """
        return emit(*canonical([content]))[0]

    def encode_batch(self, contents: Sequence[Notes]) -> list[Tokens]:
        """`encode` of each song, faster. Raises like `encode`, for the first song that cannot be encoded."""
        return [tokens for group in groups(contents) for tokens in emit(*canonical(group))]

    def canonical(self, notes: Notes) -> Notes:
        """Return the song after encoding and decoding. Raises like `encode`."""
        keys, _ = canonical([notes])
        length, code, onset = fields(keys)
        return _notes(onset.astype(np.int64), code, FLOORED[length])

    def excerpt(self, tokens: Tokens) -> Tokens:
        """The first 512 notes; with EOS only if the song ended there."""
        at = np.flatnonzero(_is_note(tokens))
        if len(at) <= EXCERPT_NOTES:
            return tokens
        last = at[EXCERPT_NOTES - 1]
        return tokens[: last + (2 if tokens[last] < NOTE.start + DRUM_CODE else 1)]

    def decode(self, tokens: npt.ArrayLike) -> Notes:
        """The canonical notes, ordered by (onset, family, pitch), one part a family. EOS may be missing.

        Raises:
            ValueError: the sequence is not canonical; names the position, the id and why.
        """
        ids = _ids(tokens)
        notes = _parse(ids)
        if notes is not None:
            again = self.encode(notes)
            if np.array_equal(ids, again) or np.array_equal(ids, again[:-1]):
                return notes
        grammar = _pushed(ids)  # slower, and says where and why
        grammar.finish()
        raise AssertionError(f"the grammar takes what decode does not: {ids.tolist()}")

    def units(self, tokens: npt.ArrayLike) -> int:
        """The number of notes."""
        return int(np.count_nonzero(_is_note(np.asarray(tokens))))

    def seconds(self, tokens: npt.ArrayLike) -> float:
        """The time from the first onset until the last note has ended, for rates such as bits/second."""
        return float(self.decode(tokens).end.max())

    def token_kinds(self) -> Mapping[str, slice]:
        """The ids of SHIFT, NOTE and DUR."""
        return {"shift": SHIFT, "note": NOTE, "dur": DUR}

    def grammar(self) -> Grammar:
        """An empty sequence to `push` tokens on; for sampling, cheaper than `allowed_next` at every token."""
        return Grammar()

    def allowed_next(self, prefix: Sequence[int] | npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.bool_]:
        """bool [2454]: the ids that can follow so that the sequence still begins a canonical one.

        Raises:
            ValueError: the prefix itself begins no canonical sequence.
        """
        return _pushed(_ids(prefix)).allowed()


def _ids(tokens: npt.ArrayLike) -> npt.NDArray[np.int64]:
    ids = np.asarray(tokens)
    if ids.ndim != 1 or (len(ids) and ids.dtype.kind not in "iu"):
        raise ValueError(f"expected a row of integer ids, found {ids.dtype} of shape {ids.shape}")
    return ids.astype(np.int64)


def _pushed(ids: npt.NDArray[np.int64]) -> Grammar:
    grammar = Grammar()
    for token in ids.tolist():
        grammar.push(token)
    return grammar


def _is_note(ids: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    return (ids >= NOTE.start) & (ids < NOTE.stop)


def _parse(ids: npt.NDArray[np.int64]) -> Notes | None:
    """The notes of a canonical sequence; of any other some notes, which encode to another, or None."""
    at = np.flatnonzero(_is_note(ids))
    if not len(at):
        return None
    steps = np.where((ids >= SHIFT.start) & (ids < SHIFT.stop), ids - SHIFT.start + 1, 0)
    onset, code = np.cumsum(steps)[at], ids[at] - NOTE.start
    after = ids[np.minimum(at + 1, len(ids) - 1)] - DUR.start
    length = DURATIONS[np.clip(after, 0, len(DURATIONS) - 1)]
    length[code >= DRUM_CODE] = 1
    return _notes(onset, code, length) if (onset + length).max() <= MAX_STEPS else None


def _notes(onset: npt.NDArray[Any], code: npt.NDArray[Any], length: npt.NDArray[Any]) -> Notes:
    family = code >> 7
    return Notes(
        start=onset / STEPS,
        end=(onset + length) / STEPS,
        family=family.astype(np.uint8),
        pitch=(code & 127).astype(np.uint8),
        velocity=np.full(len(code), VELOCITY, dtype=np.uint8),
        track=family.astype(np.uint16),
    )
