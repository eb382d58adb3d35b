"""Opening a source by name, and reading what is one file or already at hand."""

import inspect

import pytest

from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.sources.common.base import Item, open_source, read_song, source_names


def test_open_source_says_what_there_is(make_tree):
    tree = make_tree({})
    with pytest.raises(BadInput, match=r"no source 'flder'; there are: adl, .*folder"):
        open_source("flder", tree)
    with pytest.raises(BadInput, match="no source 'tree'"):
        open_source("tree", tree)
    with pytest.raises(BadInput, match="'folder' has no option artists; it takes: kind, licence, encoding"):
        open_source("folder", tree, kind="midi", artists=3)
    with pytest.raises(BadInput, match="'lakh' has midi, not lyrics"):
        open_source("lakh", tree, kind="lyrics")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": "x"}, "option level: expected a whole number, found 'x'"),
        ({"level": True}, "option level: expected a whole number, found True"),
        ({"clean": "maybe"}, "option clean: expected true or false, found 'maybe'"),
        ({"licence": 3}, "option licence: expected text, found 3"),
    ],
)
def test_options_are_of_the_type_that_a_source_states(make_tree, options, message):
    with pytest.raises(BadInput, match=message):
        open_source("folder", make_tree({}), kind="lyrics", **options)


def test_options_may_be_text(make_tree):
    page = "3 ContributorsOne Lyrics[Verse]\nthe first song31Embed"
    tree = make_tree({"Rock/Ada/One.txt": page})
    for word in ("no", "off", "False"):
        source = open_source("folder", tree, kind="lyrics", level="2", clean=word, licence="3")
        (item,) = source.items()
        assert (item.artist, item.licence, source.read(item).content) == ("Ada", "3", page)


def test_every_option_of_every_source_has_a_type():
    import importlib
    from typing import get_type_hints

    for name in source_names():
        opener = importlib.import_module(f"fsdl_bench.sources.{name}").open
        assert set(list(inspect.signature(opener).parameters)[1:]) <= set(get_type_hints(opener)), name


def test_every_source_can_be_opened_by_name():
    import importlib

    for name in source_names():
        assert callable(importlib.import_module(f"fsdl_bench.sources.{name}").open), name


def test_read_song_fills_in_what_listing_left_open(make_tree):
    tree = make_tree({"a.txt": "w\xf6rds".encode("cp1252"), "empty.txt": b"", "blank.txt": b" \n"})
    song = read_song(Item("a.txt", "Artist", "Title", path="a.txt"), tree, "lyrics")
    assert (song.content, song.work, song.kind) == ("w\xf6rds", "a.txt", "lyrics")
    song = read_song(Item("x:1", "Artist", "Title", work="w", text="at hand"), tree, "lyrics")
    assert (song.content, song.work, song.origin) == ("at hand", "w", "x:1")
    for path, reason in (("empty.txt", "empty file"), ("blank.txt", "no text")):
        with pytest.raises(Rejected, match=reason):
            read_song(Item(path, "A", "T", path=path), tree, "lyrics")
    with pytest.raises(ValueError, match="neither path nor text"):
        read_song(Item("x", "A", "T"), tree, "lyrics")
