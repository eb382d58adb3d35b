"""MIDI files in other bytes, and tracks whose headers are wrong."""

import pytest

from fsdl_bench.errors import Rejected
from fsdl_bench.music.chunks import unwrapped
from fsdl_bench.music.reading import read_midi

NOTE = [(0, b"\x90\x3c\x50"), (480, b"\x80\x3c\x00")]
OTHER = [(0, b"\x91\x40\x50"), (480, b"\x81\x40\x00")]
ALIEN = b"XFIH\0\0\0\5hello"


def why(data):
    with pytest.raises(Rejected) as caught:
        read_midi(data)
    return caught.value


def chunk(track, length):
    return b"MTrk" + (length % 2**32).to_bytes(4) + track[8:]


@pytest.mark.parametrize("before", [b"\r\n", bytes(16), b"\xef\xbb\xbf", b"\0\5a.mid" + bytes(121)])
def test_a_file_after_blanks_or_a_mac_binary_header(smf, before):
    data = smf.file(NOTE)
    assert unwrapped(before + data) == data
    assert unwrapped(before + b"text") == before + b"text"
    assert why(b"PK\3\4" + data).reason == "not a MIDI file"


@pytest.mark.parametrize("count", [0, 1, 2, 3, 0xFFFF])
def test_all_tracks_are_read_whatever_the_header_says(smf, count):
    assert len(read_midi(smf.file(NOTE, OTHER, count=count))) == 2


@pytest.mark.parametrize("form", [0, 1])
def test_a_longer_header_is_skipped(smf, form):
    data = smf.file(NOTE, OTHER, form=form)
    assert len(read_midi(data[:4] + (10).to_bytes(4) + data[8:14] + b"MTrk" + data[14:])) == 2


def test_any_wrong_length_of_a_track(smf):
    track, other = smf.track(NOTE), smf.track(OTHER)
    size = len(track) - 8
    for wrong in [*range(size + len(other)), -1]:
        for first, second, pitches in ((track, other, [60, 64]), (other, track, [64, 60])):
            assert read_midi(smf.file(chunk(first, wrong), second)).pitch.tolist() == pitches
            assert read_midi(smf.file(chunk(first, wrong), second, count=1)).pitch.tolist() == pitches
    for wrong in (*range(size), size + 1, -1):
        assert len(read_midi(smf.file(chunk(track, wrong)))) == 1


@pytest.mark.parametrize("between", [b"", b"\0", b"xy", ALIEN, b"XFIH\0\0\0\4MTrk"])
def test_bytes_between_and_after_tracks(smf, between):
    data = smf.file(smf.track(NOTE) + between, smf.track(OTHER) + between)
    assert len(read_midi(data)) == 2


@pytest.mark.parametrize("after", [b"", bytes(50), ALIEN, b"\1junk", b"TAG" + b" " * 125])
def test_a_track_without_an_end(smf, after):
    assert len(read_midi(smf.file(smf.track(NOTE, end=b""), smf.track(OTHER, end=b"") + after))) == 2


def test_notes_after_the_end_of_a_track_are_not_dropped_in_silence(smf):
    end = b"\0\xff\x2f\0"
    for after in (b"\0", b"\0\x90\x3c\x40", end):  # a note that never ends is none
        assert len(read_midi(smf.file(smf.track(NOTE, end=end + after)))) == 1
    assert "notes after the end" in why(smf.file(smf.track(NOTE, end=end + smf.track(OTHER)[8:]))).detail


def test_several_songs(smf):
    data = smf.file(NOTE)
    for both in (data + data, data + b"\0\n" + data, smf.file(NOTE, NOTE, form=2, count=1)):
        assert why(both).reason == "several songs in one file"
    assert len(read_midi(smf.file([(0, smf.meta(1, data)), *NOTE]))) == 1


def test_a_lost_track_is_noticed(smf):
    track, other = smf.track(NOTE), smf.track(OTHER)
    swallowed = b"XFIH" + (5 + len(other)).to_bytes(4) + b"hello" + other
    for second in (swallowed, other[:-9], b"MTrk\0", b"mtrk" + other[4:5]):
        assert why(smf.file(track, second)).reason == "damaged file"
