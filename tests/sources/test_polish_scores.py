"""Polish scores: what the headers say, which pieces are one work, and conversions that come out wrong."""

import hashlib
from collections import Counter

import pytest

from fsdl_bench.checked import write_checked
from fsdl_bench.errors import Rejected
from fsdl_bench.paths import home
from fsdl_bench.sources.common.base import open_source

YEM = "License CC-BY-4.0 (https://creativecommons.org/licenses/by/4.0)"
MUSIC = "**kern\n*M2/4\n=1\n4c\n4d\n=2\n2e\n==\n*-\n"


def _score(com="Moniuszko, Stanisław", otl="Prząśniczka", *, yem=YEM, music=MUSIC, **records) -> str:
    names = {
        "opr": "OPR",
        "gtl": "GTL",
        "siglum": "SMS-siglum",
        "mark": "SMS-shelfmark",
        "work": "SMS-shelfwork",
    }
    head = {"COM": com, "OTL": otl, "YEM": yem} | {names[key]: value for key, value in records.items()}
    return "".join(f"!!!{key}: {value}\n" for key, value in head.items()) + music


def _items(make_tree, **scores):
    source = open_source(
        "polish_scores", make_tree({f"pl/{name}.krn": text for name, text in scores.items()})
    )
    return {item.origin[3:-4]: item for item in source.items()}, source


def test_a_piece(make_tree):
    items, _ = _items(make_tree, a=_score(opr="Halka", otl="Aria", work="001-002 M"))
    assert items["a"].artist == "Stanisław Moniuszko"
    assert items["a"].title == "Halka: Aria"
    assert items["a"].work == "halka"
    assert items["a"].licence == "CC-BY-4.0"


@pytest.mark.parametrize(
    ("score", "reason"),
    [
        (_score(com="Anonim"), "no artist"),
        (_score(com=""), "no artist"),
        (_score(com="A. S."), "no artist"),
        (_score(com="M.M."), "no artist"),
        (_score(yem="Copyright © 2023 by [Copyright Holder]"), "no CC BY 4.0 licence"),
        (_score(yem="").replace("!!!YEM: \n", ""), "no CC BY 4.0 licence"),
    ],
)
def test_what_is_left_out(make_tree, score, reason):
    items, source = _items(make_tree, a=score)
    assert items == {}
    assert [(origin, why) for origin, why, _ in source.rejected] == [("pl/a.krn", reason)]


def test_a_licence_at_the_end_counts(make_tree):
    filler = "!! " + "x" * 5000 + "\n"
    items, _ = _items(make_tree, a=_score(yem="", music=filler + MUSIC + f"!!!YEM: {YEM}\n"))
    assert list(items) == ["a"]


def test_a_composer_in_doubt(make_tree):
    names = [f"pl-cz--ii-129--001_{who}--requiem" for who in ("kozlowski-jozef", "cherubini-luigi")]
    items, source = _items(make_tree, **dict.fromkeys(names, _score(com="Kozłowski, Józef")))
    assert list(items) == names[:1]
    assert [why for _, why, _ in source.rejected] == ["composer in doubt"]


