"""Lyrics in csv files: both layouts that people have, columns by name or given, and rows that are none."""

import contextlib
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.sources.common.base import open_source
from fsdl_bench.sources.common.tree import Tree

LINKED = [
    ["artist", "song", "link", "text"],
    ["ABBA", "Andante, Andante", "/a/abba/andante.html", "Take it easy with me, please  \nTouch me gently\n"],
    [
        "ABBA",
        'The "Visitors"',
        "/a/abba/visitors.html",
        'I hear the "doorbell" ring\nand suddenly, the panic',
    ],
    ["AC/DC", "七", "/a/acdc/7.html", "un, deux, trois, quatre"],
]
_LANGUAGES = ("language_cld3", "language_ft", "language")
_FEATURES = '{"Cam\\\\\'ron","Opera Steve"}'
_KILLA = "[Chorus: Opera Steve]\nKilla Cam, Killa Cam, Cam"
GENIUS = [
    [*("title", "tag", "artist", "year", "views", "features", "lyrics", "id"), *_LANGUAGES],
    ["Killa Cam", "rap", "Cam'ron", "2004", "173166", _FEATURES, _KILLA, "1", "en", "en", "en"],
    ["Nanana", "pop", "Élodie", "2010", "12", "{}", "Nanana, ça va", "2", "fr", "fr", "fr"],
]


def test_layout_with_links(open_csv, contents):
    source = open_csv(LINKED)
    assert contents(source) == [(artist, title, text) for artist, title, _, text in LINKED[1:]]
    assert source.rejected == []
    origins = [item.origin for item in source.items()]
    assert origins == ["songs.csv:2", "songs.csv:5", "songs.csv:7"]


def test_layout_with_languages(open_csv, contents):
    source = open_csv(GENIUS)
    assert contents(source) == [(row[2], row[0], row[6]) for row in GENIUS[1:]]


def test_listing_holds_no_text_and_reading_needs_no_listing(open_csv):
    source = open_csv(LINKED)
    items = list(source.items())
    assert all(item.text is None for item in items)
    elsewhere = pickle.loads(pickle.dumps(open_csv(LINKED)))
    assert elsewhere.read(items[1]).content == LINKED[2][3]


def test_only_rows_with_given_values(open_csv, contents):
    source = open_csv(GENIUS, only="language=en")
    assert [title for _, title, _ in contents(open_csv(GENIUS, only=["tag=pop", "year=2010"]))] == ["Nanana"]
    assert [title for _, title, _ in contents(source)] == ["Killa Cam"]
    assert source.rejected == [("songs.csv", "left out by option", "1 rows without language=en")]


def test_given_columns_and_delimiter(open_csv, csv_bytes, contents):
    data = csv_bytes([["who", "what", "said"], ["Nina", "Song", "la la"]], delimiter="|")
    source = open_csv(data, artist_column="who", title_column="what", text_column="said")
    assert contents(source) == [("Nina", "Song", "la la")]


def test_given_delimiter(open_csv, contents):
    data = b"artist\ttitle\tlyrics,with,many,commas,in,it\nNina\tSong\tla\n"
    text_column = "lyrics,with,many,commas,in,it"
    assert contents(open_csv(data, delimiter="tab", text_column=text_column)) == [("Nina", "Song", "la")]
    with pytest.raises(BadInput, match="takes one sign or 'tab', found ', '"):
        open_csv(data, delimiter=", ")


def test_title_may_be_missing(open_csv, contents):
    source = open_csv([["Artist Name", "Lyric"], ["Nina", "la la"]])
    assert contents(source) == [("Nina", "", "la la")]
    assert source.read(next(source.items())).work == "songs.csv:2"


def test_missing_columns_are_told_with_those_found(open_csv):
    with pytest.raises(
        BadInput, match=r"columns singer, name: none is known to hold the text\. Name .* --set .*text_column"
    ):
        open_csv([["singer", "name"], ["a", "b"]])
    with pytest.raises(BadInput, match="columns x, y: none is known to hold the artist and text"):
        open_csv([["x", "y"]])
    with pytest.raises(BadInput, match=r"no column 'who' .* there are: artist, song, link, text"):
        open_csv(LINKED, artist_column="who")
    with pytest.raises(BadInput, match="only takes column=value, found 'language'"):
        open_csv(LINKED, only=["language"])


def test_folder_without_tables(open_csv):
    with pytest.raises(BadInput, match=r"no \.csv or \.tsv file"):
        open_csv({"songs.txt": b"x"})


