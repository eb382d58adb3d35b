"""The whole build, from a folder of files to a track, and what must not change its outcome."""

import os
import shutil
import signal
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from fsdl_bench.builder import pipeline, reading
from fsdl_bench.builder.pipeline import build_track
from fsdl_bench.errors import BadInput
from fsdl_bench.paths import tracks_dir
from fsdl_bench.songs import Song
from fsdl_bench.sources.folder import Folder
from fsdl_bench.tracks.artists import artist_key, read_splits, split_of
from fsdl_bench.tracks.manifest import read_manifest
from fsdl_bench.tracks.rows import track_digest


def rows_of(track: Path, kind_of: str = "*") -> pd.DataFrame:
    return pd.concat([pd.read_parquet(path) for path in sorted(track.glob(f"{kind_of}-*-of-*.parquet"))])


@pytest.mark.parametrize("kind", ["lyrics", "midi"])
def test_a_folder_becomes_a_track(kind, song_folder, define, build_quietly) -> None:
    folder = song_folder(kind)
    report = build_quietly(define(kind), folder)
    track = tracks_dir() / "toy"
    rows = rows_of(track)
    assert (report.kept, report.songs, report.rejected, report.path) == (120, 120, {}, track)
    assert len(rows) == rows.song_id.nunique() == 120
    assert set(rows.licence) == {"unknown"}
    for split in report.counts:
        part = rows_of(track, split)
        assert {split_of(key) for key in part.artist_key} == {split}
        assert list(zip(part.artist_key, part.song_id, strict=True)) == sorted(
            zip(part.artist_key, part.song_id, strict=True)
        )
        count = report.counts[split]
        assert (count.songs, count.tokens, count.units) == (
            len(part),
            part.tokens.map(len).sum(),
            part.units.sum(),
        )
    assert report.digest == track_digest(track, kind, read_manifest(track).codec)
    assert not list(track.parent.glob(".toy*part"))
    assert not (track.parent / ".toy.work").exists()


def test_places_may_be_strings(song_folder, define, tmp_path) -> None:
    out = str(tmp_path / "here")
    report = build_track(
        define("lyrics"), source_dir=str(song_folder("lyrics")), out=out, workers=0, progress=False
    )
    assert report.path == Path(out)
    assert read_manifest(report.path).digest == report.digest


@pytest.mark.parametrize("kind", ["lyrics", "midi"])
def test_rows_hold_the_song_as_the_codec_has_it(kind, song_folder, define, build_quietly) -> None:
    from fsdl_bench.codecs import load_codec
    from fsdl_bench.codecs.lyrics import canonical
    from fsdl_bench.music.reading import read_midi

    folder = song_folder(kind)
    report = build_quietly(define(kind), folder)
    data = (report.path / "codec.json").read_text() if kind == "lyrics" else None
    codec = load_codec(define(kind).codec, data)
    for row in rows_of(report.path).itertuples():
        raw = (folder / row.origin).read_bytes()
        content = canonical(raw.decode()) if kind == "lyrics" else read_midi(raw)
        tokens = codec.encode(content)
        assert row.tokens.tolist() == codec.excerpt(tokens).tolist()
        assert row.units == codec.units(codec.excerpt(tokens))
        assert row.artist == Path(row.origin).parts[0]
        if kind == "lyrics":
            assert row.text == content


class Backwards(Folder):
    """The same songs, listed from the end."""

    def items(self):
        yield from list(super().items())[::-1]


def test_neither_workers_nor_order_nor_chunks_change_the_digest(
    song_folder, define, build_quietly, monkeypatch
) -> None:
    folder = song_folder("midi", artists=14, songs=11)
    for number in range(4):  # duplicates and a cluster, so that there is something to decide
        shutil.copy(folder / "Artist 01" / f"0{number}.mid", folder / "Artist 05" / f"copy {number}.mid")
    definition = define("midi", max_songs=10)
    digests = {build_quietly(definition, folder).digest, build_quietly(definition, folder, workers=2).digest}
    monkeypatch.setattr(reading, "CHUNK_SONGS", 7)
    digests.add(build_quietly(definition, folder, workers=1).digest)
    monkeypatch.setattr("fsdl_bench.sources.folder.Folder", Backwards)
    digests.add(build_quietly(definition, folder).digest)
    assert len(digests) == 1


