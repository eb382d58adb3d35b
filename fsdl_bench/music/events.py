"""The events of a MIDI file by symusic's rules, as far as they must be known before or beside its parsing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

HEADER = 14

# The number of data bytes after each status byte that symusic knows.
_DATA_BYTES = {kind << 4 | channel: 2 for kind in (8, 9, 10, 11, 14) for channel in range(16)}
_DATA_BYTES |= {kind << 4 | channel: 1 for kind in (12, 13) for channel in range(16)}
_DATA_BYTES |= dict.fromkeys((0xF6, 0xF7, 0xF8, 0xFA, 0xFB, 0xFC, 0xFE), 0) | {0xF1: 1, 0xF2: 2, 0xF3: 1}


class Event(NamedTuple):
    """One event.

    Attributes:
        tick: when.
        status: 0 while it runs on.
        kind: of a meta event.
        size: number of its data bytes.
        end: where it ends in the track.
    """

    tick: int
    status: int
    kind: int
    size: int
    end: int


def all_events(data: bytes) -> Iterator[Event]:
    """Yield the events of all tracks."""
    return (event for track in tracks(data) for event in events(track))


def tracks(data: bytes) -> Iterator[bytes]:
    """Yield the tracks of a file, as symusic finds them."""
    at = HEADER
    for _ in range(int.from_bytes(data[10:12])):
        while data[at : at + 4] not in (b"MTrk", b""):
            at += 8 + int.from_bytes(data[at + 4 : at + 8])
        stop = at + 8 + int.from_bytes(data[at + 4 : at + 8])
        yield data[at + 8 : stop]
        at = stop


def events(track: bytes) -> Iterator[Event]:
    """Yield the events of a track by symusic's rules, up to its end or to a status that symusic refuses."""
    at = tick = follow = 0
    while at < len(track):
        delta, at = _number(track, at)
        tick += delta
        status, kind, size = track[at] if at < len(track) else 0, 0, 0
        if status == 0xFF:
            kind = track[at + 1] if at + 1 < len(track) else 0x2F
            size, after = _number(track, at + 2)
            at = after + size
        elif status == 0xF0:
            size, after = _number(track, at + 1)
            follow = size + after - at - 1
            at = after + size
        elif status >= 0x80:
            if status not in _DATA_BYTES:
                yield Event(tick, status, 0, 0, at)
                return
            follow = _DATA_BYTES[status]
            at += 1 + follow
        else:
            at += follow
        yield Event(tick, status, kind, size, at)
        if kind == 0x2F and status == 0xFF:
            return


def _number(track: bytes, at: int) -> tuple[int, int]:
    """The number of up to four bytes at `at`, seven bits a byte, and where it ends."""
    value = 0
    for byte in track[at : at + 4]:
        value = value << 7 | byte & 0x7F
        at += 1
        if byte < 0x80:
            break
    return value, at


TEXT, COPYRIGHT = 1, 2
_MOST, _LONGEST, _HEAD = 20, 500, 4096


def opening_texts(data: bytes) -> dict[int, list[bytes]]:
    """Return the text and copyright events at the start of the first track, by kind.

    At most 20 of a kind, the first 500 bytes of each.
    """
    found: dict[int, list[bytes]] = {TEXT: [], COPYRIGHT: []}
    head = data[: HEADER + _HEAD]
    if b"\xff\x01" not in head and b"\xff\x02" not in head:
        return found
    track = next(tracks(data), b"")
    for event in events(track):
        if event.tick:
            break
        if event.status == 0xFF and event.kind in found and len(found[event.kind]) < _MOST:
            start = event.end - event.size
            found[event.kind].append(track[start : start + min(event.size, _LONGEST)])
    return found