def test_other_tables_beside_it_are_told(open_csv, contents):
    source = open_csv({"lyrics.csv": LINKED, "artists.csv": [["Artist", "Popularity"], ["ABBA", "7"]]})
    assert len(contents(source)) == 3
    ((origin, reason, detail),) = source.rejected
    assert (origin, reason) == ("artists.csv", "no table of lyrics")
    assert "Artist, Popularity" in detail
    assert len(contents(open_csv({"lyrics.csv": LINKED}, file="lyrics.csv"))) == 3


def test_a_lone_quote_costs_one_row(open_csv, contents):
    data = GOOD.replace(b"ABBA,", b'"ABBA,', 1)
    source = open_csv(data)
    assert [title for _, title, _ in contents(source)] == ['The "Visitors"', "七"]
    ((origin, reason, _),) = source.rejected
    assert (origin, reason) == ("songs.csv:2", "unparsable csv row")


def test_rows_without_artist_or_text(open_csv):
    source = open_csv(
        [
            LINKED[0],
            ["", "x", "/a", "la"],
            ["A", "x", "/a", " \n"],
            ["A\0B", "x", "/a", "la"],
            ["A", "b", "/a", "ok"],
        ]
    )
    items = list(source.items())
    assert source.rejected == [
        ("songs.csv:2", "no artist", ""),
        ("songs.csv:5", "not a text file", "1 zero bytes"),
    ]
    with pytest.raises(Rejected, match="no text"):
        source.read(items[0])
    assert source.read(items[1]).content == "ok"


def test_rows_in_different_encodings(open_csv, contents):
    head, row = b"artist,title,lyrics\n", "Élodie,Ça,un été sans fin sur la plage\n"
    songs = contents(open_csv(head + row.encode() + row.encode("cp1252")))
    assert songs == [("Élodie", "Ça", "un été sans fin sur la plage")] * 2


def test_given_encoding(open_csv, contents):
    data = "artist,title,lyrics\nПушкин,Мгновенье,Я помню чудное\n".encode("cp1251")
    assert contents(open_csv(data, encoding="cp1251")) == [("Пушкин", "Мгновенье", "Я помню чудное")]


def test_songs_of_one_title_are_one_work(open_csv):
    rows = [
        ["artist", "title", "lyrics"],
        ["A", "Hey Jude", "la"],
        ["A", "HEY, JUDE!", "lo"],
        ["A", "Help", "li"],
    ]
    works = [item.work for item in open_csv(rows).items()]
    assert works[0] == works[1] != works[2]


def test_file_that_changed_since_it_was_listed(open_csv, make_tree):
    source = open_csv(LINKED)
    items = list(source.items())
    make_tree({"songs.csv": b"gone"})
    with pytest.raises(Rejected, match="row changed"):
        source.read(items[1])


GOOD = (
    "artist,song,link,text\r\n"
    'ABBA,"Andante, Andante",/a/abba/andante.html,"Take it easy with me, please  \nTouch me gently\n"\r\n'
    'ABBA,"The ""Visitors""",/a/abba/visitors.html,"I hear the ""doorbell"" ring\n'
    'and suddenly, the panic"\r\n'
    'AC/DC,七,/a/acdc/7.html,"un, deux, trois, quatre"\r\n'
).encode()
"""`LINKED` as a file."""


@pytest.mark.parametrize("sign", ["\a", "\x1b", "\x7f", "\u200b", "\ufeff"])
def test_control_characters_in_the_header_do_not_count(make_tree, sign):
    data = GOOD.replace(b"artist", f"{sign}art{sign}ist".encode()).replace(b"text", f"text{sign}".encode(), 1)
    source = open_source("lyrics_csv", make_tree({"songs.csv": data}))
    assert [item.title for item in source.items()] == [row[1] for row in LINKED[1:]]


@pytest.mark.parametrize(
    "broken",
    [
        GOOD.replace(b"artist", b"art\x00ist"),
        bytes(range(256)) * 20,
        b"",
        b"\n\n\n",
        GOOD.decode().encode("utf-16"),
        b"\xed\xa0\x80,\x00text\n" + GOOD,
    ],
    ids=["zero byte in the header", "binary", "empty", "no columns", "UTF-16", "lone surrogate"],
)
def test_one_broken_table_never_stops_the_others(make_tree, broken):
    source = open_source("lyrics_csv", make_tree({"a.csv": broken, "b.csv": GOOD}))
    assert len(list(source.items())) == len(LINKED) - 1
    ((origin, reason, detail),) = source.rejected
    assert (origin, reason) == ("a.csv", "no table of lyrics")
    assert detail
    with pytest.raises(BadInput, match="expected a csv file with columns for artist and lyrics"):
        open_source("lyrics_csv", make_tree({"c/only.csv": broken}), file="c/only.csv")


