"""A Standard MIDI File to notes, or one clear reason why not.

symusic parses; it pairs the note-ons with the note-offs, and so is part of the benchmark's definition. Times:

    seconds = (sum over the tempos of ticks x microseconds per quarter) / (10^6 x ticks per quarter)

where every sum is a whole number below 2^53 in any file of up to 2 hours, so that the division is the only
rounding: one float64, the same on every machine. (symusic's own seconds are float32.)

symusic is native code and trusts its input. `checked` and `_clock_overflows` find the files of which it would
read other events than they have, read past the end, or count time modulo 2^32.
"""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from symusic import Score

from fsdl_bench.errors import Rejected
from fsdl_bench.music.chunks import unwrapped
from fsdl_bench.music.events import HEADER, all_events
from fsdl_bench.music.normalizing import normalized
from fsdl_bench.music.notes import DRUMS, Notes

LONGEST_SECONDS: Final = 7200
LARGEST_BYTES: Final = 16 << 20
"""Larger files are left out: the parser can take a hundred times their size for its own."""

MOST_PARTS: Final = 1 << 16
"""Files with more parts, that is (track, channel, program), are left out: each takes some 10 KiB."""

DEFAULT_TEMPO = 500_000  # microseconds a quarter, until the file sets another
_TICKS = 1 << 31

_TEMPO = re.compile(rb"\xff\x51\x03...", re.DOTALL)


def read_midi(data: bytes) -> Notes:
    """Return the notes of a MIDI file, part after part. Sustain pedals are ignored.

    Raises:
        Rejected: see `parse_midi` and `notes_of`.
    """
    return notes_of(parse_midi(data))


def parse_midi(data: bytes) -> Any:
    """Return a MIDI file as a symusic score in ticks.

    Raises:
        Rejected: for one of these reasons: "empty file", "not a MIDI file", "larger than 16 MiB", "several
            songs in one file" (format 2), "ticks per quarter < 1" (also for times in video frames), "damaged
            file".
    """
    return parse_checked(checked(data))


def parse_checked(data: bytes) -> Any:
    """Return a file that `checked` returned as a symusic score in ticks. Raises "damaged file"."""
    try:
        score: Any = Score.from_midi(data, sanitize_data=True)
    except (RuntimeError, ValueError, IndexError, OverflowError, MemoryError) as error:
        raise Rejected("damaged file", str(error).strip()) from None
    if _clock_overflows(data, len(score.tempos)):
        raise Rejected("damaged file", "a time of more than 2^31 ticks")
    return score


def notes_of(score: Any) -> Notes:
    """Return the notes of a symusic score in ticks.

    Raises:
        Rejected: "tempo 0", "no notes" or "longer than 2 hours".
    """
    parts = [(part, notes) for part in score.tracks if len((notes := part.notes.numpy())["time"])]
    tempos = score.tempos.numpy()
    if not tempos["mspq"].all():
        raise Rejected("tempo 0")
    if not parts:
        raise Rejected("no notes")
    total = sum(len(notes["time"]) for _, notes in parts)
    ticks = np.empty((2, total))  # onsets, ends
    family, pitch, velocity = np.empty((3, total), dtype=np.uint8)
    track = np.empty(total, dtype=np.uint16)
    stop = 0
    for number, (part, notes) in enumerate(parts):
        start, stop = stop, stop + len(notes["time"])
        ticks[0, start:stop] = notes["time"]
        ticks[1, start:stop] = notes["duration"]
        family[start:stop] = DRUMS if part.is_drum else part.program >> 3
        pitch[start:stop] = notes["pitch"]
        velocity[start:stop] = notes["velocity"]
        track[start:stop] = number
    ticks[1] += ticks[0]
    onset, end = seconds_of(ticks, tempos["time"], tempos["mspq"], score.ticks_per_quarter)
    longest = end.max()
    if longest > LONGEST_SECONDS:
        raise Rejected("longer than 2 hours", f"{longest / 3600:.1f} hours")
    return Notes(onset, end, family, pitch, velocity, track)


