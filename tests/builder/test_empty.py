"""A build that finds no song says why, with a remedy for each reason."""

import pytest

from fsdl_bench.builder.empty import why_empty
from fsdl_bench.builder.pipeline import build_track
from fsdl_bench.errors import BadInput


def rejected(reason, *origins, detail=""):
    return [("folder", origin, reason, detail) for origin in origins]


FLAT = [f"Poet {a} - Song {t}.txt" for a in "ab" for t in "xyz"]


@pytest.mark.parametrize(
    ("reason", "origins", "remedy"),
    [
        ("no artist folder", FLAT, "they are in no folder; use --set 'pattern={artist} - {title}'"),
        ("no artist folder", ["One.txt", "Two.txt"], "the folder of one artist, pass the one above it"),
        ("no artist folder", ["a/One.txt", "b/Two.txt"], "use --set level=1"),
        ("no artist folder", ["a/b/One.txt", "b/Two.txt"], "use --set level=1 to 2"),
        ("name does not match the pattern", FLAT, "--set 'pattern={artist} - {title}' may fit"),
        ("not a .txt file", ["Ada/One.mid"], "--kind midi"),
        ("not a .txt file", ["Ada/One.lrc"], "as a .txt file"),
        ("not a .txt file", ["songs.csv"], "--layout lyrics_csv"),
        ("not a .txt file", ["data/songs.parquet"], "pandas.read_parquet('songs.parquet')"),
        ("not a .txt file", ["songs.csv.gz", "Ada.zip"], "unpack it first"),
        ("artist has too few songs", ["Ada/One.txt"], "--set level=N"),
        ("unknown text encoding", ["Ada/One.txt"], "--set encoding="),
    ],
)
def test_a_reason_has_an_example_and_a_remedy(define, reason, origins, remedy):
    text = why_empty(define(), rejected(reason, *origins))
    assert f"{reason}, such as {origins[0]}" in text
    assert remedy in text


def test_the_most_frequent_reasons_come_first_and_the_rest_is_counted(define):
    found = rejected("duplicate", "a", "b", "c") + rejected("no text", "d", "e", detail="blank")
    found += [(*"fx", reason, "") for reason in ("empty file", "too short", "no notes", "tempo 0")]
    lines = why_empty(define(), found).splitlines()
    assert lines[1].startswith("  3 duplicate, such as a:")
    assert lines[2] == "  2 no text, such as d (blank)"
    assert lines[-1] == "  2 for other reasons"
    assert why_empty(define(), []) == "no file was found"


def test_music_and_lyrics_in_place_of_each_other(song_folder, define):
    with pytest.raises(BadInput, match=r"(?s)no song was found.*40 not a .txt file, .* --kind midi"):
        build_track(
            define(), source_dir=song_folder("midi", artists=4, name="music"), workers=0, progress=False
        )
    with pytest.raises(BadInput, match=r"(?s)no song was found.*40 not a MIDI file.* --kind lyrics"):
        build_track(define("midi"), source_dir=song_folder(artists=4), workers=0, progress=False)


def test_texts_that_cannot_be_read_are_told(song_folder, define):
    folder = song_folder(artists=4)
    for path in folder.rglob("*.txt"):
        path.write_bytes(b"\0\1\2")
    with pytest.raises(BadInput, match=r"(?s)no song could be read.*40 not a text file, such as Artist 00/"):
        build_track(define(), source_dir=folder, workers=0, progress=False)
