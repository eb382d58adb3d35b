"""The Notes table: a piece of music as parallel columns, one row a note, times in seconds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

DRUMS = 16
"""The class of percussion; classes 0-15 are the General MIDI families, program // 8."""

FAMILIES = (
    "Piano",
    "Chromatic percussion",
    "Organ",
    "Guitar",
    "Bass",
    "Strings",
    "Ensemble",
    "Brass",
    "Reed",
    "Pipe",
    "Synth lead",
    "Synth pad",
    "Synth effects",
    "Ethnic",
    "Percussive",
    "Sound effects",
    "Drums",
)
"""The names of the 16 families of General MIDI, and of the drums."""


@dataclass(frozen=True, slots=True, eq=False)
class Notes:
    """Notes in any order, as equal-length columns.

    Attributes:
        start: float64 [N], onset in seconds. end: float64 [N], end in seconds; not before `start`. family:
        uint8 [N], instrument class: program // 8, or `DRUMS`. pitch: uint8 [N], MIDI pitch 0-127. velocity:
        uint8 [N], MIDI velocity 1-127. track: uint16 [N], the part within the file. Only the search for
        near-duplicates uses parts; a decoded song has one part per family.
    """

    start: npt.NDArray[np.float64]
    end: npt.NDArray[np.float64]
    family: npt.NDArray[np.uint8]
    pitch: npt.NDArray[np.uint8]
    velocity: npt.NDArray[np.uint8]
    track: npt.NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.start)
