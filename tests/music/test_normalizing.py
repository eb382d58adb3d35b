"""Events that symusic alone would read wrongly, against mido and against the same file plainly written."""

import io

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdl_bench.errors import Rejected
from fsdl_bench.music.events import all_events, number
from fsdl_bench.music.normalizing import normalized
from fsdl_bench.music.reading import read_midi

ON, OFF = b"\x90\x3c\x50", b"\x80\x3c\x00"
NOTE = [(0, ON), (480, OFF)]
HUGE = (1 << 28) - 1

data_bytes = st.binary(max_size=6)
channel = st.builds(
    lambda status, one, two: bytes([status, one, two][: 2 if 0xC0 <= status < 0xE0 else 3]),
    *(st.integers(0x80, 0xEF), st.integers(0, 127), st.integers(0, 127)),
)
packet = st.builds(
    lambda status, data: status + bytes([len(data)]) + data, st.sampled_from([b"\xf0", b"\xf7"]), data_bytes
)
text = st.builds(
    lambda kind, data: bytes([0xFF, kind, len(data)]) + data, st.sampled_from([1, 5, 0x7F]), data_bytes
)
system = st.sampled_from([b"\xf1\x05", b"\xf2\x01\x02", b"\xf3\x01", b"\xf6", b"\xf8", b"\xfe"])
keys = st.builds(lambda key: b"\xff\x59\x02" + bytes([key % 256, 0]), st.integers(-7, 7))
tempos = st.integers(1, 2**24 - 1).map(lambda tempo: b"\xff\x51\x03" + tempo.to_bytes(3))
deltas = st.one_of(st.integers(0, 300), st.integers(0, HUGE))
tracks = st.lists(st.tuples(deltas, st.one_of(channel, packet, text, system, keys, tempos)), max_size=30)


@given(st.lists(tracks, min_size=1, max_size=3))
def test_channel_events_and_tempos_are_those_that_mido_reads(smf, events):
    data = smf.file(*events)
    theirs, ours = [], []
    for track in mido.MidiFile(file=io.BytesIO(data), clip=True).tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "set_tempo":
                theirs.append((tick, message.tempo.to_bytes(3)))
            elif not message.is_meta and message.bytes()[0] < 0xF0:
                theirs.append((tick, bytes(message.bytes())))
    plain = normalized(data)
    for event in all_events(plain):
        if event.status < 0xF0:
            ours.append((event.tick, bytes([event.status]) + plain[event.start : event.end]))
        elif event.kind == 0x51:
            ours.append((event.tick, plain[event.start : event.end]))
    assert ours == theirs
    assert normalized(plain) == plain


@pytest.mark.parametrize(
    "between",
    [
        *(
            b"\xf7\x03\xff\x51\x03",
            b"\xf7\x03\xff\x51\x07",
            b"\xf7\x03\x90\x3c\x40",
            b"\xf7\0",
            b"\xf0\1\xf7",
        ),
        *(b"\xf8", b"\xf6", b"\xf1\x40", b"\xf2\x40\x40", b"\xff\x01\x03\xf0\xf7\x90"),
        b"\xf0\x03\x43\x12\x00\x0a\xf7\x03\x43\x12\xf7",
    ],
)
@pytest.mark.parametrize("runs", [True, False])
def test_a_status_runs_on_over_packets_and_system_messages(smf, between, runs):
    after = [(240, b"\x3c\x00" if runs else b"\x90\x3c\x00"), *NOTE]
    events = [(0, smf.tempo(500_000)), (0, ON), (240, between), *after]
    late = 10 / 960 if between.count(b"\xf7\x03\x43") else 0  # the delta time between the packets
    assert read_midi(smf.file(events)).end.tolist() == [0.5 + late, 1 + late]
    assert len(read_midi(smf.file([(0, b"\xc0\x05"), (0, between), (0, b"\x07"), *NOTE]))) == 1


def test_times_of_dropped_events_count_however_long_they_are(smf):
    events = [(HUGE, b"\xf7\x01\x01")] * 3 + [(5, b"\xff\x01\x00")]
    assert [event.tick for event in all_events(normalized(smf.file(events)))][-2:] == [3 * HUGE + 5] * 2


@pytest.mark.parametrize("padding", [b"\x80" * 4, b"\x80" * 9])
def test_numbers_padded_with_zeros(smf, padding):
    long = smf.track([(0, ON)], end=padding + b"\x83\x60" + OFF + b"\0\xff\x2f\0")
    assert read_midi(smf.file(long)).end.tolist() == [0.5]
    tempo = b"\xff\x51" + padding + b"\x03\x0f\x42\x40"
    assert read_midi(smf.file([(0, tempo), *NOTE])).end.tolist() == [1]
    with pytest.raises(Rejected, match="28 bits"):
        number(b"\x90" + padding + b"\0", 0)


@pytest.mark.parametrize("status", [0xF4, 0xF5, 0xF9, 0xFD])
def test_a_status_that_midi_does_not_define_is_rejected_as_by_mido(smf, status):
    data = smf.file([(0, bytes([status])), *NOTE])
    with pytest.raises(Rejected, match=f"byte 23: expected a status that MIDI defines, found {status:#x}"):
        read_midi(data)
    with pytest.raises(OSError, match="undefined status byte"):
        mido.MidiFile(file=io.BytesIO(data))


def test_ordinary_files_reach_symusic_unchanged(seeds, smf):
    made = [data for data in seeds if b"JUNK" not in data]
    flats = smf.file([(0, b"\xff\x59\x02\xfd\x00"), (0xF0 << 7, smf.tempo(0x07F120)), *NOTE * 99])
    for data in (*made, flats, smf.file([(0, b"\xf0\x05\x7e\x7f\x09\x01\xf7"), *NOTE])):
        assert normalized(data) is data
