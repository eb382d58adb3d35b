"""What MIDI files say of themselves, against pretty_midi and by hand."""

import io

import numpy as np
import pretty_midi
import pytest

from fsdl_bench.music.formats import from_midi


def write(make) -> bytes:
    song = pretty_midi.PrettyMIDI(initial_tempo=90, resolution=480)
    make(song)
    out = io.BytesIO()
    song.write(out)
    return out.getvalue()


def test_a_song_with_everything():
    def make(song):
        song.time_signature_changes += [
            pretty_midi.TimeSignature(3, 4, 0.0),
            pretty_midi.TimeSignature(4, 4, 4.0),
        ]
        song.key_signature_changes += [
            pretty_midi.KeySignature(pretty_midi.key_name_to_key_number("G major"), 0.0),
            pretty_midi.KeySignature(pretty_midi.key_name_to_key_number("E minor"), 4.0),
        ]
        for program, drum, name in ((24, False, "Guitar"), (0, True, "Kit"), (24, False, "Guitar")):
            part = pretty_midi.Instrument(program, drum, name)
            part.notes.append(pretty_midi.Note(80, 60, 0.0, 9.0))
            song.instruments.append(part)
        song.instruments.append(pretty_midi.Instrument(5, False, "Empty"))

    facts = from_midi(write(make)).metadata
    assert (facts.key, facts.keys) == ("G major", ("G major", "E minor"))
    assert (facts.meter, facts.meters) == ("3/4", ("3/4", "4/4"))
    assert (facts.tempo, facts.tempo_median, facts.tempo_map) == (90.0, 90.0, ((0.0, 90.0),))
    assert facts.programs == (24, 128)
    assert facts.instruments == ("Guitar", "Kit")
    assert facts.seconds == 9.0
    # 4 s are 6 quarters at 90, two bars of three; the other 7.5 quarters are two bars of four.
    assert facts.bars == 4


def meta(kind: int, data: bytes) -> bytes:
    return bytes([0, 0xFF, kind, len(data)]) + data


def file(events: bytes) -> bytes:
    track = events + b"\0\xff\x2f\0"
    return b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk" + len(track).to_bytes(4) + track


NOTE = b"\0\x90\x3c\x40\x60\x80\x3c\0"


def test_texts_and_copyright_are_events_not_bytes():
    decoy = meta(0x7F, b"\xff\x02\x03no!")
    opening = meta(2, b"(c) 1999 M\xfcller") + meta(1, b"a \x00text\n") + meta(1, "日本".encode())
    facts = from_midi(file(decoy + opening + NOTE + meta(1, b"at the end"))).metadata
    assert facts.copyright == "(c) 1999 Müller"
    assert facts.texts == ("a text", "日本")
    assert from_midi(file(decoy + NOTE)).metadata.copyright is None


def test_tempo_changes_against_pretty_midi():
    tempo = lambda microseconds: b"\xff\x51\x03" + microseconds.to_bytes(3)  # noqa: E731
    events = b"\0" + tempo(400_000) + b"\x60" + tempo(800_000) + b"\x81\x40" + tempo(300_000)
    data = file(events + b"\0\x90\x3c\x40\x83\x60\x80\x3c\0")
    facts = from_midi(data).metadata
    times, tempos = pretty_midi.PrettyMIDI(io.BytesIO(data)).get_tempo_changes()
    assert np.array(facts.tempo_map) == pytest.approx(np.stack([times, tempos], axis=1), abs=1e-3)
    # 0.4 s at 150, 1.6 s at 75, 1.5 s at 200: the middle of 3.5 s is at 150 once the tempos are in order.
    assert facts.tempo_median == 150.0


@pytest.mark.parametrize(
    "event",
    [
        *(meta(0x58, data) for data in (b"", b"\3", b"\0\2\x18\x08", b"\3\x08\x18\x08")),
        *(meta(0x59, data) for data in (b"", b"\2", b"\x09\0", b"\1\5")),
    ],
)
def test_a_meter_or_key_that_is_none_is_not_taken_from_the_bytes_behind_it(event):
    facts = from_midi(file(event + NOTE)).metadata
    assert (facts.meters, facts.keys, facts.bars) == ((), (), 1)


def test_a_file_that_says_nothing():
    facts = from_midi(file(NOTE)).metadata
    assert facts.tempo == 120.0
    assert (facts.key, facts.meter, facts.copyright, facts.texts) == (None, None, None, ())
    assert facts.bars == 1
