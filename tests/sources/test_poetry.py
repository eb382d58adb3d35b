"""Poems from files with a head, the reasons for which one is left out, and a slice of the real ones."""

import re
from collections import Counter

import pytest

from fsdl_bench.errors import Rejected
from fsdl_bench.sources.common.base import open_source

LINES = "The splendour falls on castle walls\nAnd snowy summits old in story;"


def _file(body: str, author: str = " Alfred Lord Tennyson ", title: str = "The Splendour Falls") -> bytes:
    return f"---\nauthor:{author}\ntitle: {title}\ncurator: NCR\ntags:\n - love\n---\n\n{body}\n".encode()


def _read_all(source):
    texts, reasons = {}, {}
    for item in source.items():
        try:
            texts[item.origin] = source.read(item).content
        except Rejected as rejected:
            reasons[item.origin] = rejected.reason
    return texts, reasons | {origin: reason for origin, reason, _ in source.rejected}


def test_a_poem(make_tree):
    files = {"poems/A.txt": _file(LINES, title="The Splendour &amp; Falls [1]")}
    source = open_source("poetry", make_tree(files))
    (item,) = source.items()
    assert (item.artist, item.title) == ("Alfred Lord Tennyson", "The Splendour & Falls")
    song = source.read(item)
    assert song.content == LINES
    assert song.kind == "lyrics"
    assert song.origin == "poems/A.txt"


def test_what_is_left_out(make_tree):
    stage = "\n".join(f"Enter {name}.\n{LINES}" for name in ("ORSINO", "CENCI", "BEATRICE"))
    files = {
        "LICENSE": b"not a poem",
        "poems/poems": b"---\nall of them\n",
        "poems/lost.txt": _file("Couldn\ufffdt bear the buzzing of a fly"),
        "poems/lost in title.txt": _file(LINES, title="Cr\ufffdche"),
        "poems/nobody.txt": _file(LINES, author=" "),
        "poems/no head.txt": LINES.encode(),
        "poems/empty.txt": _file(""),
        "poems/prose.txt": _file("There is an ape in Paris to whom a wife was once given; " * 6),
        "poems/called prose.txt": _file(LINES, title="Fooils (Prose)"),
        "poems/play.txt": _file(stage),
        "poems/greek.txt": _file(f"{LINES}\nHe said [Greek: eureka], and left."),
        "poems/editor.txt": _file(f"{LINES}\n\n{LINES}\n\nVARIATIONS.\n\nVER. 1, in the MS. thus--"),
    }
    texts, reasons = _read_all(open_source("poetry", make_tree(files)))
    assert list(texts) == ["poems/lost in title.txt"]
    assert reasons == {
        "poems/poems": "not a poem's file",
        "poems/lost.txt": "lost bytes (U+FFFD)",
        "poems/nobody.txt": "no author",
        "poems/no head.txt": "no author",
        "poems/empty.txt": "no text",
        "poems/prose.txt": "prose",
        "poems/called prose.txt": "prose",
        "poems/play.txt": "a play",
        "poems/greek.txt": "lost text",
        "poems/editor.txt": "editor's notes in the text",
    }


@pytest.mark.real
def test_real_poems(make_tree, real_files):
    files = real_files("facjure", lambda path: re.match(r"poems/(Robert-Bu|Thomas-M|Sidney|Jona)", path))
    source = open_source("poetry", make_tree(files))
    texts, reasons = _read_all(source)
    assert len(texts) + len(reasons) == len(files) >= 1500
    assert Counter(reasons.values())["lost bytes (U+FFFD)"] == sum(
        "\ufffd" in data.decode().split("\n---", 1)[1] for data in files.values()
    )
    leftovers = re.compile(r"\[\d+\]|&amp;|\ATune\b|^NOTES?\b|\ufffd|\[Footnote|, 18\d\d\.\Z", re.M)
    assert [origin for origin, text in texts.items() if leftovers.search(text)] == []
    assert all(text == text.strip("\n") and text for text in texts.values())
