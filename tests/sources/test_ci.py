"""Ci from json, what is left out, namesakes, and the whole real collection."""

import json
from collections import Counter, defaultdict

import pytest

from fsdl_bench.errors import BadInput
from fsdl_bench.sources.common.base import open_source
from fsdl_bench.tracks.artists import artist_key

DREAM = (
    ["常记溪亭日暮。", "沈醉不知归路。", "兴尽晚回舟，误入藕花深处。"] + ["争渡。"] * 2 + ["惊起一滩鸥鹭。"]
)


def _entry(author="李清照", lines=DREAM, tune="如梦令"):
    return {"author": author, "rhythmic": tune, "paragraphs": lines}


def _open(make_tree, entries, name="宋词/ci.song.0.json"):
    return open_source("ci", make_tree({name: json.dumps(entries, ensure_ascii=False)}), kind="lyrics")


def test_a_song(make_tree):
    source = _open(make_tree, [_entry()])
    (item,) = source.items()
    song = source.read(item)
    assert (song.artist, song.title, song.origin) == ("李清照", "如梦令", "宋词/ci.song.0.json#0")
    assert song.content == "\n".join(DREAM)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (_entry(author="无名氏"), "no author"),
        (_entry(author="苏氏"), "no author"),
        (_entry(author="吴氏3"), "no author"),
        (_entry(author="张"), "author's name is cut"),
        (_entry(author="赵必□"), "author's name is cut"),
        (_entry(author="赵汝"), "author's name is cut"),
        (_entry(author="赵必\ufffd\ufffd"), "author's name is cut"),
        (_entry(lines=[]), "no text"),
        (_entry(lines=["□□□白云多。", *DREAM]), "gaps in the text"),
        (_entry(lines=[*DREAM, "（下缺）"]), "gaps in the text"),
        (_entry(lines=["……身在碧云西畔。", *DREAM]), "gaps in the text"),
        (_entry(lines=["玉け冰壶。", *DREAM]), "misread character"),
        (_entry(lines=["玉\ufffd冰壶。", *DREAM]), "lost bytes (U+FFFD)"),
        (_entry(lines=["危楼愁独倚。"]), "fragment"),
        (_entry(tune="失调名"), "fragment"),
    ],
)
def test_what_is_left_out(make_tree, entry, reason):
    source = _open(make_tree, [entry])
    assert list(source.items()) == []
    assert [(origin, why) for origin, why, _ in source.rejected] == [("宋词/ci.song.0.json#0", reason)]


def test_the_waning_moon_is_no_gap(make_tree):
    assert len(list(_open(make_tree, [_entry(lines=["缺月挂疏桐，漏断人初静。", *DREAM])]).items())) == 1


def test_a_fragment_is_one_for_its_tune(make_tree):
    long = ["明月几时有。" * 16]
    source = _open(make_tree, [_entry(lines=long, tune="水调歌头")] * 3 + [_entry(tune="水调歌头")])
    assert len(list(source.items())) == 3
    assert source.rejected == [("宋词/ci.song.0.json#3", "fragment", "33 characters; 水调歌头 has 80")]


def test_namesakes_are_told_apart(make_tree):
    entries = [_entry("王炎1")] + [_entry("王炎2")] * 3 + [_entry("王诜"), _entry("汪莘")]
    assert [item.artist for item in _open(make_tree, entries).items()] == [
        *("王炎1", "王炎", "王炎", "王炎", "王诜 (晋卿)", "汪莘")
    ]


def test_other_files_and_broken_ones(make_tree):
    assert list(_open(make_tree, [_entry()], "宋词/宋词三百首.json").items()) == []
    broken = open_source("ci", make_tree({"宋词/ci.song.1.json": b'[{"author": "'}))
    with pytest.raises(BadInput, match=r"ci\.song\.1\.json is not valid JSON"):
        list(broken.items())


@pytest.mark.real
def test_the_real_collection(make_tree, real_files):
    files = real_files("chinese-poetry", lambda path: path.endswith(".json"))
    source = open_source("ci", make_tree(files))
    items = list(source.items())
    entries = sum(len(json.loads(data)) for path, data in files.items() if "/ci.song." in path)
    assert len(items) + len(source.rejected) == entries == 21053
    assert Counter(reason for _, reason, _ in source.rejected) == {
        "no author": 1604,
        "gaps in the text": 833,
        "author's name is cut": 239,
        "fragment": 210,
        "misread character": 73,
        "lost bytes (U+FFFD)": 11,
    }
    by_key = defaultdict(Counter)
    for item in items:
        by_key[artist_key(item.artist)][item.artist] += 1
    assert [names for names in by_key.values() if len(names) > 1 and names.total() >= 9] == []
