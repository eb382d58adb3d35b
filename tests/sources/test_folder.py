"""Folders of artists, with all the junk that they hold: each file is a good song or one row of `rejected`."""

import os
import pickle

import numpy as np
import pytest

from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.sources.common.base import open_source


def _read_all(source):
    """Songs by origin, and the reasons of everything else."""
    songs, reasons = {}, {}
    for item in source.items():
        try:
            songs[item.origin] = source.read(item)
        except Rejected as rejected:
            reasons[item.origin] = rejected.reason
    assert len(source.rejected) == len({origin for origin, _, _ in source.rejected})
    return songs, reasons | {origin: reason for origin, reason, _ in source.rejected}


def test_midi_files_however_they_are_called(make_tree, midi):
    files = {
        "Artist/One.mid": midi(60),
        "Artist/Two.MID": midi(61),
        "Artist/Album/CD 1/Three.midi": midi(62),
        "Artist/Four.kar": midi(63),
        "Artist/no extension": midi(64),
        "Artist/Mambo No.5": midi(65),
        "Artist/odd.dat": midi(66),
    }
    songs, reasons = _read_all(open_source("folder", make_tree(files), kind="midi"))
    assert reasons == {}
    assert {origin: (song.title, int(song.content.pitch[0])) for origin, song in songs.items()} == {
        "Artist/One.mid": ("One", 60),
        "Artist/Two.MID": ("Two", 61),
        "Artist/Album/CD 1/Three.midi": ("Three", 62),
        "Artist/Four.kar": ("Four", 63),
        "Artist/no extension": ("no extension", 64),
        "Artist/Mambo No.5": ("Mambo No.5", 65),
        "Artist/odd.dat": ("odd.dat", 66),
    }
    assert {song.artist for song in songs.values()} == {"Artist"}
    assert {song.work for song in songs.values()} == set(files)


def test_every_kind_of_junk_is_told(make_tree, midi):
    tree = make_tree(
        {
            "A/good.mid": midi(60, 62, 64),
            "A/copy.mid": midi(60, 62, 64),
            "A/empty.mid": b"",
            "A/page.mid": b"<html>404</html>",
            "A/cut.mid": midi(60, 62, 64)[:30],
            "A/cover.jpg": b"\xff\xd8\xff\xe0",
            "A/._good.mid": b"\0\x05\x16\x07\0\x02\0\0Mac OS X",
            "A/.DS_Store": b"\0\0\0\x01Bud1",
            "lost.mid": midi(60),
            "\u200f/nameless.mid": midi(60),
        }
    )
    os.mkfifo(tree.root / "A" / "pipe.mid")
    (tree.root / "A" / "gone.mid").symlink_to("nowhere.mid")
    (tree.root / "A" / "loop").symlink_to("..")
    source = open_source("folder", tree, kind="midi")
    songs, reasons = _read_all(source)
    assert set(songs) == {"A/good.mid", "A/copy.mid"}
    assert set(reasons) == {
        "A/empty.mid", "A/page.mid", "A/cut.mid", "A/cover.jpg", "A/._good.mid", "A/.DS_Store", "A/pipe.mid",
        "A/gone.mid", "A/loop", "lost.mid", "\\u200f/nameless.mid",
    }  # fmt: skip
    assert reasons["A/empty.mid"] == "empty file"
    assert reasons["A/cover.jpg"] == reasons["A/.DS_Store"] == "not a MIDI file or score"
    assert reasons["A/pipe.mid"] == "not a regular file"
    assert reasons["A/gone.mid"] == "broken link"
    assert reasons["lost.mid"] == "no artist folder"
    assert reasons["\\u200f/nameless.mid"] == "no artist name"
    again, _ = _read_all(source)
    assert set(again) == set(songs)


def test_lyrics_in_any_encoding(make_tree):
    verse = "Où sont les neiges d’antan, dites-moi où, n'en quel pays\nEst Flora la belle Romaine"
    files = {
        "Villon/a.txt": verse.encode(),
        "Villon/b.TXT": verse.encode("utf-8-sig"),
        "Villon/c.txt": verse.encode("utf-16"),
        "Villon/d": verse.encode("cp1252"),
        "Villon/Mr. Blue Sky": verse.encode("utf-16-be"),
        "Villon/.38": verse.encode(),
        "Villon/e.txt": b" \n\n",
        "Villon/f.txt": b"",
        "Villon/g.txt": b"\0\x01\x02\0",
        "Villon/h.txt": "Мороз и солнце".encode("koi8-r"),
        "Villon/i.doc": b"x",
        "Villon/j.markdown": b"x",
    }
    songs, reasons = _read_all(open_source("folder", make_tree(files), kind="lyrics"))
    assert {song.content for song in songs.values()} == {verse}
    assert len(songs) == 6
    assert reasons == {
        "Villon/e.txt": "no text",
        "Villon/f.txt": "empty file",
        "Villon/g.txt": "not a text file",
        "Villon/h.txt": "unknown text encoding",
        "Villon/i.doc": "not a .txt file",
        "Villon/j.markdown": "not a .txt file",
    }


