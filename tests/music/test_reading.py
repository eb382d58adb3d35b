"""Reading MIDI files: exact times, every reason to reject, and what symusic must be kept from."""

import io
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdl_bench.codecs.midi import MidiCodec
from fsdl_bench.errors import Rejected
from fsdl_bench.music.notes import DRUMS
from fsdl_bench.music.reading import read_midi

NOTE = [(0, b"\x90\x3c\x50"), (480, b"\x80\x3c\x00")]
HUGE = (1 << 28) - 1  # the largest time between two events


def why(data):
    with pytest.raises(Rejected) as caught:
        read_midi(data)
    return caught.value


def test_a_plain_file(smf):
    events = [(0, smf.on(60, 70)), (480, smf.off(60)), (0, smf.on(64, 71)), (240, smf.off(64))]
    notes = read_midi(smf.file(events))
    assert notes.start.tolist() == [0, 0.5]
    assert notes.end.tolist() == [0.5, 0.75]
    assert notes.pitch.tolist() == [60, 64]
    assert notes.velocity.tolist() == [70, 71]
    assert notes.family.tolist() == [0, 0]
    assert [column.dtype.name for column in (notes.start, notes.family, notes.track)] == [
        *("float64", "uint8", "uint16")
    ]


def test_programs_become_families_channel_10_drums_and_every_part_its_own(smf):
    events = []
    for channel, program in [(0, 0), (1, 7), (2, 8), (3, 127), (9, 40), (3, 64)]:
        events += [(0, bytes([0xC0 | channel, program])), (0, smf.on(60 + channel, channel=channel))]
        events += [(9, smf.off(60 + channel, channel=channel))]
    notes = read_midi(smf.file(events, NOTE))
    found = sorted(zip(notes.pitch.tolist(), notes.family.tolist(), strict=True))
    assert found == [(60, 0), (60, 0), (61, 0), (62, 1), (63, 8), (63, 15), (69, DRUMS)]
    assert len(set(notes.track.tolist())) == 7


def test_pedals_are_ignored(smf):
    pedal = [(0, b"\xb0\x40\x7f"), *NOTE, (960, b"\xb0\x40\x00")]
    assert read_midi(smf.file(pedal)).end.tolist() == read_midi(smf.file(NOTE)).end.tolist()


tempo_maps = st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 2_000_000)), max_size=8)


