"""Yuan-dynasty qu: what the titles mean, what is spoken, and what is left out."""

import json

from fsdl_bench.sources.common.base import open_source


def read(make_tree, *entries):
    """Entries are (author, title, paragraphs...)."""
    table = [
        {"dynasty": "yuan", "author": author, "title": title, "paragraphs": list(lines)}
        for author, title, *lines in entries
    ]
    source = open_source(
        "qu", make_tree({"元曲/yuanqu.json": json.dumps(table), "宋词/a.json": "[]"}), kind="lyrics"
    )
    songs = [source.read(item) for item in source.items()]
    return songs, {origin.rpartition("#")[2]: reason for origin, reason, _ in source.rejected}


LINE = "半世为人，不曾教大人心困。"


def test_plays_and_their_authors(make_tree):
    songs, rejected = read(
        make_tree,
        ("关汉卿", "诈妮子调风月・仙吕/点绛唇", LINE),
        ("关汉卿", "诈妮子调风月・混江龙", LINE),
        ("高明《蔡伯喈琵琶记》", "满庭芳", LINE),
        ("高明《蔡伯喈琵琶记》", "前腔", LINE),
    )
    assert rejected == {}
    assert [(song.artist, song.work, song.metadata.form) for song in songs] == [
        ("关汉卿", "诈妮子调风月", "点绛唇"),
        ("关汉卿", "诈妮子调风月", "混江龙"),
        ("高明", "蔡伯喈琵琶记", "满庭芳"),
        ("高明", "蔡伯喈琵琶记", "满庭芳"),
    ]
    assert songs[2].metadata.collection == "蔡伯喈琵琶记"


def test_suites_and_single_songs(make_tree):
    songs, _ = read(
        make_tree,
        ("张可久", "山神庙裴度还带・小梁州", LINE),
        ("张可久", "正宫・小梁州春夜", LINE),
        ("张可久", "幺・故人一去无音信，望篷莱隔几重云。和", "月掩朱门，" + LINE),
        ("张可久", "双调・殿前欢", LINE),
        ("马致远", "尾声", LINE),
    )
    assert [(song.work, song.metadata.form) for song in songs] == [
        ("山神庙裴度还带", "小梁州"),
        ("suite 1", "小梁州"),
        ("suite 1", "小梁州"),
        ("suite 3", None),
        ("suite 4", "尾声"),
    ]
    assert songs[2].content.startswith("故人一去无音信，望篷莱隔几重云。\n和月掩朱门，")


def test_what_is_spoken_is_left_out(make_tree):
    said = "好人家娶这等揽蛆扒？(搽旦向孔目云)你老婆死了。(科)不唱。"
    sung = "(正末唱)怕不待倾心吐胆商量嫁。（叹科）都是瞒神。"
    [song], _ = read(make_tree, ("杨显之", "酷寒亭・油葫芦", said, sung))
    assert song.content == "好人家娶这等揽蛆扒？\n怕不待倾心吐胆商量嫁。\n都是瞒神。"


def test_what_is_left_out(make_tree):
    songs, rejected = read(
        make_tree,
        ("无名氏", "尾声", LINE),
        ("无名氏《张协状元》", "尾声", LINE),
        ("关汉卿", "尾声", "缺□字" + LINE),
        ("关汉卿", "尾声", "者［者刺骨］笛儿" + LINE),
        ("关汉卿", "尾声", "タ" + LINE),
        ("关汉卿", "尾声", "太短。"),
        ("关汉卿", "尾声", "(云)" + LINE),
        ("关汉卿", "尾声", LINE),
    )
    assert len(songs) == 1
    assert rejected == {
        "0": "no author",
        "1": "no author",
        "2": "gaps in the text",
        "3": "gaps in the text",
        "4": "misread character",
        "5": "fragment",
        "6": "no text",
    }
