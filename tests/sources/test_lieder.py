"""Lieder: who composed what, words and notes of one score, and the real collection's listing."""

from collections import Counter

import pytest

from fsdl_bench.errors import BadInput
from fsdl_bench.sources.common.base import open_source

TABLE = (
    "id\tpath\tname\n1\tHolmès,_Augusta_Mary_Anne\tAugusta Holmès\n2\tBoulton,_Harold\tSir Harold Boulton\n"
)
SCORE = """<?xml version="1.0"?>
<score-partwise version="4.0">
<part-list><score-part id="P1"><part-name>Voice</part-name></score-part></part-list>
<part id="P1"><measure number="1"><attributes><divisions>1</divisions><time><beats>2</beats>
<beat-type>4</beat-type></time><clef><sign>G</sign><line>2</line></clef></attributes>
<note><pitch><step>C</step><octave>4</octave></pitch><duration>1</duration><type>quarter</type>
<lyric number="1"><syllabic>begin</syllabic><text>Ma</text></lyric></note>
<note><pitch><step>E</step><octave>4</octave></pitch><duration>1</duration><type>quarter</type>
<lyric number="1"><syllabic>end</syllabic><text>ria</text></lyric></note></measure></part></score-partwise>
"""


def _files(*paths: str) -> dict[str, str]:
    return {"data/composers.tsv": TABLE} | dict.fromkeys(paths, SCORE)


def test_composers_and_titles(make_tree):
    files = _files(
        "scores/Holmès,_Augusta_Mary_Anne/_/4_La_Belle_Madeleine/lc1.mxl",
        "scores/Hensel,_Fanny/Op.3/5b_Abendlich/lc2.mxl",
        "scores/Boulton,_Harold/12_New_Songs/10_For_Ever_Mine/lc3.mxl",
        "scores/Arne,_Thomas/_/Rule,_Britannia!/lc4.mxl",
        "scores/stray.mxl",
    )
    source = open_source("lieder", make_tree(files), kind="lyrics")
    assert {(item.artist, item.title) for item in source.items()} == {
        ("Augusta Holmès", "La Belle Madeleine"),
        ("Fanny Hensel", "Abendlich"),
        ("Charles Villiers Stanford", "For Ever Mine"),
        ("Thomas Arne", "Rule, Britannia!"),
    }
    assert [origin for origin, _, _ in source.rejected] == ["scores/stray.mxl"]


def test_words_and_notes_of_one_score(make_tree):
    tree = make_tree(_files("scores/Hensel,_Fanny/_/Maria/lc1.mxl"))
    words = open_source("lieder", tree, kind="lyrics")
    (item,) = words.items()
    assert words.read(item).content == "Maria"

    pytest.importorskip("verovio")
    music = open_source("lieder", tree, kind="midi")
    (item,) = music.items()
    music.prepare([item], 1, False)
    song = music.read(item)
    assert song.content.pitch.tolist() == [60, 64]
    assert (song.work, song.licence) == (song.origin, "CC0-1.0")


@pytest.mark.parametrize(
    ("files", "message"),
    [({}, "expected one data/composers.tsv"), ({"data/composers.tsv": "id\tfolder\n"}, "")],
)
def test_no_table_of_composers(make_tree, files, message):
    files = files | {"scores/Hensel,_Fanny/_/Maria/lc1.mxl": SCORE}
    source = open_source("lieder", make_tree(files), kind="midi")
    if message:
        with pytest.raises(BadInput, match=message):
            list(source.items())
    else:
        assert [item.artist for item in source.items()] == ["Fanny Hensel"]


def test_a_table_without_its_columns(make_tree):
    source = open_source("lieder", make_tree({"data/composers.tsv": "id\tfolder\n1\tHensel\n"}), kind="midi")
    with pytest.raises(BadInput, match="there is no column 'path'"):
        list(source.items())


@pytest.mark.real
def test_the_real_listing(make_tree, real_files):
    files = real_files("OpenScore", lambda path: path.endswith((".mxl", "composers.tsv")))
    source = open_source("lieder", make_tree(files), kind="midi")
    items = list(source.items())
    assert (len(items), source.rejected) == (1460, [])
    artists = Counter(item.artist for item in items)
    assert sum(count >= 9 for count in artists.values()) == 50
    assert artists["Franz Schubert"] == 95
    assert not any("," in artist or "_" in artist for artist in artists if "Boulton" not in artist)
