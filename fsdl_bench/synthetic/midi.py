"""The chain behind `midi-synthetic`: a melody on the white keys, in one voice, canonical as drawn.

    first NOTE   one draw of instrument and pitch; the instrument stays for the song
    first DUR    one draw of tempo and length; the tempo stays for the song
    NOTE         given the pitch before
    DUR          given the length before and this pitch
    SHIFT        given this length: at least as long, so that no note cuts another; from note 24 on, EOS may
                 replace it, and note 64 is the last

Lengths are 1, 2, 3, 4 or 6 sixteenths. So a song has 24 to 64 notes, three tokens each. The base measure of
each context is drawn around one that favours small steps, chord tones, the middle of the range, quavers and
crotchets, and notes without a rest after them.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import numpy.typing as npt

from fsdl_bench.codecs.base import EOS
from fsdl_bench.codecs.midi import MidiCodec
from fsdl_bench.codecs.midi_grammar import DUR, NOTE, SHIFT
from fsdl_bench.synthetic.chain import Slot, Weights

PITCHES = tuple(octave + tone for octave in (48, 60, 72) for tone in (0, 2, 4, 5, 7, 9, 11))
"""Three octaves of C major from C3 up."""

FAMILIES = (0, 1, 3, 5, 9)
"""Piano, chromatic percussion, guitar, strings, pipe."""

LENGTHS = (1, 2, 3, 4, 6)
"""Lengths of notes and of the steps between onsets, in sixteenths."""

TEMPI = (9, 11, 13, 16)
"""Steps of 10 ms in a sixteenth: 167, 136, 115, 94 crotchets a minute. No product with a length repeats."""

ALPHA_FIRST, ALPHA_NOTE, ALPHA_DUR, ALPHA_SHIFT = 1.5, 3.0, 1.0, 2.0
"""The weight of the base measures in an artist, as a number of observations."""

SPREAD, FLOOR = 40.0, 0.05
"""The weight of the mean in the base measure of a context; the part of it that is the mean itself."""

STEP_WEIGHTS = (2.0, 5.0, 4.0, 3.0, 2.5, 1.2, 0.6, 1.2, 0.15)
"""For moving by so many keys of the scale, up or down; the last is for every larger step."""

CHORD_WEIGHT, RANGE = 1.6, 8.0
"""For the tones of the C major chord, and how many keys from the middle melodies go."""

LENGTH_WEIGHTS = (3.0, 5.0, 2.0, 4.0, 2.0)
"""For each of `LENGTHS`."""

GAP_WEIGHTS = (4.0, 2.0, 1.5, 1.0, 1.0)
"""For the next onset after this length, after the next longer one, and so on."""

END_RATES = (0.04, 0.06, 0.06, 0.12, 0.20)
"""Mean frequency of EOS after a note of each of `LENGTHS`, where it may come."""

MAY_END, MUST_END = 24, 64
"""Notes in the shortest and in the longest song."""


class MidiChain:
    """The chain of `midi-synthetic` over the ids of `note10ms-v1`.

    Args:
        random: draws the base measures.
    """

    vocab_size = MidiCodec.vocab_size
    longest = 3 * MUST_END

    def __init__(self, random: np.random.RandomState) -> None:
        prior: list[npt.NDArray[np.float64]] = []

        def context(alpha: float, mean: npt.NDArray[np.float64]) -> int:
            mean = mean / mean.sum()
            drawn = random.standard_gamma(SPREAD * mean)
            prior.append(alpha * ((1 - FLOOR) * drawn / drawn.sum() + FLOOR * mean))
            return len(prior) - 1

        steps, lengths = np.array(LENGTH_WEIGHTS), np.array(LENGTHS)
        notes = [NOTE.start + 128 * family + np.array(PITCHES) for family in FAMILIES]
        durs = [DUR.start - 1 + tempo * lengths for tempo in TEMPI]
        shifts = [SHIFT.start - 1 + tempo * lengths for tempo in TEMPI]

        first = context(ALPHA_FIRST, np.tile(_pitch_weights(None), len(FAMILIES)))
        self._first_note = Slot(first, np.concatenate(notes))
        first = context(ALPHA_FIRST, np.tile(steps, len(TEMPI)))
        self._first_dur = Slot(first, np.concatenate(durs))

        after = [context(ALPHA_NOTE, _pitch_weights(pitch)) for pitch in range(len(PITCHES))]
        self._note = [[Slot(number, tokens) for number in after] for tokens in notes]
        after_both = [[context(ALPHA_DUR, steps) for _ in PITCHES] for _ in LENGTHS]
        self._dur = [[[Slot(number, tokens) for number in row] for row in after_both] for tokens in durs]

        self._shift: list[list[Slot]] = [[] for _ in TEMPI]
        self._shift_or_end: list[list[Slot]] = [[] for _ in TEMPI]
        for length, rate in enumerate(END_RATES):
            gaps = np.array(GAP_WEIGHTS[: len(LENGTHS) - length])
            early = context(ALPHA_SHIFT, gaps)
            late = context(ALPHA_SHIFT, np.concatenate(([rate], (1 - rate) * gaps / gaps.sum())))
            for tempo, tokens in enumerate(shifts):
                self._shift[tempo].append(Slot(early, tokens[length:]))
                self._shift_or_end[tempo].append(Slot(late, np.array([EOS, *tokens[length:]])))
        self._last = Slot(len(prior), np.array([EOS]))
        self.prior: Weights = (*prior, np.ones(1))

    def song(self) -> Generator[Slot, int, None]:
        """See `Chain.song`."""
        token = yield self._first_note
        family, pitch = divmod(self._first_note.symbol_of[token], len(PITCHES))
        token = yield self._first_dur
        tempo, length = divmod(self._first_dur.symbol_of[token], len(LENGTHS))
        for count in range(1, MUST_END):
            shift = self._shift if count < MAY_END else self._shift_or_end
            token = yield shift[tempo][length]
            if token == EOS:
                return
            slot = self._note[family][pitch]
            token = yield slot
            pitch = slot.symbol_of[token]
            slot = self._dur[tempo][length][pitch]
            token = yield slot
            length = slot.symbol_of[token]
        yield self._last


def _pitch_weights(before: int | None) -> npt.NDArray[np.float64]:
    """float64 [pitches]: for the first note, or for the one after the pitch of this index."""
    index = np.arange(len(PITCHES))
    weights: npt.NDArray[np.float64] = np.exp(-(((index - index.mean()) / RANGE) ** 2))
    weights[np.isin(np.array(PITCHES) % 12, (0, 4, 7))] *= CHORD_WEIGHT
    if before is None:
        return weights
    moves = np.minimum(np.abs(index - before), len(STEP_WEIGHTS) - 1)
    weights *= np.array(STEP_WEIGHTS)[moves]
    return weights