# At 40 ticks a quarter and 2 seconds a quarter the longest of these songs still lasts less than 2 hours.
@given(tempo_maps, st.lists(st.integers(0, 4000), min_size=1, max_size=20), st.integers(40, 32767))
def test_seconds_are_exact_fractions_rounded_once(smf, tempos, gaps, quarter):
    conductor = [(delta, smf.tempo(tempo)) for delta, tempo in tempos]
    events = [event for gap in gaps for event in ((gap, smf.on()), (gap // 2 + 1, smf.off()))]
    notes = read_midi(smf.file(conductor, events, quarter=quarter))

    since = np.cumsum([delta for delta, _ in tempos], dtype=int).tolist()
    bounds = [0, *since, 1 << 40]
    speeds = [500_000, *(tempo for _, tempo in tempos)]

    def seconds(tick):
        spans = [
            (max(0, min(tick, b) - a), speed) for (a, b), speed in zip(pairwise(bounds), speeds, strict=True)
        ]
        return float(Fraction(sum(span * speed for span, speed in spans), 1_000_000 * quarter))

    ticks = np.cumsum([delta for delta, _ in events]).tolist()
    assert notes.start.tolist() == [seconds(tick) for tick in ticks[::2]]
    assert notes.end.tolist() == [seconds(tick) for tick in ticks[1::2]]


def test_single_precision_would_not_do(smf):
    """The reason not to take symusic's seconds: after an hour float32 is off by a tenth of a millisecond."""
    notes = read_midi(smf.file([(3_456_789, smf.on()), (480, smf.off())]))
    assert float(np.float32(notes.start[0])) != notes.start[0]
    assert notes.start[0] == 3_456_789 / 960


@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        (b"", "empty file", ""),
        (b"RIFF....RMID", "not a MIDI file", "without a chunk 'data'"),
        (b"\x00\x01", "not a MIDI file", ""),
        (b"MThd\0\0\0\6\0\1", "damaged file", "after 10 bytes"),
        (b"MThd\0\0\0\7\0\1\0\0\1\xe0\0", "no notes", ""),
        (b"MThd\0\0\0\5\0\1\0\0\1\xe0\0", "damaged file", "at least 6 bytes, found a length of 5"),
        (b"MThd\0\0\1\6\0\1\0\0\1\xe0\0", "damaged file", "at least 6 bytes, found a length of 262"),
        (b"MThd\0\0\0\6\0\3\0\0\1\xe0", "damaged file", "format"),
        (b"MThd\0\0\0\6\0\1\0\1\0\0MTrk\0\0\0\0", "ticks per quarter < 1", "is 0"),
        (b"MThd\0\0\0\6\0\1\0\1\xe8\x28MTrk\0\0\0\0", "ticks per quarter < 1", "SMPTE"),
        (b"MThd\0\0\0\6\0\1\0\0\1\xe0", "no notes", ""),
        (b"MThd\0\0\0\6\0\1\0\1\1\xe0MTrk\0\0\1\0\0", "damaged file", "the file ends within a number"),
        (b"MThd\0\0\0\6\0\1\0\1\1\xe0MTrk", "damaged file", "expected 1 tracks, found 0"),
        (b"MThd\0\0\0\6\0\1\0\0\1\xe0" + bytes(16 << 20), "larger than 16 MiB", ""),
    ],
)
def test_damaged_headers(data, reason, detail):
    error = why(data)
    assert error.reason == reason
    assert detail in error.detail


def test_damaged_tracks(smf):
    def track(*events):
        return smf.file(list(events))

    assert why(track((0, smf.tempo(0)), *NOTE)).reason == "tempo 0"
    assert why(track(*NOTE, (0, smf.tempo(0)))).reason == "tempo 0"
    assert why(track((0, b"\xff\x51\x02\x07\xa1"), *NOTE)).detail.endswith("a tempo of 3 bytes, found 2")
    assert len(read_midi(track((0, b"\xff\x51\x04\x07\xa1\x20\0"), *NOTE))) == 1
    assert why(track((0, smf.on()))).reason == "no notes"  # it never ends
    assert why(track((0, b"\x40\x40"))).detail.startswith("MiniMidi: Unexpected running status")
    assert why(track((0, b"\xf4"), *NOTE)).reason == "damaged file"
    assert why(smf.file(NOTE, NOTE, form=2)).reason == "several songs in one file"
    assert len(read_midi(smf.file(NOTE, form=2))) == 1
    assert len(read_midi(smf.file(NOTE, form=0))) == 1


@pytest.mark.parametrize("pattern", [b"\xff\x51", b"\xff\x51\x02", b"\xff\x51\x04\xff\x51"])
@pytest.mark.parametrize("kind", ["text", "lyric", "vendor", "system exclusive", "tempo"])
def test_bytes_that_only_look_like_a_tempo_are_none(smf, kind, pattern):
    events = {
        "text": smf.meta(1, b"about " + pattern),
        "lyric": smf.meta(5, pattern),
        "vendor": smf.meta(0x7F, b"\0\0\x41" + pattern),
        "system exclusive": b"\xf0" + bytes([len(pattern) + 1]) + pattern + b"\xf7",
        "tempo": smf.tempo(0x0AFF51),  # 83.25 beats a minute
    }
    notes = read_midi(smf.file([(0, events[kind]), *NOTE * 8]))
    assert len(notes) == 8
    quarter = 0x0AFF51 if kind == "tempo" else 500_000
    assert notes.end[0] == 480 * quarter / (480 * 1_000_000)


def test_a_broken_tempo_is_found_behind_such_bytes(smf):
    events = [(0, smf.meta(1, b"\xff\x51\x02")), (0, b"\xff\x51\x02\x07\xa1"), *NOTE]
    assert why(smf.file(NOTE, events)).detail.endswith("a tempo of 3 bytes, found 2")


def test_bytes_that_only_look_like_changes_of_instrument_are_none(smf):
    text = smf.meta(1, b"\xc1" * 0x3FFF)
    assert len(read_midi(smf.file([(0, text)] * 8 + NOTE))) == 1
    changes = [(0, b"\xc0\x01")] * 70_000
    assert why(smf.file(changes + NOTE)).detail.startswith("more than 65536 tracks")


def test_two_hours_and_no_more(smf):
    def lasting(ticks):
        return smf.file([(0, smf.on()), (ticks, smf.off())])

    assert read_midi(lasting(7200 * 960)).end.tolist() == [7200]
    error = why(lasting(7200 * 960 + 1))
    assert (error.reason, error.detail) == ("longer than 2 hours", "2.0 hours")


def test_times_past_the_parser_s_clock_are_noticed_wherever_they_stand(smf):
    text = smf.meta(1, b"long")
    one = [(HUGE, smf.on()), (HUGE, smf.off())]
    assert why(smf.file(one)).reason == "longer than 2 hours"
    assert why(smf.file(one * 5)).detail == "a time of more than 2^31 ticks"
    # Past 2^32 symusic counts from 0 again; here no event that it shows is on the way.
    for silent in (text, b"\xc0\x01", b"\xf0\x01\xf7", smf.on(velocity=0), b"\xd0\x05"):
        assert why(smf.file(NOTE, [(HUGE, silent)] * 20 + NOTE)).detail == "a time of more than 2^31 ticks"
    assert len(read_midi(smf.file(NOTE, [(HUGE, text)], NOTE))) == 2  # 2^28 ticks of nothing, at an end


def test_numbers_that_only_look_like_huge_times_are_none(smf):
    lyrics = [(1, smf.meta(5, "千里之外".encode()))] * 300
    tempos = [(1, smf.tempo(0x0FFFFF))] * 300
    assert len(read_midi(smf.file(lyrics + NOTE))) == 1
    assert len(read_midi(smf.file(tempos, NOTE))) == 1
    assert len(read_midi(smf.file([(0, smf.meta(1, b"\xff\x51\x03"))], tempos, lyrics + NOTE))) == 1


@pytest.mark.parametrize(
    "end",
    [
        b"\x81",
        b"\x81\xff",
        b"\0\xff",
        b"\0\xff\x05",
        b"\0\xff\x05\x84",
        b"\0\xf0",
        b"\0\x90\xbc",
        b"\xff" * 4,
    ],
)
def test_a_file_that_ends_within_an_event_is_damaged_and_not_read_beyond(smf, end):
    data = smf.file(smf.track([*NOTE], end=end))
    assert {why(bytes(bytearray(data))).reason for _ in range(50)} == {"damaged file"}


def test_bytes_above_127_are_clamped_as_symusic_does(smf):
    notes = read_midi(smf.file([(0, b"\x90\xff\xff"), (480, b"\x80\xff\x00")]))
    assert (notes.pitch.tolist(), notes.velocity.tolist()) == ([127], [127])


def test_a_million_notes(smf):
    count = 1_000_000
    events = b"\0\x90\x3c\x50" + b"\1\x3c\0\1\x3c\x50" * (count - 1) + b"\1\x3c\0\0\xff\x2f\0"
    data = smf.file(b"MTrk" + len(events).to_bytes(4) + events)
    notes = read_midi(data)
    assert len(notes) == count
    codec = MidiCodec()
    steps = np.floor(100 * notes.start + 0.5)
    assert codec.units(codec.encode(notes)) == len(np.unique(steps))  # they all have one pitch
    assert (
        why(smf.file(b"MTrk" + len(events).to_bytes(4) + events, quarter=96)).reason == "longer than 2 hours"
    )


def test_too_many_parts_are_not_tried(smf):
    assert why(smf.file(*[b"MTrk\0\0\0\0"] * 65535)).detail.startswith("more than 65536 tracks")


def test_pretty_midi_reads_the_same_notes_where_none_overlap():
    """Where notes of one pitch overlap, the two pair ons and offs differently; see `test_agreement.py`."""
    from pretty_midi import Instrument, Note, PrettyMIDI

    rng = np.random.default_rng(4)
    song = PrettyMIDI(resolution=480, initial_tempo=97)
    for program in (0, 33, 72):
        part = Instrument(program)
        for pitch in range(40, 60):
            times = np.cumsum(rng.uniform(0.05, 1.5, 40)).reshape(20, 2)
            part.notes += [Note(80, pitch, start, end) for start, end in times.tolist()]
        song.instruments.append(part)
    out = io.BytesIO()
    song.write(out)
    again = PrettyMIDI(io.BytesIO(out.getvalue()))
    theirs = sorted((n.start, n.end, n.pitch, p.program // 8) for p in again.instruments for n in p.notes)
    ours = read_midi(out.getvalue())
    columns = (ours.start, ours.end, ours.pitch, ours.family)
    ours = sorted(zip(*(column.tolist() for column in columns), strict=True))
    assert len(ours) == 1200
    assert [row[2:] for row in ours] == [row[2:] for row in theirs]
    assert np.abs(np.array(ours)[:, :2] - np.array(theirs)[:, :2]).max() < 1e-9