def checked(data: bytes) -> bytes:
    """Return the MIDI file in the data as symusic may read it; see `unwrapped` and `normalized`.

    Raises:
        Rejected: see `parse_midi`.
    """
    data = unwrapped(data)
    if not data:
        raise Rejected("empty file")
    if data[:4] != b"MThd":
        raise Rejected("not a MIDI file", f"begins with {data[:4]!r}, not b'MThd'")
    if len(data) > LARGEST_BYTES:
        raise Rejected("larger than 16 MiB", f"{len(data)} bytes")
    if len(data) < HEADER:
        raise Rejected("damaged file", f"ends within the header, after {len(data)} bytes")
    length = int.from_bytes(data[4:8])
    if not HEADER - 8 <= length <= len(data) - 8:
        raise Rejected("damaged file", f"expected a header of at least 6 bytes, found a length of {length}")
    if data[12] >= 0x80:
        raise Rejected("ticks per quarter < 1", "times are in video frames (SMPTE)")
    if data[12:14] == b"\0\0":
        raise Rejected("ticks per quarter < 1", "ticks per quarter is 0")
    data = normalized(data)
    if data[8:10] == b"\0\2" and data[10:12] > b"\0\1":
        raise Rejected("several songs in one file", "format 2")
    if len(data) > MOST_PARTS and _parts_bound(data) > MOST_PARTS:  # smaller ones cannot have too many
        programs = sum(event.status & 0xF0 == 0xC0 for event in all_events(data))
        if int.from_bytes(data[10:12]) * 16 + programs > MOST_PARTS:
            raise Rejected("damaged file", f"more than {MOST_PARTS} tracks and changes of instrument")
    return data


def seconds_of(
    ticks: npt.NDArray[np.float64], since: npt.NDArray[np.int32], tempo: npt.NDArray[np.int32], quarter: int
) -> npt.NDArray[np.float64]:
    """Seconds of `ticks`, which are overwritten. Each tempo holds from a tick on; they are in order."""
    if len(since) == 1 and since[0] == 0:
        ticks *= int(tempo[0])
    else:
        since = np.concatenate([[0], since])
        microseconds = np.concatenate([[DEFAULT_TEMPO], tempo], dtype=np.float64)
        before = np.zeros(len(since))
        np.cumsum((since[1:] - since[:-1]) * microseconds[:-1], out=before[1:])
        at = np.searchsorted(since, ticks, side="right")
        at -= 1
        ticks -= since.astype(np.float64).take(at)
        ticks *= microseconds.take(at)
        ticks += before.take(at)
    ticks /= 1_000_000 * quarter
    return ticks


def _clock_overflows(data: bytes, tempos: int) -> bool:
    """Whether a track runs past 2^31 ticks. symusic would go on from -2^31, and drop or displace notes."""
    if _clock_bound(data) < _TICKS:
        return False
    without, count = _TEMPO.subn(b"", data)
    if count == tempos and _clock_bound(without) < _TICKS:  # so each was a tempo, and no time
        return False
    return any(event.tick >= _TICKS for event in all_events(data))


def _parts_bound(data: bytes) -> int:
    """At least the number of tracks and changes of instrument, however the data is read."""
    programs = np.count_nonzero(np.frombuffer(data, dtype=np.uint8) & 0xF0 == 0xC0)
    return int.from_bytes(data[10:12]) * 16 + int(programs)


def _clock_bound(data: bytes) -> int:
    """More than all times in the data together, however it is read: a time has up to 3 bytes above 0x7F."""
    high = np.frombuffer(data, dtype=np.int8) < 0
    two = high[1:] & high[:-1]
    three = two[1:] & two[:-1]
    return (len(data) << 14) + (int(np.count_nonzero(two)) << 21) + (int(np.count_nonzero(three)) << 28)
