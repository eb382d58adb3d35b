"""Notes to what people play and edit: a `.mid` file, or pretty_midi's object.

Every part of a song (one a family, for a decoded song) is a track of its own, played by the first program of
its family. A tick is one millisecond, so times on the codec's grid are exact: for canonical notes
encode(read_midi(write_midi(notes))) == encode(notes).

MIDI has 15 channels besides that of the drums, so in a song with all 16 families two of them share a channel.
That is no loss where tracks are read one by one, as by `read_midi` and pretty_midi; a synthesizer that merges
them plays both with one program.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fsdl_bench.music.notes import DRUMS, FAMILIES, Notes

if TYPE_CHECKING:
    from pretty_midi import PrettyMIDI

_TICKS = 1000  # per second, from 500 ticks per quarter and 120 quarters per minute
_QUARTER = 500


def write_midi(notes: Notes, programs: Mapping[int, int] | None = None) -> bytes:
    """A Standard MIDI File of format 1 at 120 quarters per minute.

    Args:
        notes: the notes.
        programs: family -> General MIDI program; other families have their first program.

    Of notes that overlap on one pitch of one part, MIDI cannot say which one ends; canonical notes never do.

    Raises:
        ValueError: a note starts before 0.
    """
    from symusic import Note, Score, Tempo, Track

    if len(notes) and notes.start.min() < 0:
        raise ValueError(f"a note starts before the song does, at {notes.start.min()} s")
    start, end = (np.floor(_TICKS * times + 0.5).astype(np.int32) for times in (notes.start, notes.end))
    score: Any = Score(_QUARTER)
    score.tempos.append(Tempo(0, mspq=_QUARTER * 1_000_000 // _TICKS))
    for family, part in _parts(notes):
        program = (programs or {}).get(family, _program(family)) if family != DRUMS else 0
        track: Any = Track(FAMILIES[family], program, family == DRUMS)
        track.notes = Note.from_numpy(
            time=start[part],
            duration=end[part] - start[part],
            pitch=notes.pitch[part].astype(np.int8),
            velocity=notes.velocity[part].astype(np.int8),
            ttype="tick",
        )
        score.tracks.append(track)
    return bytes(score.dumps_midi())


def to_pretty_midi(notes: Notes) -> PrettyMIDI:
    """The notes for pretty_midi: to look at, change, synthesize or write. One instrument a part."""
    from pretty_midi import Instrument, Note, PrettyMIDI

    song = PrettyMIDI(resolution=_QUARTER, initial_tempo=60.0 * _TICKS / _QUARTER)
    for family, part in _parts(notes):
        instrument = Instrument(_program(family), is_drum=family == DRUMS, name=FAMILIES[family])
        columns = (notes.velocity[part], notes.pitch[part], notes.start[part], notes.end[part])
        rows = zip(*(column.tolist() for column in columns), strict=True)
        instrument.notes = [Note(*row) for row in rows]
        song.instruments.append(instrument)
    return song


def _program(family: int) -> int:
    return 0 if family == DRUMS else 8 * family


def _parts(notes: Notes) -> Iterator[tuple[int, npt.NDArray[np.intp]]]:
    """For each part its family, and its notes in order of onset. A part with two families counts as two."""
    part = notes.track.astype(np.int64) << 8 | notes.family
    order = np.lexsort((notes.pitch, notes.start, part))
    _, first = np.unique(part[order], return_index=True)
    for chosen in np.split(order, first[1:]):
        if len(chosen):
            yield int(notes.family[chosen[0]]), chosen
