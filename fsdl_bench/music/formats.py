"""The formats of symbolic music that a folder of songs may hold, and how each becomes notes.

.mid .midi .kar .smf .rmi       Standard MIDI File, also inside RIFF
.abc                            ABC notation, converted by symusic; one file may hold several tunes
.mxl .musicxml .xml .mei .krn   scores, converted by verovio (`pip install 'fsdl-bench[scores]'`)
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final, NamedTuple

from fsdl_bench.errors import Rejected
from fsdl_bench.metadata import Metadata
from fsdl_bench.music import scores
from fsdl_bench.music.events import opening_texts
from fsdl_bench.music.facts import facts_of
from fsdl_bench.music.notes import Notes
from fsdl_bench.music.reading import checked, notes_of, parse_checked

MIDI: Final = (".mid", ".midi", ".kar", ".smf", ".rmi")
ABC: Final = (".abc",)
SCORES: Final = scores.SUFFIXES
READABLE: Final = (*MIDI, *ABC, *SCORES)

_TUNE = re.compile(r"^X:", re.MULTILINE)
_TITLE = re.compile(r"^T:[ \t]*(.*\S)", re.MULTILINE)
_XML_SCORE = re.compile(rb"<(?:!DOCTYPE\s+)?(?:\w+:)?(?:score-partwise|score-timewise|mei)\b")


def is_midi(head: bytes) -> bool:
    """Whether a file that begins with these 12 bytes is a MIDI file, alone or inside RIFF."""
    return head[:4] == b"MThd" or (head[:4] == b"RIFF" and head[8:12] == b"RMID")


def is_xml_score(head: bytes) -> bool:
    """Whether an XML file that begins with these bytes is MusicXML or MEI."""
    return _XML_SCORE.search(head.replace(b"\0", b"")) is not None


def tunes(text: str) -> list[tuple[str, str]]:
    """Return title and ABC of each tune of a file; what comes before the first tune holds for all."""
    starts = [found.start() for found in _TUNE.finditer(text)]
    found = []
    for start, end in pairwise([*starts, len(text)]):
        tune = text[start:end].rstrip() + "\n"
        title = _TITLE.search(tune)
        found.append((title[1] if title else "", text[: starts[0]] + tune))
    return found


class Music(NamedTuple):
    """The content of a file of music."""

    notes: Notes
    metadata: Metadata


def read_music(data: bytes, path: str) -> Music:
    """Return the notes of a file, and what it says of itself.

    Args:
        data: its bytes; of an ABC file, one tune.
        path: its name tells the format; a name without a known suffix is MIDI.

    Raises:
        Rejected: the file cannot be used; see `parse_midi`, `notes_of` and `score_to_midi`.
    """
    if not data:
        raise Rejected("empty file")
    if path.lower().endswith(SCORES):
        return from_midi(scores.score_to_midi(data))
    if path.lower().endswith(ABC):
        return _from_abc(data.decode("utf-8"))
    return from_midi(data)


def from_midi(data: bytes) -> Music:
    """Return the content of a MIDI file. Raises like `read_midi`."""
    data = checked(data)
    score = parse_checked(data)
    notes = notes_of(score)
    return Music(notes, facts_of(score, notes, opening_texts(data)))


def _from_abc(tune: str) -> Music:
    from symusic import Score

    with scores.silent():
        try:
            score = Score.from_abc(tune)
        except (RuntimeError, ValueError, IndexError, OverflowError, MemoryError) as error:
            raise Rejected("damaged file", f"abc2midi: {str(error).strip()}") from None
    notes = notes_of(score)
    return Music(notes, facts_of(score, notes))
