"""Folders one level too high are noticed by their names and by what is in them; albums are not doubted."""

from types import SimpleNamespace

import pytest

from fsdl_bench.cli import doubts as module
from fsdl_bench.cli.doubts import doubts, hints
from fsdl_bench.tracks.definition import user_definition


class BuiltTrack:
    """As much of a track as the doubts look at: every first folder is an artist, in all three splits."""

    def __init__(self, origins, layout="folder", **options):
        self.origins = origins
        self.definition = user_definition("toy", "lyrics", layout, **options)
        counts = dict.fromkeys(("train", "validation", "test"), SimpleNamespace(songs=len(origins)))
        self.manifest = SimpleNamespace(counts=counts, rejected={})

    def __getitem__(self, split):
        names = sorted({origin.split("/")[0] for origin in self.origins}) if split == "train" else []
        return SimpleNamespace(artists=[SimpleNamespace(name=name) for name in names])


@pytest.fixture(autouse=True)
def origins(monkeypatch):
    monkeypatch.setattr(module, "_origins", lambda track: track.origins)


def spread(tops, artists=8, songs=12):
    """Songs of each artist in turn in all these folders."""
    return [f"{tops[n % len(tops)]}/Poet {a}/{n}.txt" for a in range(artists) for n in range(songs)]


@pytest.mark.parametrize(
    ("tops", "kind"),
    [
        (["blues", "Rock", "R&B", "Hip-Hop"], "genres"),
        (["A-C", "D-F", "G to K", "0-9", "#"], "ranges of letters"),
        (["letter_A", "letter_B", "Letter C", "letter d"], "ranges of letters"),
        (["1950s", "1960s", "80's", "90s"], "decades"),
        (["train", "valid", "test", "extra"], "the splits of a data set"),
        (["en", "de", "fr", "es"], "languages"),
        (["English", "German", "French", "Spanish"], "languages"),
    ],
)
def test_names_that_are_no_artists(tops, kind):
    (text,) = doubts(BuiltTrack(spread(tops)))
    assert kind in text
    assert "--set level=2 gives 8 artists with at least 9 songs: Poet 0, Poet 1" in text


def test_artists_that_lie_in_several_folders():
    track = BuiltTrack(spread(["North", "South", "East", "West"]))
    (text,) = doubts(track)
    assert "the same folders are in several artists' folders: Poet 0" in text
    assert "--set level=2 gives 8 artists" in text
    assert hints(track) == []


def test_many_large_folders_in_each():
    paths = [f"{top}/{top} Poet {a}/{n}.txt" for top in ("North", "South", "East", "West") for a in range(9)
             for n in range(9)]  # fmt: skip
    (text,) = doubts(BuiltTrack(paths))
    assert "each artist has many folders with many songs" in text


def albums(each, songs, name="Work {a} {n}"):
    return [
        f"Poet {a}/{name.format(a=a, n=n)}/{song}.txt" for a in range(8) for n in range(each)
        for song in range(songs)
    ]  # fmt: skip


@pytest.mark.parametrize(
    "paths",
    [
        [f"Poet {a}/{song}.txt" for a in range(8) for song in range(10)],
        albums(2, 12),
        albums(6, 5),
        albums(3, 12, "CD {n}"),
        albums(3, 12, "{n} Greatest Hits"),
        albums(4, 12, "199{n}"),
    ],
)
def test_albums_are_not_doubted(paths):
    assert doubts(BuiltTrack(paths)) == []
    assert hints(BuiltTrack(paths)) == []


def test_large_albums_may_be_artists_and_both_readings_are_shown():
    track = BuiltTrack(albums(4, 12))
    assert doubts(track) == []
    (text,) = hints(track)
    assert "If these are no albums but the artists, --set level=2 gives 32 artists" in text
    assert text.count("or, by --set level=2, Work") == 5


def test_what_the_user_has_said_is_not_doubted():
    paths = spread(["North", "South", "East", "West"])
    for options in ({"level": "2"}, {"level": 2}, {"pattern": "{artist} - {title}"}):
        assert doubts(BuiltTrack(paths, **options)) == []
    (text,) = doubts(BuiltTrack(["en/1", "de/2", "fr/3", "es/4"], "lyrics_csv"))
    assert "languages" in text
    assert "--set artist_column=NAME" in text
