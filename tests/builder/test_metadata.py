"""Metadata of a built track: one row per song, outside the digest; episodes by another label."""

import pandas as pd
import pytest

from fsdl_bench.builder.pipeline import build_track
from fsdl_bench.cli.data import _definitions
from fsdl_bench.errors import BadInput
from fsdl_bench.metadata import NOTHING, Metadata
from fsdl_bench.tracks.check import check_track
from fsdl_bench.tracks.definition import user_definition
from fsdl_bench.tracks.track import load_track

from .conftest import make_text

TUNES = [f"Tune {letter}" for letter in "ABCDEFGHIJKL"]


@pytest.fixture
def table(tmp_path):
    """144 songs: 12 tunes, each by 12 artists, in a csv file with more columns."""
    rows = [
        {
            "artist": f"Poet {poet:02d}",
            "title": f"{tune} {poet}",
            "lyrics": make_text(100 * number + poet),
            "tune": tune,
            "year": f"{1780 + 10 * poet}-05-01",
            "tags": "sad, long",
            "mood": "blue",
            "language": "en",
        }
        for number, tune in enumerate(TUNES)
        for poet in range(12)
    ]
    path = tmp_path / "csv" / "songs.csv"
    path.parent.mkdir()
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def build(definition, table):
    return build_track(definition, source_dir=table.parent, workers=0, progress=False)


def test_every_song_has_its_metadata(table):
    report = build(user_definition("csv", "lyrics", "lyrics_csv"), table)
    track = load_track("csv")
    for split in track.splits:
        frame = pd.read_parquet(report.path / f"metadata/{split}.parquet")
        assert frame.song_id.tolist() == [song.id for song in track[split].songs]
        for song in track[split].songs:
            poet = int(song.artist[-2:])
            assert song.metadata == Metadata(
                form=song.title[:6],
                year=1780 + 10 * poet,
                tags=("sad", "long"),
                stanzas=(11,),
                language="en",
                extra=(("mood", "blue"),),
            )
    assert check_track("csv").ok


def test_metadata_is_no_part_of_the_digest(table):
    digest = build(user_definition("csv", "lyrics", "lyrics_csv"), table).digest
    frame = pd.read_csv(table)
    frame["tune"], frame["year"] = "another", "1900"
    frame.to_csv(table, index=False)
    assert build(user_definition("csv", "lyrics", "lyrics_csv"), table).digest == digest
    assert load_track("csv").train.songs[0].metadata.year == 1900


def test_episodes_by_tune(table):
    build(user_definition("tunes", "lyrics", "lyrics_csv", label="form"), table)
    track = load_track("tunes")
    assert {artist.name for split in track.splits for artist in track[split].artists} == set(TUNES)
    song = track.train.songs[0]
    assert song.title.startswith(song.artist)
    assert song.metadata.artist == f"Poet {int(song.title.split()[-1]):02d}"
    assert "the form that episodes are drawn by" in (track.path / "README.md").read_text()


def test_songs_without_the_label_are_rejected(table):
    frame = pd.read_csv(table)
    frame.loc[:4, "tune"] = ""
    frame.to_csv(table, index=False)
    report = build(user_definition("tunes", "lyrics", "lyrics_csv", label="form"), table)
    assert report.rejected["no form"] == 5


def test_decades(table):
    build(user_definition("decades", "lyrics", "lyrics_csv", label="decade"), table)
    track = load_track("decades")
    names = {artist.name for split in track.splits for artist in track[split].artists}
    assert names == {f"{1780 + 10 * n}s" for n in range(12)}


def test_damaged_metadata_is_refused(table):
    report = build(user_definition("csv", "lyrics", "lyrics_csv"), table)
    path = report.path / "metadata/train.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert len(load_track("csv").train.songs[0].tokens)
    with pytest.raises(BadInput, match=r"metadata/train.parquet is missing, damaged or of another build"):
        _ = load_track("csv").train.songs[0].metadata
    assert "metadata/train.parquet" in check_track("csv").problems[0]


def test_a_track_without_metadata_is_read(table):
    """Tracks of version 0.1.0 have none."""
    from fsdl_bench.tracks.manifest import read_manifest, write_manifest

    path = build(user_definition("csv", "lyrics", "lyrics_csv"), table).path
    manifest = read_manifest(path)
    for name in [name for name in manifest.files if name.startswith("metadata/")]:
        del manifest.files[name]
    write_manifest(path, manifest)
    assert load_track("csv").train.songs[0].metadata == NOTHING


def test_label_and_aliases_on_the_command_line(table):
    [definition] = _definitions(
        (), table, "lyrics", "mine", None, (), "form", ("W.B. Yeats=William Butler Yeats",)
    )
    assert definition.label == "form"
    assert definition.artist_name("W. B. YEATS") == "William Butler Yeats"
    with pytest.raises(BadInput, match="--alias: expected OTHER=NAME"):
        _definitions((), table, "lyrics", "mine", None, (), None, ("Yeats",))
    with pytest.raises(BadInput, match=r"label: .*'artist', 'form'"):
        _definitions((), table, "lyrics", "mine", None, (), "colour", ())


def test_datasets_reads_the_metadata(table):
    datasets = pytest.importorskip("datasets")
    path = build(user_definition("csv", "lyrics", "lyrics_csv"), table).path
    songs = datasets.load_dataset(str(path), "metadata", split="train")
    assert songs[0]["year"] == load_track("csv").train.songs[0].metadata.year
    assert "tokens" in datasets.load_dataset(str(path), split="train").column_names