def test_filters_aliases_and_frozen_splits(song_folder, define, build_quietly, tmp_path, monkeypatch) -> None:
    folder = song_folder("lyrics", artists=6)
    (folder / "Artist 05").rename(folder / "ARTIST, Fifth")
    for number in range(5):  # two halves of one artist, each too few by itself
        (folder / "Artist 04 the Elder").mkdir(exist_ok=True)
        name = f"0{number}.txt"
        (folder / "Artist 04" / name).rename(folder / "Artist 04 the Elder" / name)
    frozen = tmp_path / "frozen.csv"
    frozen.write_text("artist_key,split\nartist 00,validation\nfifth artist,test\n")
    definition = define(
        aliases={"artist 04 THE elder": "Artist 04"},
        filters={
            "exclude_artists": ["artist  01"],
            "exclude_origins": {"Artist 00/03.txt": "not his"},
            "min_units": 10,
        },
    )
    monkeypatch.setattr(type(definition), "frozen_splits", frozen)
    report = build_quietly(definition, folder)
    splits = read_splits(report.path / "splits.csv")
    assert splits == {
        "artist 00": "validation",
        "artist 02": split_of("artist 02"),
        "artist 03": split_of("artist 03"),
        "artist 04": split_of("artist 04"),
        "fifth artist": "test",
    }
    assert set(rows_of(report.path).artist) == {
        "Artist 00",
        "Artist 02",
        "Artist 03",
        "Artist 04",
        "ARTIST, Fifth",
    }
    assert report.rejected == {"artist left out by the definition": 10, "left out by the definition": 1}


def test_works_count_for_the_least_number_of_songs(song_folder, define, build_quietly, monkeypatch) -> None:
    folder = song_folder("midi", artists=3, songs=12)

    def place(self, path):
        artist, number = path.split("/")
        return artist, number, "one work" if artist == "Artist 01" and number < "05" else ""

    monkeypatch.setattr(Folder, "place", place)
    report = build_quietly(define("midi"), folder)
    assert report.kept == 24
    assert set(rows_of(report.path).artist) == {"Artist 00", "Artist 02"}
    assert report.rejected == {"artist has too few songs": 12}


def test_a_second_build_replaces_the_first(song_folder, define, build_quietly) -> None:
    folder = song_folder("lyrics")
    first = build_quietly(define(), folder)
    (folder / "Artist 02" / "new.txt").write_text("a song that was not there before, and is quite short")
    second = build_quietly(define(), folder)
    assert second.kept == first.kept + 1
    assert read_manifest(second.path).digest == second.digest != first.digest


def test_a_digest_that_is_not_the_frozen_one_replaces_nothing(song_folder, define, build_quietly) -> None:
    folder = song_folder("lyrics")
    first = build_quietly(define(), folder)
    assert build_quietly(define(digest=first.digest), folder).digest == first.digest
    (folder / "Artist 02" / "new.txt").write_text("a song that was not there before")
    with pytest.raises(BadInput, match=f"{first.digest} is frozen.*pyarrow"):
        build_quietly(define(digest=first.digest), folder)
    assert read_manifest(first.path).digest == first.digest


def test_too_few_songs_are_told_in_numbers(song_folder, define, build_quietly) -> None:
    folder = song_folder("lyrics", artists=3, songs=4)
    with pytest.raises(
        BadInput, match=r"(?s)an artist needs 9 songs, and none of the 12 .*  12 artist has too few"
    ):
        build_quietly(define(), folder)
    for path in folder.rglob("*.txt"):  # enough files, but all the same song
        for number in range(3):
            shutil.copy(path, path.with_name(f"{path.stem} {number}.txt"))
    with pytest.raises(
        BadInput, match=r"(?s)of the 48 songs read, none .* 9 different songs.*  36 dup.*  12 artist has too"
    ):
        build_quietly(define(), folder)
    assert not (tracks_dir() / "toy").exists()


def test_an_empty_folder_and_a_missing_one(tmp_path, define, build_quietly) -> None:
    with pytest.raises(BadInput, match="no file was found"):
        build_quietly(define(), tmp_path)
    with pytest.raises(BadInput, match="nothing"):
        build_quietly(define(), tmp_path / "nowhere")


def test_a_recipe_asks_for_the_folder(define) -> None:
    source = {"source": "lakh", "title": "Lakh", "homepage": "https://example.org/lakh"}
    with pytest.raises(BadInput, match=r"own download of Lakh: .*--from DIR.*https://example.org/lakh"):
        build_track(define("midi", status="recipe", sources=[source]), progress=False)


def test_only_one_folder_for_one_source(define, build_quietly, tmp_path) -> None:
    two = [{"source": "folder"}, {"source": "lakh"}]
    with pytest.raises(BadInput, match="2 sources"):
        build_quietly(define("midi", sources=two), tmp_path)