@given(st.binary(max_size=200), st.integers(0, len(GOOD)), st.integers(0, 40))
def test_damage_anywhere_is_a_message_or_rejected_rows(tmp_path_factory, junk, start, gone):
    folder = tmp_path_factory.mktemp("csv")
    (folder / "songs.csv").write_bytes(GOOD[:start] + junk + GOOD[start + gone :])
    with contextlib.suppress(BadInput):
        source = open_source("lyrics_csv", Tree(folder), only="link=/a/acdc/7.html")
        for item in source.items():
            with contextlib.suppress(Rejected):
                source.read(item)


def _by_line(count=30):
    return [["artist", "title", "lyrics"]] + [["A", f"S{n // 10}", f"line {n}"] for n in range(count)]


def test_a_row_for_each_line_of_a_song_is_told(open_csv, capsys):
    assert len(list(open_csv(_by_line()).items())) == 30
    assert "Warning: songs.csv seems to have one row for each line" in capsys.readouterr().err
    for rows in (LINKED, [*_by_line()[:1], *(["A", f"S{n}", "la"] for n in range(30))]):
        list(open_csv(rows).items())
        assert capsys.readouterr().err == ""


PROSE = b"artist,song,text\n" + b"".join(b"A,S%d,la, la, la, %d\n" % (n, n) for n in range(20))


def test_a_table_that_does_not_fit_is_refused_with_the_line_and_the_remedy(open_csv, capsys):
    with pytest.raises(
        BadInput, match=r"20 of the first 20 lines .* line 2: 6 fields, expected 3.* --set delimiter=tab"
    ):
        open_csv(PROSE)
    source = open_csv({"a.csv": PROSE, "b.csv": LINKED})
    assert len(list(source.items())) == 3
    assert "20 of the first 20 lines" in capsys.readouterr().err


def test_rows_that_cannot_be_parsed_are_counted_and_told(open_csv, capsys):
    good = b"".join(b"A,T%d,la la\n" % n for n in range(80))
    source = open_csv(PROSE + good)
    assert len(list(source.items())) == 80
    assert [reason for _, reason, _ in source.rejected] == ["unparsable csv row"] * 20
    assert [origin for origin, *_ in source.rejected] == [f"songs.csv:{n}" for n in range(2, 22)]
    assert "20 of 100 lines cannot be read" in capsys.readouterr().err


def test_a_table_without_header_is_told_in_short(open_csv):
    rows = [["Nina", f"Song {n}", "la la\n" * 200] for n in range(3)]
    with pytest.raises(BadInput, match="looks like a song: no header") as error:
        open_csv(rows)
    assert len(str(error.value)) < 500


def test_tables_of_the_system_are_no_songs(open_csv):
    junk = [".ipynb_checkpoints/songs-checkpoint.csv", "node_modules/x/data.csv", "__MACOSX/._songs.csv"]
    source = open_csv({"songs.csv": LINKED} | dict.fromkeys(junk, GOOD))
    assert len(list(source.items())) == 3
    assert sorted(origin for origin, reason, _ in source.rejected if reason == "not a song") == sorted(junk)


def test_numbers_of_artists_are_not_their_names(open_csv, contents):
    rows = [["artist", "artist_name", "lyrics"], *([str(n), "Nina", "la"] for n in range(5))]
    assert {artist for artist, _, _ in contents(open_csv(rows))} == {"Nina"}


def test_a_database_s_sign_for_no_value(open_csv):
    source = open_csv(
        [["artist", "title", "lyrics"], ["\\N", "S", "la"], ["A", "\\N", "la"], ["A", "S", "\\N"]]
    )
    items = list(source.items())
    assert [(item.artist, item.title) for item in items] == [("A", ""), ("A", "S")]
    with pytest.raises(Rejected, match="no text"):
        source.read(items[1])


def test_utf_16_is_read_if_it_is_named(open_csv, contents):
    source = open_csv(GOOD.decode().encode("utf-16"), encoding="utf-16")
    assert contents(source) == [(artist, title, text) for artist, title, _, text in LINKED[1:]]