def test_movements_and_copies_are_one_work(make_tree):
    """Movements, revisions and one title in two libraries are one work; pieces of a collection are not."""
    mass = {"opr": "Missa in C", "siglum": "PL-CZ"}
    song = {"otl": "Omni die dic Mariae", "siglum": "PL-Kk"}
    walc = {"otl": "Walc", "siglum": "PL-Wtm", "mark": "R 730"}
    book = {"gtl": "Sonety krymskie", "siglum": "PL-Wtm"}
    items, _ = _items(
        make_tree,
        kyrie=_score(otl="Kyrie", work="001-001 M", mark="III-574", **mass),
        gloria=_score(otl="Gloria", work="001-002 M", mark="14a", **mass),
        copy1=_score(mark="Kk.I.6", work="001 W", **song),
        copy2=_score(mark="Kk.I.7", work="034 W", **song),
        before=_score(otl="Zawód miłosny [ante correcturam]", mark="R 1", work="W"),
        later=_score(otl="Zawód miłosny [post correcturam]", mark="R 1", work="W"),
        walc1=_score(work="001 W", **walc),
        walc2=_score(work="002 W", **walc),
        noc=_score(otl="Noc", mark="R 563", work="001-003 G", **book),
        noc2=_score(otl="Noc", mark="R 690", work="001-004 G", **book),
        burza=_score(otl="Burza", mark="R 690", work="001-005 G", **book),
    )
    works = {name: item.work for name, item in items.items()}
    same = [("kyrie", "gloria"), ("copy1", "copy2"), ("before", "later"), ("noc", "noc2")]
    for one, other in same:
        assert works[one] == works[other]
    assert len(set(works.values())) == len(works) - len(same)


def _keep(data: bytes, *pitches: int) -> None:
    """Put a conversion of quarter notes into the cache, as if verovio had made it."""
    path = home() / "converted" / f"{hashlib.sha256(data).hexdigest()}.mid"
    notes = b"".join(b"\x00\x90%c\x40\x60\x80%c\x00" % (pitch, pitch) for pitch in pitches)
    track = notes + b"\x00\xff\x2f\x00"
    head = b"MThd" + (6).to_bytes(4, "big") + b"\x00\x00\x00\x01\x00\x60"
    with write_checked(path) as temporary:
        temporary.write_bytes(head + b"MTrk" + len(track).to_bytes(4, "big") + track)


@pytest.mark.parametrize("quarters", [21, 20, 22])
def test_a_conversion_as_long_as_the_score_is_taken(make_tree, quarters):
    score = _score(music="**kern\n" + "4c\n" * 21 + "*-")
    items, source = _items(make_tree, a=score)
    _keep(score.encode(), *[60] * quarters)
    assert len(source.read(items["a"]).content) == quarters


@pytest.mark.parametrize("quarters", [10, 30])
def test_a_conversion_of_another_length_is_left_out(make_tree, quarters):
    score = _score(music="**kern\n" + "4c\n" * 21 + "*-")
    items, source = _items(make_tree, a=score)
    _keep(score.encode(), *[60] * quarters)
    with pytest.raises(Rejected, match="conversion of another length"):
        source.read(items["a"])


def test_a_score_that_cannot_be_converted(make_tree):
    pytest.importorskip("verovio")
    items, source = _items(make_tree, a=_score(music="no music at all\n"))
    source.prepare(list(items.values()), 1, False)
    with pytest.raises(Rejected, match=r"conversion failed|no notes"):
        source.read(items["a"])


@pytest.mark.real
def test_the_real_headers(make_tree, real_files):
    files = real_files(
        "pl-wnifc", lambda path: path.startswith(("pl-sa/", "pl-kj/")) and path.endswith(".krn")
    )
    source = open_source("polish_scores", make_tree(files))
    items = list(source.items())
    assert len(items) + len(source.rejected) == len(files)
    assert set(Counter(reason for _, reason, _ in source.rejected)) == {"no artist", "no CC BY 4.0 licence"}
    assert len({(item.artist, item.work) for item in items}) < len(items) / 2
    assert not any("," in item.artist for item in items)


@pytest.mark.real
def test_a_real_score_that_verovio_stretches(make_tree, real_files):
    """A madrigal of 240 quarters; verovio makes 256 of them."""
    pytest.importorskip("verovio")
    files = real_files("pl-wnifc", lambda path: path.endswith("a-cinque-voci-o-bell-arte-d-amor.krn"))
    source = open_source("polish_scores", make_tree(files))
    (item,) = source.items()
    source.prepare([item], 1, False)
    with pytest.raises(Rejected, match="7% longer or shorter"):
        source.read(item)
