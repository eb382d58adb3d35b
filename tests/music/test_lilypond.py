"""LilyPond: what becomes of a file's scores, the cache, files that fail, and the wall."""

import pytest

from fsdl_bench import bubblewrap
from fsdl_bench.checked import sum_file
from fsdl_bench.errors import BadInput
from fsdl_bench.music import lilypond
from fsdl_bench.music.compiling import Piece
from fsdl_bench.music.lilypond import compile_pieces, compiled
from fsdl_bench.music.reading import read_midi

VERSION = '\\version "2.24.0"\n'


@pytest.fixture
def pitches():
    """`pitches({path: source}, main)`: the pitches of each score of a piece's file, and why it failed."""
    pytest.importorskip("lilypond", reason="LilyPond is not installed")
    if bubblewrap.program() is None:
        pytest.skip("no bubblewrap works here")

    def run(files, *mains):
        piece = Piece(mains, {name: text.encode() for name, text in files.items()})
        compile_pieces([piece], workers=1, progress=False, time_limit=5)
        found = compiled(piece.place)
        scores = {
            main: [read_midi(data).pitch.tolist() for data in midi] for main, midi in found.midi.items()
        }
        return scores, found.failed

    return run


def test_every_score_is_one_file(pitches):
    text = (
        VERSION
        + "\\score { { c'4 d' } \\layout { } }\n\\book { \\bookpart { \\score { { e'4 } } } }\n{ f'4 }"
    )
    assert pitches({"a.ly": text}, "a.ly") == ({"a.ly": [[60, 62], [64], [65]]}, {})


def test_only_scores_that_are_meant_for_midi_if_there_are_any(pitches):
    text = VERSION + "\\score { { c'4 } \\layout { } }\n\\score { { d'4 } \\midi { } }"
    assert pitches({"a.ly": text}, "a.ly") == ({"a.ly": [[62]]}, {})


def test_repeats_are_played_once_and_tremolos_in_full(pitches):
    repeated = VERSION + "\\score { \\unfoldRepeats \\repeat volta 3 { c'4 } \\midi { } }"
    tremolo = VERSION + "{ \\repeat tremolo 2 { c'16 e' } }"
    scores, _ = pitches({"a.ly": repeated, "b.ly": tremolo}, "a.ly", "b.ly")
    assert scores == {"a.ly": [[60]], "b.ly": [[60, 64, 60, 64]]}


def test_ornaments_are_not_played_out(pitches):
    text = VERSION + '\\include "articulate.ly"\n\\score { \\articulate { c\'4\\trill } \\midi { } }'
    assert pitches({"a.ly": text}, "a.ly")[0] == {"a.ly": [[60]]}


def test_neighbours_and_old_versions(pitches):
    files = {
        "a-lys/main.ly": '\\version "2.6.0"\n\\include "parts/part.ily"\n\\score { \\part \\layout { } }',
        "a-lys/parts/part.ily": "part = { \\include \"common.ily\" #(set-octavation 1) d''4 }",
        "a-lys/common.ily": "c'4",
    }
    assert pitches(files, "a-lys/main.ly") == ({"a-lys/main.ly": [[60, 74]]}, {})


def test_what_fails_costs_itself_only(pitches):
    files = {
        "bad.ly": VERSION + "{ c'4 \\nothing }",
        "empty.ly": VERSION + "music = { c'4 }",
        "endless.ly": VERSION + "#(let loop () (loop))",
        "good.ly": VERSION + "{ c'4 }",
    }
    scores, failed = pitches(files, *files)
    assert scores == {"good.ly": [[60]]}
    assert failed == {
        "bad.ly": "status 1: bad.ly:2:7: error: unknown command: `\\nothing'",
        "empty.ly": "it has no score",
        "endless.ly": "status killed: ",
    }


def test_a_file_that_convert_ly_fails_on_costs_itself_only(pitches):
    old = "{ \\partcombine { d''4 } { d''4 } }"
    fails = old.replace("d''", "\\set Score.measureLength = #(ly:make-moment 3 1) d''")
    old_version = '\\version "2.6.0"\n'
    files = {"a.ly": old_version + fails, "b.ly": old_version + old, "c.ly": old}
    scores, failed = pitches(files, *files)
    assert scores == {"b.ly": [[74]], "c.ly": [[74]]}
    assert set(failed) == {"a.ly"}


def test_the_wall(pitches, tmp_path):
    """A file that reads what is outside fails; it sees no home and no network."""
    secret = tmp_path / "secret"
    secret.write_text("secret")
    reads = f'#(call-with-input-file "{secret}" read)\n{{ c\'4 }}'
    writes = f'#(call-with-output-file "{tmp_path}/new" (lambda (port) (display 1 port)))\n{{ c\'4 }}'
    calls = "#(let ((port (socket PF_INET SOCK_STREAM 0))) (connect port AF_INET INADDR_LOOPBACK 9))\n{ c'4 }"
    scores, failed = pitches({"a.ly": reads, "b.ly": writes, "c.ly": calls}, "a.ly", "b.ly", "c.ly")
    assert (scores, set(failed)) == ({}, {"a.ly", "b.ly", "c.ly"})
    assert not (tmp_path / "new").exists()


def test_the_cache(pitches, monkeypatch):
    files = {"a.ly": VERSION + "{ c'4 }"}
    piece = Piece(("a.ly",), {"a.ly": files["a.ly"].encode()})
    assert compile_pieces([piece], workers=1, progress=False) == {"cached": 0, "converted": 1, "failed": 0}
    first = piece.place.read_bytes()
    assert compile_pieces([piece], workers=1, progress=False) == {"cached": 1}
    piece.place.write_bytes(first[:-1])
    assert compiled(piece.place) is None
    assert compile_pieces([piece], workers=1, progress=False)["converted"] == 1
    assert compiled(piece.place).midi == {"a.ly": compiled(piece.place).midi["a.ly"]}
    changed = Piece(("a.ly",), {"a.ly": files["a.ly"].replace("c'", "d'").encode()})
    assert changed.place != piece.place
    assert sum_file(piece.place).exists()


def test_without_lilypond_or_a_wall(monkeypatch):
    piece = Piece(("a.ly",), {"a.ly": b"{ c'4 }"})
    monkeypatch.setattr(lilypond, "version", lambda: "")
    with pytest.raises(BadInput, match=r"1 pieces of LilyPond .*pip install 'fsdl-bench\[lilypond\]'"):
        compile_pieces([piece], workers=1, progress=False)
    monkeypatch.setattr(lilypond, "version", lambda: "2.25.12")
    monkeypatch.setattr(bubblewrap, "program", lambda: None)
    with pytest.raises(BadInput, match="FSDL_BENCH_SANDBOX=none"):
        compile_pieces([piece], workers=1, progress=False)
