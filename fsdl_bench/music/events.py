"""The events of the tracks of a Standard MIDI File.

Where files differ from the standard, the common reading holds: a status runs on over system and meta events,
and system messages outside of packets have the data bytes that they have on a cable.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from fsdl_bench.errors import Rejected

HEADER: Final = 14
META: Final = 0xFF
END_OF_TRACK: Final = 0x2F
PACKETS: Final = (0xF0, 0xF7)
"""System exclusive messages, and the packets that continue one or hold any bytes: a length, then the data."""

LARGEST_NUMBER: Final = (1 << 28) - 1

# The number of data bytes after each status byte, except for packets and meta events. F4, F5, F9 and FD are
# not defined.
_DATA_BYTES = {kind << 4 | channel: 2 for kind in (8, 9, 10, 11, 14) for channel in range(16)}
_DATA_BYTES |= {kind << 4 | channel: 1 for kind in (12, 13) for channel in range(16)}
_DATA_BYTES |= dict.fromkeys((0xF6, 0xF8, 0xFA, 0xFB, 0xFC, 0xFE), 0) | {0xF1: 1, 0xF2: 2, 0xF3: 1}


class Event(NamedTuple):
    """One event. Places are in the data of the file.

    Attributes:
        tick: when.
        status: its status, also where that runs on.
        kind: of a meta event, otherwise 0.
        at: the place of its status; where that runs on, of its first data byte.
        start: where its data begin.
        end: where they end.
    """

    tick: int
    status: int
    kind: int
    at: int
    start: int
    end: int


def all_events(data: bytes) -> Iterator[Event]:
    """Yield the events of all tracks of a file that `normalized` returned."""
    return (event for start, stop in tracks(data) for event in events(data, start, stop))


def tracks(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and stop of each track of a file that `normalized` returned."""
    at = HEADER
    while at < len(data):
        start = at + 8
        at = start + int.from_bytes(data[at + 4 : start])
        yield start, at


def events(data: bytes, at: int, stop: int) -> Iterator[Event]:
    """Yield the events that begin before `stop`, up to the end of the track.

    Raises:
        Rejected: "damaged file".
    """
    tick = running = 0
    while at < stop:
        delta, at = number(data, at)
        tick += delta
        status, kind, start, end = one_event(data, at, running)
        if status < 0xF0:
            running = status
        yield Event(tick, status, kind, at, start, end)
        if status == META and kind == END_OF_TRACK:
            return
        at = end


def one_event(data: bytes, at: int, running: int) -> tuple[int, int, int, int]:
    """Return status, kind, start and end of the event whose delta time ends at `at`; see `Event`.

    Args:
        data: the file.
        at: a place in it.
        running: the status of the last channel event of the track, 0 before the first.

    Raises:
        Rejected: "damaged file".
    """
    size = len(data)
    status = data[at] if at < size else META
    kind, start = 0, at + 1
    if status < 0x80:
        if not running:
            raise Rejected("damaged file", f"byte {at}: expected a status, found {status:#04x}")
        status, start = running, at
    if status == META:
        kind = data[start] if start < size else 0
        length, start = number(data, at + 2)
    elif status in PACKETS:
        length, start = number(data, start)
    elif status in _DATA_BYTES:
        length = _DATA_BYTES[status]
    else:
        raise Rejected("damaged file", f"byte {at}: expected a status that MIDI defines, found {status:#04x}")
    end = start + length
    if end > size:
        raise Rejected("damaged file", f"byte {at}: the file ends within an event")
    return status, kind, start, end


def number(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at `at`, seven bits a byte, and where it ends."""
    value, start = 0, at
    while at < len(data):
        byte = data[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at
        if value > LARGEST_NUMBER >> 7:
            raise Rejected("damaged file", f"byte {start}: expected a number of 28 bits, found a longer one")
    raise Rejected("damaged file", f"byte {start}: the file ends within a number")


TEXT, COPYRIGHT = 1, 2
_MOST, _LONGEST, _HEAD = 20, 500, 4096


def opening_texts(data: bytes) -> dict[int, list[bytes]]:
    """Return the text and copyright events at the start of the first track, by kind.

    At most 20 of a kind, the first 500 bytes of each.

    Args:
        data: a file that `normalized` returned.
    """
    found: dict[int, list[bytes]] = {TEXT: [], COPYRIGHT: []}
    head = data[: HEADER + _HEAD]
    if b"\xff\x01" not in head and b"\xff\x02" not in head:
        return found
    for event in events(data, *next(tracks(data))):
        if event.tick:
            break
        if event.status == META and event.kind in found and len(found[event.kind]) < _MOST:
            found[event.kind].append(data[event.start : min(event.end, event.start + _LONGEST)])
    return found