def test_one_artist_however_the_name_is_stored(make_tree, midi):
    names = [b"Beyonc\xe9/a.mid", "Beyoncé/b.mid".encode(), "Beyonce\u0301/c.mid".encode()]
    source = open_source("folder", make_tree({name: midi(60) for name in names}), kind="midi")
    items = list(source.items())
    assert {item.artist for item in items} == {"Beyoncé"}
    assert sorted(item.origin for item in items) == sorted(
        ["Beyonc\\xe9/a.mid", "Beyoncé/b.mid", "Beyonce\u0301/c.mid"]
    )
    for item in items:
        assert source.read(item).content.pitch[0] == 60


def test_names_in_any_script_can_be_stored(make_tree, midi):
    import pyarrow as pa

    names = [
        "🎵/👩\u200d🎤.mid",
        "AC∕DC/T⁄N/T／T.mid",
        "פ\u200fה/\u202eevil.mid",
        "a\nb/c\td.mid",
        " x / y .mid",
    ]
    source = open_source("folder", make_tree({name: midi(60) for name in names}), kind="midi")
    items = list(source.items())
    assert len(items) == len(names)
    for column in ("origin", "artist", "title"):
        values = [getattr(item, column) for item in items]
        assert pa.array(values, pa.string()).to_pylist() == values
        assert not any("\n" in value or "\u202e" in value for value in values)


def test_source_can_be_sent_to_a_worker(make_tree, midi):
    source = open_source("folder", make_tree({"A/b.mid": midi(60, 64)}), kind="midi", licence="CC0-1.0")
    (item,) = source.items()
    song = pickle.loads(pickle.dumps(source)).read(pickle.loads(pickle.dumps(item)))
    assert song.licence == "CC0-1.0"
    np.testing.assert_array_equal(song.content.pitch, [60, 64])


def test_a_cloned_repository_is_neither_songs_nor_artists(make_tree):
    files = {
        ".git/config": "[core]\n",
        ".github/ISSUE_TEMPLATE/bug": "what happened",
        "README.md": "# Songs",
        "README": "songs",
        "LICENSE": "MIT",
        "scripts/clean": "#!/usr/bin/env python\nprint()",
        "scripts/Makefile": "all:\n",
        "Ada/LICENSE.txt": "CC0",
        "Ada/readme.txt": "notes",
        "Ada/.DS_Store": "x",
        "Ada/._one.txt": "x",
        "Ada/One.txt": "the first song",
        "__MACOSX/Ada/One.txt": "x",
        ".38 Special/...And Two.txt": "the second song",
    }
    songs, reasons = _read_all(open_source("folder", make_tree(files), kind="lyrics"))
    assert set(songs) == {"Ada/One.txt", ".38 Special/...And Two.txt"}
    assert {song.artist for song in songs.values()} == {"Ada", ".38 Special"}
    assert set(reasons) == set(files) - set(songs)


def test_a_repository_has_folders_that_are_no_artists(make_tree):
    files = {"docs/One.txt": "first words", "Ada/Two.txt": "second words"}
    songs, _ = _read_all(open_source("folder", make_tree(files), kind="lyrics"))
    assert set(songs) == set(files)
    songs, reasons = _read_all(
        open_source("folder", make_tree(files | {"README.md": "# Songs"}), kind="lyrics")
    )
    assert set(songs) == {"Ada/Two.txt"}
    assert reasons["docs/One.txt"] == "not a song"


@pytest.mark.parametrize(
    ("options", "path", "artist", "title"),
    [
        ({"level": 2}, "Rock/Ada/One.txt", "Ada", "One"),
        ({"level": 2}, "Rock/Ada/Album/One.txt", "Ada", "One"),
        ({"level": -1}, "a/Ada/One.txt", "Ada", "One"),
        ({"level": -2}, "x/y/Ada/Album/One.txt", "Ada", "One"),
        ({"pattern": "{artist} - {title}"}, "Ada - One.txt", "Ada", "One"),
        ({"pattern": "{artist} - {title}"}, "any/Ada B - One - Two.txt", "Ada B", "One - Two"),
        ({"pattern": "{any} {artist}_{title}"}, "03 Ada_One.txt", "Ada", "One"),
        ({"pattern": "{any} - {title}", "level": 1}, "Ada/07 - One.txt", "Ada", "One"),
        ({"pattern": "{artist} - {title}"}, "Ada \u2013 One.txt", "Ada", "One"),
        ({"pattern": "{artist} - {title}"}, "Ada \u2014 One.txt", "Ada", "One"),
        ({"pattern": "{artist} \u2013 {title}"}, "Ada - One.txt", "Ada", "One"),
        ({"pattern": "{artist} - {title}"}, "Ada \u2013 Bo - One.txt", "Ada \u2013 Bo", "One"),
        ({"pattern": "[{artist}] {title}"}, "[Ada] One.txt", "Ada", "One"),
    ],
)
def test_levels_and_patterns(make_tree, options, path, artist, title):
    songs, reasons = _read_all(open_source("folder", make_tree({path: "words"}), kind="lyrics", **options))
    assert reasons == {}
    assert (songs[path].artist, songs[path].title) == (artist, title)


