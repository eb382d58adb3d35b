"""The place of the MIDI file among the bytes of a file, and of its tracks in it.

Lengths and counts in headers are often wrong. They are believed where what follows agrees with them. If not,
the end-of-track events and the next `MTrk` tell where a track ends.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from fsdl_bench.errors import Rejected
from fsdl_bench.music.events import END_OF_TRACK, META, events

_BLANK: Final = b"\0\t\n\r \xef\xbb\xbf"  # the last three are the byte order mark of UTF-8
_MAC_BINARY: Final = 128  # bytes of the header
_LONGEST_NAME: Final = 63

_NOTHING = re.compile(rb"\0*\Z")
_TRACK_OR_FILE = re.compile(rb"MT(?:rk|hd)")


def unwrapped(data: bytes) -> bytes:
    """Return the MIDI file inside RIFF or MacBinary, or after blank bytes; another file as it is."""
    if data[:4] == b"MThd":
        return data
    if data[:1] == b"\0" and 1 <= int.from_bytes(data[1:2]) <= _LONGEST_NAME and _begins(data, _MAC_BINARY):
        data = data[_MAC_BINARY:]
    elif _begins(blank := data.lstrip(_BLANK), 0):
        data = blank
    return _inside_riff(data) if data[:4] == b"RIFF" and data[8:12] == b"RMID" else data


def _begins(data: bytes, at: int) -> bool:
    return data[at : at + 4] in (b"MThd", b"RIFF")


def _inside_riff(data: bytes) -> bytes:
    """Return the content of the chunk `data`."""
    at = 12
    while at + 8 <= len(data):
        stop = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        padded = stop + stop % 2  # RIFF files have an even number of bytes before each chunk
        if data[at : at + 4] == b"data":
            right = stop >= len(data) or _is_chunk(data, padded, "little") or _NOTHING.match(data, stop)
            content = data[at + 8 : stop] if right and stop > at + 8 else data[at + 8 :]
            return content.lstrip(_BLANK)
        # Some writers leave out the padding.
        places = [place for place in (padded, stop) if data[place : place + 4] == b"data"]
        places += [place for place in (padded, stop) if _is_chunk(data, place, "little")]
        at = places[0] if places else padded
    raise Rejected("not a MIDI file", "a RIFF file without a chunk 'data'")


def _is_chunk(data: bytes, at: int, order: Literal["little", "big"]) -> bool:
    """Whether a chunk with four letters as its name begins at `at`, and ends within the data."""
    name = data[at : at + 4]
    size = int.from_bytes(data[at + 4 : at + 8], order)
    return at + 8 + size <= len(data) and all(0x20 <= char < 0x7F for char in name)


def track_bounds(data: bytes) -> list[tuple[int, int]]:
    """Return start and end of the events of each track.

    Raises:
        Rejected: "several songs in one file"; "damaged file" where notes may be missing.
    """
    found: list[tuple[int, int]] = []
    unread = False
    at = 8 + int.from_bytes(data[4:8])
    while at + 8 <= len(data):
        name, stop = data[at : at + 4], at + 8 + int.from_bytes(data[at + 4 : at + 8])
        if name == b"MThd":
            raise Rejected("several songs in one file", f"another MThd at byte {at}")
        if name == b"MTrk":
            end, after = _track(data, at + 8, stop, f"track {len(found) + 1}")
            found.append((at + 8, end))
            at = after
            continue
        chunk = _is_chunk(data, at, "big")
        after = stop if chunk else _next_track(data, at, len(data))
        unread |= b"MTrk" in data[at:after] if chunk else data[at:after].strip(b"\0") != b""
        at = after
    unread |= not _NOTHING.match(data, at)
    count = int.from_bytes(data[10:12])
    if data[at : at + 4] == b"MTrk" or (len(found) < count and (unread or not found)):
        raise Rejected("damaged file", f"expected {count} tracks, found {len(found)}")
    return found


def _next_track(data: bytes, at: int, stop: int) -> int:
    """Return where the next track, or the next file, begins; `stop` if none does."""
    found = _TRACK_OR_FILE.search(data, at, stop)
    return found.start() if found else stop


def _track(data: bytes, start: int, stop: int, name: str) -> tuple[int, int]:
    """Return where the events of a track end, and where the next chunk may begin."""
    size = len(data)
    limit = min(stop, size)
    end, ended = _last_event(data, start, limit)
    if ended:
        after = _next_track(data, end, min(limit + 3, size))  # it may begin within, and end behind
        if after < limit:  # the length is too long
            return end, after
        if _has_notes(data, end, limit, end):
            raise Rejected("damaged file", f"{name}: notes after the end of the track, at byte {end}")
        return end, max(end, stop) if stop <= size else end
    if stop > size:
        raise Rejected("damaged file", f"{name}: expected {stop - start} bytes, found {size - start}")
    if end == stop and _may_follow(data, stop):
        return end, stop
    # The length is too short, or the track has no end.
    try:
        further, ended = _last_event(data, start, size)
    except Rejected:
        if end == stop and not _has_notes(data, start, size, stop):
            return end, stop  # what follows the track are no events
        raise
    if ended and _may_follow(data, further):
        return further, further
    raise Rejected("damaged file", f"{name}: no end of track, and no chunk follows it at byte {stop}")


def _may_follow(data: bytes, at: int) -> bool:
    """Whether the data after a track are what may follow one: a chunk, or nothing."""
    return _is_chunk(data, at, "big") or _NOTHING.match(data, at) is not None


def _last_event(data: bytes, start: int, stop: int) -> tuple[int, bool]:
    """Return where the last event that begins before `stop` ends, and whether it is an end of track."""
    event = None
    for event in events(data, start, stop):  # noqa: B007
        pass
    if event is None:
        return start, False
    return event.end, event.status == META and event.kind == END_OF_TRACK


def _has_notes(data: bytes, start: int, stop: int, after: int) -> bool:
    """Whether there is a note that ends behind `after`, as far as the data are events."""
    sounding = set()
    try:
        for event in events(data, start, stop):
            kind, pitch = event.status >> 4, (event.status & 0xF, data[event.start : event.start + 1])
            if kind == 9 and data[event.start + 1]:
                sounding.add(pitch)
            elif kind in (8, 9) and event.end > after and pitch in sounding:
                return True
    except Rejected:
        pass
    return False