def test_a_source_of_the_other_kind(song_folder, define, build_quietly) -> None:
    with pytest.raises(BadInput, match="midi, not lyrics"):
        build_quietly(define(sources=[{"source": "lakh"}]), song_folder())


def test_two_builds_of_one_track_at_once(song_folder, define, build_quietly) -> None:
    folder = song_folder("lyrics")
    with pipeline._locked(tracks_dir() / "toy"), pytest.raises(BadInput, match="another build"):
        build_quietly(define(), folder)
    build_quietly(define(), folder)


def deadly(self, item):
    """Crash on one song, hang on another, and fail on a third."""
    if item.origin.endswith("Artist 03/04.txt"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if item.origin.endswith("Artist 07/01.txt"):
        time.sleep(1000)
    if item.origin.endswith("Artist 08/02.txt"):
        raise RuntimeError("a bug in a reader")
    return Song(
        item.artist, item.title, item.origin, "", item.origin, (self.tree.root / item.path).read_text()
    )


class Deadly(Folder):
    read = deadly


def test_a_reader_that_dies_or_hangs_costs_one_song(song_folder, define, build_quietly, monkeypatch) -> None:
    folder = song_folder("lyrics", songs=12)
    monkeypatch.setattr(reading, "CHUNK_SONGS", 16)
    monkeypatch.setattr(reading, "SONG_SECONDS", 10.0)
    monkeypatch.setattr(reading, "_chunk_seconds", lambda songs: 5.0)
    # Workers import this module to find the class.
    monkeypatch.setattr("fsdl_bench.sources.folder.Folder", Deadly)
    report = build_quietly(define(), folder, workers=2)
    rejected = pd.read_parquet(report.path / "rejected.parquet").set_index("origin")
    assert rejected.reason.to_dict() == {
        "Artist 03/04.txt": "reader crashed",
        "Artist 07/01.txt": "reader timed out",
        "Artist 08/02.txt": "reader failed",
    }
    assert rejected.detail["Artist 03/04.txt"] == "worker killed by SIGSEGV"
    assert rejected.detail["Artist 08/02.txt"] == "RuntimeError: a bug in a reader"
    assert report.kept == 12 * 12 - 3


def test_counts_in_the_report_add_up(song_folder, define, build_quietly) -> None:
    folder = song_folder("lyrics", songs=15)
    report = build_quietly(define(max_songs=10), folder)
    rejected = pd.read_parquet(report.path / "rejected.parquet")
    assert report.rejected == {"over the cap of songs per artist": 60} == dict(Counter(rejected.reason))
    kept = rows_of(report.path)
    for _, own in kept.groupby("artist_key"):
        others = rejected[rejected.origin.str.startswith(own.artist.iloc[0])]
        assert (len(own), len(others)) == (10, 5)
    assert {artist_key(name) for name in kept.artist} == set(kept.artist_key)


def test_works_that_share_a_song_become_one(song_folder, define, build_quietly, monkeypatch) -> None:
    """Two copies of one mass under two titles, and a third that shares a movement with the second."""
    folder = song_folder("lyrics", artists=2, songs=24)
    own = sorted((folder / "Artist 00").iterdir())
    other = folder / "Artist 01" / "99.txt"
    (folder / "Artist 00" / "05 again.txt").write_text(own[0].read_text() + "\nAmen, amen, amen")  # mass 2
    (folder / "Artist 00" / "10 again.txt").write_text(own[6].read_text())  # mass 3
    other.write_text(own[15].read_text() + "\nAmen, amen, amen")  # another artist's

    def read(self, item):
        artist, name = item.origin.split("/")
        work = f"mass {int(name[:2]) // 5 + 1}" if artist == "Artist 00" and name[:2] < "15" else name
        return Song(item.artist, name, work, "", item.origin, (self.tree.root / item.path).read_text())

    monkeypatch.setattr(Folder, "read", read)
    rows = rows_of(build_quietly(define(), folder).path)
    masses = rows[rows.work.str.startswith("mass")]
    assert set(masses.work) == {"mass 1"}
    assert set(masses.title.str[:2]) == {f"{n:02d}" for n in range(1, 15)}
    assert set(rows[rows.artist == "Artist 01"].work) == {f"{n:02d}.txt" for n in range(24)} | {"99.txt"}
    # Artist 00 has 1 work of masses and 15-23 less the one that stays with the other: too few would be 8.
    assert rows[rows.artist == "Artist 00"].work.nunique() == 9