@pytest.mark.parametrize(
    ("options", "path", "reason"),
    [
        ({"level": 2}, "Ada/One.txt", "no artist folder"),
        ({"level": -3}, "a/Ada/One.txt", "no artist folder"),
        ({"pattern": "{artist} - {title}"}, "Ada/One.txt", "name does not match the pattern"),
    ],
)
def test_names_that_do_not_fit_are_told(make_tree, options, path, reason):
    songs, reasons = _read_all(open_source("folder", make_tree({path: "words"}), kind="lyrics", **options))
    assert (songs, reasons) == ({}, {path: reason})


@pytest.mark.parametrize(
    "options", [{"level": 0}, {"pattern": "{artist}"}, {"pattern": "{title} by {singer}"}]
)
def test_options_that_make_no_sense(make_tree, options):
    with pytest.raises(BadInput, match=next(iter(options))):
        open_source("folder", make_tree({"A/one.txt": "words"}), kind="lyrics", **options)


def test_pages_are_cleaned_unless_asked_not_to(make_tree):
    page = "3 ContributorsOne Lyrics[Verse]\nthe first song31Embed"
    tree = make_tree({"Ada/One.txt": page})
    songs, _ = _read_all(open_source("folder", tree, kind="lyrics"))
    assert songs["Ada/One.txt"].content == "[Verse]\nthe first song"
    assert songs["Ada/One.txt"].cleaned == ("header of a lyrics page", "end of a lyrics page")
    songs, _ = _read_all(open_source("folder", tree, kind="lyrics", clean=False))
    assert songs["Ada/One.txt"].content == page


def test_folders_of_no_artist_are_rejected_unless_asked_not_to(make_tree):
    tree = make_tree({"Unknown Artist/one.txt": "words", "Ada/two.txt": "words"})
    songs, reasons = _read_all(open_source("folder", tree, kind="lyrics"))
    assert [*songs] == ["Ada/two.txt"]
    assert reasons == {"Unknown Artist/one.txt": "no artist name"}
    assert len(_read_all(open_source("folder", tree, kind="lyrics", clean=False))[0]) == 2


def test_what_the_reading_depends_on_is_told(make_tree):
    """The build does not reuse what an earlier run has read with other shared lines."""
    footer = "\n____\nAll rights reserved by the page"
    texts = {f"A{i}/{i}.txt": f"words {i * 31} alone{footer}" for i in range(30)}
    with_footer = open_source("folder", make_tree(texts), kind="lyrics")
    assert with_footer.surveyed() == []
    list(with_footer.items())
    assert "line all rights reserved by the page" in with_footer.surveyed()


SCORE = "**kern\n*M4/4\n=1\n4c\n4d\n4e\n4f\n==\n*-\n"


def test_scores_and_tunes_are_songs_too(make_tree, midi):
    pytest.importorskip("verovio")
    files = {
        "A/score.krn": SCORE,
        "A/page.xml": "<html/>",
        "A/tunes.abc": "X:1\nT:One\nK:C\nCDEF|\n\nX:2\nK:C\nGABc|\n",
        "A/one.abc": "X:7\nK:C\nCEGc|\n",
        "A/none.abc": "nothing\n",
        "A/song.rmi": b"RIFF\0\0\0\0RMIDdata" + len(midi(60)).to_bytes(4, "little") + midi(60),
    }
    source = open_source("folder", make_tree(files), kind="midi")
    items = list(source.items())
    source.prepare(items, workers=1, progress=False)
    songs = [source.read(item) for item in items]
    assert {(song.origin, song.title, int(song.content.pitch[0])) for song in songs} == {
        ("A/score.krn", "score", 60),
        ("A/tunes.abc#1", "One", 60),
        ("A/tunes.abc#2", "tunes", 67),
        ("A/one.abc#1", "one", 60),
        ("A/song.rmi", "song", 60),
    }
    assert {origin: reason for origin, reason, _ in source.rejected} == {
        "A/page.xml": "not a MIDI file or score",
        "A/none.abc": "damaged file",
    }


def test_scores_without_verovio_are_rejected_with_the_remedy(make_tree, midi, monkeypatch):
    from fsdl_bench.music import scores

    monkeypatch.setattr(scores, "version", lambda: "")
    source = open_source("folder", make_tree({"A/score.krn": SCORE, "A/a.mid": midi(60)}), kind="midi")
    assert [item.origin for item in source.items()] == ["A/a.mid"]
    [(origin, reason, detail)] = source.rejected
    assert (origin, reason) == ("A/score.krn", "a score, and verovio is not installed")
    assert "pip install 'fsdl-bench[scores]'" in detail
