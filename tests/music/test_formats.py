"""Formats of music beside MIDI: RIFF, ABC, and scores by their content."""

import pytest

from fsdl_bench.errors import Rejected
from fsdl_bench.music.formats import is_midi, is_xml_score, read_music, tunes
from fsdl_bench.music.scores import convert_scores

ABC = "%abc-2.1\nM:4/4\nL:1/8\n\nX:1\nT:One\nK:C\nCDEF GABc|\n\nX:2\nT:Two\nK:C\ncBAG FEDC|\n"
XML = """<?xml version="1.0"?><score-partwise version="3.1"><part-list><score-part id="P1"><part-name/>
</score-part></part-list><part id="P1"><measure number="1"><attributes><divisions>1</divisions></attributes>
<note><pitch><step>C</step><octave>4</octave></pitch><duration>4</duration><type>whole</type></note>
</measure></part></score-partwise>"""
MEI = """<?xml version="1.0"?><mei xmlns="http://www.music-encoding.org/ns/mei" meiversion="5.0"><music>
<body><mdiv><score><scoreDef><staffGrp><staffDef n="1" lines="5"/></staffGrp></scoreDef>
<section><measure n="1"><staff n="1"><layer n="1"><note pname="d" oct="4" dur="1"/></layer></staff></measure>
</section></score></mdiv></body></music></mei>"""

TRACK = b"\0\x90\x3c\x40\x60\x80\x3c\0\0\x90\x40\x40\x60\x80\x40\0\0\xff\x2f\0"
MIDI = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0" + bytes([len(TRACK)]) + TRACK


def riff(midi: bytes, *, before: bytes = b"") -> bytes:
    content = b"RMID" + before + b"data" + len(midi).to_bytes(4, "little") + midi + b"\0" * (len(midi) % 2)
    return b"RIFF" + len(content).to_bytes(4, "little") + content


def test_a_midi_file_inside_riff():
    info = b"DISP\x03\0\0\0abc\0"  # a chunk of odd length is padded
    for wrapped in (riff(MIDI), riff(MIDI, before=info)):
        assert is_midi(wrapped[:12])
        assert read_music(wrapped, "a.rmi").notes.pitch.tolist() == [60, 64]
        assert read_music(wrapped, "a.mid").notes.pitch.tolist() == [60, 64]
    with pytest.raises(Rejected, match="without a chunk 'data'"):
        read_music(b"RIFF\x08\0\0\0RMIDabcd", "a.rmi")
    with pytest.raises(Rejected):
        read_music(riff(MIDI)[:30], "a.rmi")
    assert not is_midi(b"RIFF\0\0\0\0WAVE")


def test_riff_files_with_wrong_sizes_or_without_padding():
    data = b"data" + len(MIDI).to_bytes(4, "little") + MIDI
    after = b"LIST\4\0\0\0INFO"
    wrong = [b"data" + size.to_bytes(4, "little") + MIDI for size in (0, 9, len(MIDI) - 4, 2**32 - 1)]
    for content in (b"DISP\3\0\0\0abc" + data, *wrong, *(one + after for one in wrong)):
        found = read_music(b"RIFF\0\0\0\0RMID" + content, "a.rmi").notes
        assert found.pitch.tolist() == [60, 64]


def test_tunes_of_an_abc_file():
    found = tunes(ABC)
    assert [title for title, _ in found] == ["One", "Two"]
    one, two = (read_music(tune.encode(), "a.abc").notes for _, tune in found)
    assert one.pitch.tolist() == [60, 62, 64, 65, 67, 69, 71, 72]
    assert two.pitch.tolist() == one.pitch.tolist()[::-1]
    assert one.end[-1] == pytest.approx(2.0, abs=0.01), "the lines before the first tune hold for all"
    assert tunes("no tune") == []


@pytest.mark.parametrize("tune", ["", "X:1\n", "X:1\nK:C\nzzzz|\n"])
def test_what_is_no_tune_is_rejected(tune, capfd):
    with pytest.raises(Rejected):
        read_music(tune.encode(), "a.abc")
    assert capfd.readouterr().err == ""


def test_scores_are_read_by_their_suffix():
    pytest.importorskip("verovio")
    files = {"a.musicxml": XML.encode(), "b.mei": MEI.encode(), "c.xml": XML.encode("utf-16")}
    convert_scores(list(files), files.__getitem__, workers=1, progress=False)
    found = {name: read_music(data, name).notes.pitch.tolist() for name, data in files.items()}
    assert found == {"a.musicxml": [60], "b.mei": [62], "c.xml": [60]}


@pytest.mark.parametrize(
    ("head", "score"),
    [
        (XML, True),
        (MEI, True),
        ('<?xml version="1.0"?>\n<!DOCTYPE score-timewise PUBLIC "x">', True),
        ('<?xml version="1.0"?><mei:mei xmlns:mei="x">', True),
        ('<?xml version="1.0"?><project><meiosis/></project>', False),
        ("<html>", False),
    ],
)
def test_xml_is_a_score_by_its_root(head, score):
    assert is_xml_score(head.encode()) is score
    assert is_xml_score(head.encode("utf-16")) is score
