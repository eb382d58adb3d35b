"""Mutopia: pieces and their files, licences, composers, works, and parts of a score."""

import pytest

from fsdl_bench import bubblewrap
from fsdl_bench.errors import Rejected
from fsdl_bench.sources.common.base import open_source


def _header(**fields) -> str:
    fields = {"composer": "J. S. Bach (1685-1750)", "license": "Public Domain"} | fields
    lines = "".join(f'  {name} = "{value}"\n' for name, value in fields.items())
    return f'\\version "2.24.0"\n\\header {{\n{lines}}}\n'


def _source(make_tree, files):
    return open_source("mutopia", make_tree({f"ftp/{path}": text for path, text in files.items()}))


def test_what_is_known_of_a_piece(make_tree):
    header = _header(
        title='Allemande \\"Nr. 1\\"',
        mutopiaopus="BWV 996",
        mutopiainstrument="Lute",
        date="c. 1717",
        style="Baroque",
        footer="Mutopia-2008/02/19-936",
    )
    source = _source(make_tree, {"BachJS/BWV996/allemande/allemande.ly": header + "{ c'4 }"})
    (item,) = source.items()
    assert (item.artist, item.title, item.licence) == ("J. S. Bach", 'Allemande "Nr. 1"', "public domain")
    known = item.metadata
    assert (known.year, known.born, known.died, known.genre) == (1717, 1685, 1750, "Baroque")
    assert (known.catalogue, known.extra) == ("BWV 996", (("scoring", "Lute"),))
    assert known.url == "https://www.mutopiaproject.org/cgibin/piece-info.cgi?id=936"


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ({"license": "Creative Commons Attribution-ShareAlike 4.0"}, "CC-BY-SA-4.0"),
        ({"license": "Creative Commons BY-SA 2.5"}, "CC-BY-SA-2.5"),
        ({"license": "", "copyright": "Creative Commons Attribution 3.0"}, "CC-BY-3.0"),
        ({"copyright": "© 2014 somebody"}, "public domain"),
        ({"license": "", "copyright": "© 2014 somebody"}, None),
        ({"license": ""}, None),
    ],
)
def test_licences(make_tree, fields, licence):
    source = _source(make_tree, {"BachJS/BWV1/a/a.ly": _header(**fields) + "{ c'4 }"})
    assert [item.licence for item in source.items()] == ([licence] if licence else [])
    assert [reason for _, reason, _ in source.rejected] == ([] if licence else ["no free licence"])


def test_composers(make_tree):
    """The name that most pieces of a folder give; nobody's pieces are left out."""
    files = {
        "BachJS/BWV1/a/a.ly": _header(composer="Johann Sebastian Bach"),
        "BachJS/BWV2/b/b.ly": _header(),
        "BachJS/BWV3/c/c.ly": _header(composer="J. S. Bach, 1685–1750"),
        "KnjzeF/x/d/d.ly": _header(composer=""),
        "Traditional/x/e/e.ly": _header(composer="Traditional"),
    }
    source = _source(make_tree, files)
    assert {item.artist for item in source.items()} == {"J. S. Bach", "KnjzeF"}
    assert source.rejected == [("ftp/Traditional/x/e/e.ly", "no artist", "Traditional")]


@pytest.mark.parametrize(
    ("first", "second", "one_work"),
    [
        (("BWV988/var-1", "Variatio 1", ""), ("BWV988/var-2", "Variatio 2", ""), True),
        (("BWV846/prelude", "Prelude", ""), ("BWV847/prelude", "Prelude", ""), False),
        (("O10/etude-1", "Étude", "Op. 10, No. 1"), ("O10/etude-2", "Étude", "Opus 10 Nr. 2"), False),
        (("O2/a", "Sonata", "Op. 2, No. 1"), ("O2/b", "Sonata", "Op. 2 No. 1"), True),
        (("O13/a", "Sonata", "Op. 13"), ("O13/b", "Sonata, 2nd movement", "Op. 13"), True),
        (("O60/a", "Lesson 1", "Op. 60"), ("O60/b", "Lesson 2", "Op. 60"), False),
        (("O20/a", "Sonatina", "O 20, No. 1: 1"), ("O20/b", "Sonatina", "O 20, No. 1: 3"), True),
    ],
)
def test_works(make_tree, first, second, one_work):
    files = {
        f"X/{folder}/{letter}.ly": _header(title=title, mutopiaopus=opus)
        for letter, (folder, title, opus) in zip("ab", (first, second), strict=True)
    }
    a, b = _source(make_tree, files).items()
    assert (a.work == b.work) is one_work


def test_files_that_others_include_are_no_songs(make_tree):
    files = {
        "X/O1/a/a-lys/score.ly": '\\include "parts/notes.ly"\n% \\include "part.ly"',
        "X/O1/a/a-lys/part.ly": '\\include "parts/notes.ly"',
        "X/O1/a/a-lys/parts/notes.ly": '\\include "header.ly"',
        "X/O1/a/a-lys/header.ly": _header(title="A"),
        "X/O1/b/b.ly": _header(title="B"),
    }
    items = list(_source(make_tree, files).items())
    assert [(item.origin, item.title) for item in items] == [
        ("ftp/X/O1/a/a-lys/part.ly", "A"),
        ("ftp/X/O1/a/a-lys/score.ly", "A"),
        ("ftp/X/O1/b/b.ly", "B"),
    ]


def test_movements_and_parts(make_tree):
    """Each score of a file is a song; parts are left out, and so is what cannot be compiled."""
    pytest.importorskip("lilypond", reason="LilyPond is not installed")
    if bubblewrap.program() is None:
        pytest.skip("no bubblewrap works here")
    notes = "flute = { c''4 d'' e'' f'' }\nbass = { c4 d e f g a b c' }\n"
    files = {
        "X/O1/a/a-lys/flute.ly": '\\include "notes.ily"\n{ \\flute }',
        "X/O1/a/a-lys/full.ly": '\\include "notes.ily"\n<< \\flute \\bass >> { g\'4 }',
        "X/O1/a/a-lys/notes.ily": _header(title="A") + notes,
        "X/O1/b/b.ly": _header(title="B") + "{ c'4 \\nothing }",
        "X/O1/c/c.ly": _header(title="C") + "music = { c'4 }",
    }
    source = _source(make_tree, files)
    songs, rejected = {}, {}
    for item in source.prepare(list(source.items()), 1, False):
        origin = item.origin.rpartition("/")[2]
        try:
            songs[origin] = source.read(item)
        except Rejected as error:
            rejected[origin] = (error.reason, error.detail)
    assert {origin: len(song.content) for origin, song in songs.items()} == {"full.ly#1": 12, "full.ly#2": 1}
    assert songs["full.ly#1"].work == songs["full.ly#2"].work
    assert rejected == {
        "flute.ly": ("part of a score", "a-lys/full.ly#1"),
        "b.ly": ("cannot be compiled", "status 1: b.ly:7:7: error: unknown command: `\\nothing'"),
        "c.ly": ("no score", ""),
    }
