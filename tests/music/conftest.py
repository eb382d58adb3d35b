"""MIDI files to try the reader on: written byte by byte, by two libraries, and spoilt at random."""

import io
import re
import tarfile

import numpy as np
import pytest

PORT = 0x21  # a meta event that means nothing here


def number(value):
    """A MIDI variable-length number."""
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(0x80 | value & 0x7F)
    return bytes(reversed(out))


class Bytes:
    """A MIDI file put together by hand. Events are (delta, bytes)."""

    number = staticmethod(number)

    @staticmethod
    def on(pitch=60, velocity=80, channel=0):
        return bytes([0x90 | channel, pitch, velocity])

    @staticmethod
    def off(pitch=60, channel=0):
        return bytes([0x80 | channel, pitch, 0])

    @staticmethod
    def meta(kind, data=b""):
        return bytes([0xFF, kind]) + number(len(data)) + data

    @classmethod
    def tempo(cls, microseconds):
        return cls.meta(0x51, microseconds.to_bytes(3))

    @staticmethod
    def track(events, end=b"\0\xff\x2f\0"):
        data = b"".join(number(delta) + event for delta, event in events) + end
        return b"MTrk" + len(data).to_bytes(4) + data

    @classmethod
    def file(cls, *tracks, quarter=480, form=1, count=None):
        """Tracks are lists of events, or the bytes of a chunk."""
        chunks = [track if isinstance(track, bytes) else cls.track(track) for track in tracks]
        count = len(chunks) if count is None else count
        header = form.to_bytes(2) + count.to_bytes(2) + quarter.to_bytes(2)
        return b"MThd" + (6).to_bytes(4) + header + b"".join(chunks)


@pytest.fixture(scope="session")
def smf():
    """The helpers above."""
    return Bytes


def with_pretty_midi(rng):
    from pretty_midi import ControlChange, Instrument, Lyric, Note, PitchBend, PrettyMIDI

    song = PrettyMIDI(resolution=int(rng.choice([96, 220, 480])), initial_tempo=float(rng.uniform(50, 200)))
    for number in range(int(rng.integers(1, 5))):
        part = Instrument(int(rng.integers(128)), is_drum=number == 3, name="part")
        for start in np.sort(rng.uniform(0, 30, 60)).tolist():
            length = float(rng.exponential(0.6)) + 0.01
            part.notes.append(
                Note(int(rng.integers(1, 128)), int(rng.integers(30, 90)), start, start + length)
            )
        part.control_changes = [ControlChange(64, int(rng.choice([0, 127])), k / 2) for k in range(9)]
        part.pitch_bends = [PitchBend(int(rng.integers(-8192, 8192)), k / 3) for k in range(5)]
        song.instruments.append(part)
    song.lyrics = [Lyric("la", k / 4) for k in range(8)]
    out = io.BytesIO()
    song.write(out)
    return out.getvalue()


def by_hand(rng):
    """Running status, texts, a system message, many tempos, unended notes, a foreign chunk."""
    events = [(0, Bytes.meta(3, "Lied, 曲".encode())), (0, b"\xf0" + number(4) + b"\x7e\x7f\x09\xf7")]
    events += [(1, bytes([0x90, 50, 90]))] + [
        (int(rng.integers(200)), bytes([50 + k % 9, 80 * (k % 2)])) for k in range(80)
    ]
    events += [(int(rng.integers(90)), Bytes.tempo(int(rng.integers(2e5, 9e5)))) for _ in range(12)]
    events += [(3, Bytes.meta(5, "词".encode())), (0, bytes([0xC1, 40])), (5, Bytes.on(60, 70, 1))]
    events += [(9, Bytes.on(61, 70, 9)), (40, Bytes.off(60, 1)), (2, Bytes.meta(PORT, b"\1"))]
    return Bytes.file(events, b"JUNK" + (3).to_bytes(4) + b"abc", events, count=2)


@pytest.fixture(scope="session")
def seeds():
    """Some twenty sound files of different making."""
    rng = np.random.default_rng(1)
    return [with_pretty_midi(rng) for _ in range(12)] + [by_hand(rng) for _ in range(6)]


@pytest.fixture(scope="session")
def mutants():
    """A function: files -> an endless row of damaged ones."""

    def endless(files, rng):
        while True:
            data = bytearray(files[rng.integers(len(files))])
            for _ in range(int(rng.integers(1, 4))):
                _damage(data, files, rng)
            # Most are mended so far that the parser reads on into the damage.
            yield _mended(bytes(data)) if rng.random() < 0.7 else bytes(data)

    return endless


def _mended(data):
    """The same bytes with the lengths of the chunks, and their count, put right."""
    head, *tracks = data.split(b"MTrk")
    header = data[:8] + (1).to_bytes(2) + len(tracks).to_bytes(2) + data[12:14]
    chunks = (b"MTrk" + len(track[4:]).to_bytes(4) + track[4:] for track in tracks)
    return header + b"".join(chunks) if len(head) >= 14 else data


def _damage(data, files, rng):
    at = int(rng.integers(len(data) or 1))
    kind = rng.integers(9)
    if kind == 0 and data:  # flip some bits
        for place in rng.integers(len(data), size=int(rng.integers(1, 9))):
            data[place] ^= 1 << int(rng.integers(8))
    elif kind == 1:  # cut off
        del data[at:]
    elif kind == 2:  # take out
        del data[at : at + int(rng.integers(1, 40))]
    elif kind == 3:  # put in
        data[at:at] = rng.bytes(int(rng.integers(1, 20)))
    elif kind == 4:  # continue with another file, or again with this one
        other = files[rng.integers(len(files))]
        data[at:] = other[int(rng.integers(len(other))) :]
    elif kind == 5:  # a huge time, or length, or both
        data[at : at + 1] = b"\xff\xff\xff\x7f" * int(rng.integers(1, 12))
    elif kind == 6:  # a huge count in the header, or in a chunk's
        place = 8 if rng.random() < 0.5 else max(bytes(data).rfind(b"MTrk", 0, at) + 4, 0)
        data[place : place + 4] = rng.bytes(4)
    elif kind == 7:  # an event that means something, anywhere
        events = [
            b"\xff\x51\x03\0\0\0",
            b"\xff\x51\x02\x07",
            b"\xff\x2f\0",
            b"\xf0\x05",
            b"\xf7",
            b"\xc9\x7f",
            b"MTrk",
        ]
        data[at:at] = events[rng.integers(len(events))]
    elif kind == 8 and data:  # bytes with the high bit set
        for place in rng.integers(len(data), size=int(rng.integers(1, 60))):
            data[place] |= 0x80


@pytest.fixture(scope="session")
def pop909(mirror):
    """Every twelfth song of POP909: {path: bytes}."""
    return _members(mirror, "music-x-lab__POP909-Dataset-*.tar.gz", r"POP909/(\d+)/\1.mid", 12)


@pytest.fixture(scope="session")
def converted(mirror):
    """Every two-hundredth converted score: {path: bytes}."""
    return _members(mirror, "converted-verovio-*.tar.gz", r".*\.mid", 200)


def _members(mirror, archive, pattern, every):
    (path,) = mirror.glob(archive)
    out = {}
    with tarfile.open(path) as tar:
        names = 0
        for member in tar:
            if re.search(f"(?:^|/){pattern}$", member.name):
                if names % every == 0:
                    out[member.name] = tar.extractfile(member).read()
                names += 1
    assert len(out) > 30, f"{len(out)} files in {path.name}"
    return out
