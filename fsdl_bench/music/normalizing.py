"""Files that symusic reads rightly: as they are, or written anew.

symusic reads most files as the standard says. It reads wrong notes, or none, from files with

    packets F7; system messages before a running status
    numbers of more than four bytes, padded with zeros
    tempos, meters and keys of too few bytes
    a header longer than six bytes; wrong lengths and counts; bytes that are no chunk

`normalized` finds these by parsing, and not by searching for bytes. It parses a track only up to the last
byte that may belong to one of these, so that most files cost little time.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import Final

import numpy as np

from fsdl_bench.errors import Rejected
from fsdl_bench.music.chunks import track_bounds
from fsdl_bench.music.events import (
    END_OF_TRACK,
    HEADER,
    LARGEST_NUMBER,
    META,
    PACKETS,
    events,
    number,
    one_event,
)

_TEMPO, _METER, _KEY = 0x51, 0x58, 0x59
_LEAST: Final = {_TEMPO: 3, _METER: 2, _KEY: 2}
"""The number of bytes that symusic takes of a meta event, whether it has them or not."""

_MOST_TRACKS: Final = 0xFFFF
_END: Final = b"\0\xff\x2f\0"
_NOTHING: Final = b"\xff\x7f\0"  # an event that means nothing

_END_OR_ODD = re.compile(rb"\xff(?:\x2f|\x51(?!\x03)|\x58(?!\x04)|\x59(?!\x02))")


def _ordinary_events(channel: bytes) -> re.Pattern[bytes]:
    """Return a pattern for a row of ordinary meta events, and of `channel` events."""
    delta = rb"[\x80-\xff]{0,3}+[\x00-\x7f]"
    meta = rb"\xff(?:\x51\x03...|\x58\x04....|\x59\x02..)"
    # The limit keeps the memory small that the matcher takes for each repetition.
    return re.compile(rb"(?:" + delta + rb"(?:" + channel + meta + rb")){0,4096}", re.DOTALL)


_NO_CHANNEL = _ordinary_events(b"")
# Events that may follow a status of one, or of two, data bytes. The status runs on, or has the same size.
_ONE = _ordinary_events(rb"[\x00-\x7f]|[\xc0-\xdf].|")
_TWO = _ordinary_events(rb"[\x00-\x7f].|[\x80-\xbf\xe0-\xef]..|")


def _ordinary_after(running: int) -> re.Pattern[bytes]:
    if not running:
        return _NO_CHANNEL
    return _ONE if 0xC0 <= running < 0xE0 else _TWO


def normalized(data: bytes) -> bytes:
    """Return a MIDI file that has the events of `data`, and that symusic reads as the standard says.

    Args:
        data: a file of at least 14 bytes that begins with MThd and a header of at least 6 bytes.

    Raises:
        Rejected: "damaged file" or "several songs in one file".
    """
    return data if _ordinary(data) else _written_anew(data)


def _ordinary(data: bytes) -> bool:
    """Whether symusic reads the file as the standard says."""
    if data[4:8] != b"\0\0\0\6":
        return False
    bounds = []
    at = HEADER
    while at < len(data):
        start, name = at + 8, data[at : at + 4]
        at = start + int.from_bytes(data[at + 4 : start])
        if name != b"MTrk" or at > len(data) or not data.endswith(_END[1:], start, at):
            return False
        bounds.append((start, at))
    meta = [found.start() for found in _END_OR_ODD.finditer(data)]
    odd = [place for place in meta if data[place + 1] != END_OF_TRACK]
    # One end for each track, and that at its very end: so no events come after it.
    if not len(bounds) == int.from_bytes(data[10:12]) == len(meta) - len(odd):
        return False
    suspects = sorted(odd + _system_or_long(data))
    for start, stop in bounds if suspects else ():
        last = suspects[bisect_left(suspects, stop) - 1]
        if start <= last < stop and _misread(data, start, stop, last):
            return False
    return True


def _system_or_long(data: bytes) -> list[int]:
    """Return the places that may be a system message, or the fourth byte of a longer number."""
    values = np.frombuffer(data, dtype=np.uint8)
    high = values > 0x7F
    # A status follows a delta time, whose last byte is below 0x80.
    suspect = values[1:] - np.uint8(0xF0) < 0x0F
    suspect &= ~high[:-1]
    two = high[1:] & high[:-1]
    suspect[2:] |= two[2:] & two[:-2]
    return (suspect.nonzero()[0] + 1).tolist()


def _misread(data: bytes, at: int, stop: int, last: int) -> bool:
    """Whether symusic reads an event of a track wrongly that is not behind `last`."""
    running = 0
    packet = False
    while at <= last or (packet and at < stop):
        if not packet:  # symusic would let its status run on
            match = _ordinary_after(running).match(data, at, last + 1)
            if match and match.end() > at:
                at = match.end()
                continue
        _, place = number(data, at)
        status, kind, start, end = one_event(data, place, running)
        long = (
            place - at > 4 or (status == META and start - place > 6) or (status == 0xF0 and start - place > 5)
        )
        if long or (packet and data[place] < 0x80) or 0xF0 < status < META:
            return True
        if status == META and kind in _LEAST and (end - start < _LEAST[kind] or start - place != 3):
            return True
        if status < 0xF0:
            running = status
        packet = status == 0xF0
        at = end
    return False


def _written_anew(data: bytes) -> bytes:
    """Return the file with a status in every event, and without system messages and too short meta events."""
    bounds = track_bounds(data)
    if len(bounds) > _MOST_TRACKS:
        raise Rejected("damaged file", f"expected at most {_MOST_TRACKS} tracks, found {len(bounds)}")
    out = bytearray(b"MThd\0\0\0\6" + data[8:10] + len(bounds).to_bytes(2) + data[12:14])
    for start, stop in bounds:
        track = _track(data, start, stop)
        out += b"MTrk" + len(track).to_bytes(4) + track
    return bytes(out)


def _track(data: bytes, start: int, stop: int) -> bytearray:
    out = bytearray()
    last = 0
    for event in events(data, start, stop):
        size = event.end - event.start
        head = bytes([event.status])
        if event.status == META:
            if size < _LEAST.get(event.kind, 0):
                if event.kind == _TEMPO:
                    raise Rejected(
                        "damaged file", f"byte {event.at}: expected a tempo of 3 bytes, found {size}"
                    )
                continue
            size = _LEAST.get(event.kind, size)
            head += bytes([event.kind]) + _encoded(size)
        elif event.status >= PACKETS[0]:
            continue
        delta, last = event.tick - last, event.tick
        while delta > LARGEST_NUMBER:
            out += _encoded(LARGEST_NUMBER) + _NOTHING
            delta -= LARGEST_NUMBER
        out += _encoded(delta) + head + data[event.start : event.start + size]
    return out if out.endswith(_END[1:]) else out + _END


def _encoded(value: int) -> bytes:
    """Return a number as MIDI writes it."""
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(0x80 | value & 0x7F)
    return bytes(reversed(out))
