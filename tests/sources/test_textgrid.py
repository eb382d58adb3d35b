"""German verse: names, doubled stanzas, and what is left out."""

import json

from fsdl_bench.sources.common.base import open_source

VERSE = [["Über allen Gipfeln", "Ist Ruh,"], ["In allen Wipfeln", "Spürest du"], ["Kaum", "einen Hauch;"]]


def poem(text=VERSE, author="Goethe, Johann Wolfgang", title="Ein Gleiches", date="1987"):
    return {"author": author, "authorRef": "pnd:1", "publicationDate": date, "title": title, "text": text}


def read(make_tree, *poems):
    files = {"json/Someone.json": json.dumps(list(poems)), "README.md": "x", "package.json": "{}"}
    source = open_source("textgrid", make_tree(files), kind="lyrics")
    songs = [source.read(item) for item in source.items()]
    return songs, {origin.rpartition("#")[2]: reason for origin, reason, _ in source.rejected}


def test_a_poem(make_tree):
    [song], rejected = read(make_tree, poem())
    assert rejected == {}
    assert (song.artist, song.title, song.licence) == ("Johann Wolfgang Goethe", "Ein Gleiches", "CC-BY-3.0")
    assert song.content == "\n\n".join("\n".join(stanza) for stanza in VERSE)
    assert (song.metadata.language, song.metadata.stanzas) == ("de", (2, 2, 2))
    assert song.metadata.extra == (("edition", "1987"),)
    assert song.metadata.year is None, "the date is the edition's"


def test_names(make_tree):
    names = [
        "Logau, Friedrich von",
        "Müller, Friedrich (Maler Müller)",
        "Dranmor, (Schmid, L. F.)",
        "Novalis",
    ]
    songs, _ = read(make_tree, *(poem(author=name) for name in names))
    assert [song.artist for song in songs] == [
        "Friedrich von Logau",
        "Friedrich Müller",
        "Dranmor",
        "Novalis",
    ]


def test_stanzas_that_are_there_twice(make_tree):
    doubled = [stanza for stanza in VERSE for _ in range(2)]
    refrain = [*VERSE, VERSE[2], *VERSE]  # one repetition is the poet's
    songs, _ = read(make_tree, poem(doubled), poem(refrain), poem([*doubled, ["Ende"]]))
    assert [len(song.metadata.stanzas) for song in songs] == [3, 7, 4]


def test_what_is_left_out(make_tree):
    play = [["Faust.", "So komm!"], ["Gretchen.", "Heinrich!"]] * 3
    songs, rejected = read(
        make_tree,
        poem(author="Anonym"),
        poem(author="Arent, Wilhelm (Hg.)"),
        poem(author="Keats, John"),
        poem(title="Aus dem Griechischen"),
        poem(title="Lied, nach dem Französischen"),
        poem(play),
        poem([["Zeile"] * 3000]),
        poem([["ein sehr langer Satz ohne Vers " * 4]]),
        poem([[]]),
        poem([["verlo\ufffdren"]]),
        poem(title="Aus dem Leben"),
    )
    assert [song.title for song in songs] == ["Aus dem Leben"]
    assert rejected == {
        "0": "no author",
        "1": "no author",
        "2": "translation",
        "3": "translation",
        "4": "translation",
        "5": "a play",
        "6": "an epic or a play",
        "7": "prose",
        "8": "no text",
        "9": "lost bytes (U+FFFD)",
    }
