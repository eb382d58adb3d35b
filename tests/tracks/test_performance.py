"""The velocities of a track's songs: built, read, and never needed."""

import pickle

import numpy as np
import pandas as pd
import pytest

from fsdl_bench.builder.pipeline import build_track
from fsdl_bench.codecs.midi import VELOCITY
from fsdl_bench.errors import BadInput
from fsdl_bench.music.notes import Notes
from fsdl_bench.music.writing import write_midi
from fsdl_bench.tracks.definition import user_definition
from fsdl_bench.tracks.manifest import read_manifest, write_manifest
from fsdl_bench.tracks.track import load_track


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder of twelve artists, each of whom plays all notes at a velocity of their own."""
    folder = tmp_path_factory.mktemp("songs")
    rng = np.random.default_rng(0)
    for artist in range(12):
        (folder / f"artist {artist:02}").mkdir()
        for song in range(10):
            start = np.sort(rng.uniform(0, 20, 60))
            kinds = [np.zeros(60, np.uint8), rng.integers(40, 90, 60).astype(np.uint8)]
            loud = np.full(60, 20 + 5 * artist, np.uint8)
            notes = Notes(start, start + 0.3, *kinds, loud, np.zeros(60, np.uint16))
            (folder / f"artist {artist:02}" / f"{song}.mid").write_bytes(write_midi(notes))
    return folder


@pytest.fixture
def track(files, own_home):
    build_track(user_definition("loud", "midi"), source_dir=files, workers=0, progress=False)
    return load_track("loud")


def test_songs_are_as_loud_as_they_were_played(track):
    for song in track.train.songs:
        played, notes = song.performance, song.notes
        assert set(played.velocity.tolist()) == {20 + 5 * int(song.artist[-2:])}
        assert set(notes.velocity.tolist()) == {VELOCITY}
        for name in ("start", "end", "family", "pitch"):
            np.testing.assert_array_equal(getattr(played, name), getattr(notes, name))


def test_the_file_has_the_songs_in_the_order_of_the_shards(track):
    frame = pd.read_parquet(track.path / "performance/train.parquet")
    assert frame["song_id"].tolist() == [song.id for song in track.train.songs]
    assert frame["velocity"].map(len).tolist() == [song.units for song in track.train.songs]


def test_splits_that_were_sent_to_another_process_know_them(track):
    sent = pickle.loads(pickle.dumps(track.train))
    np.testing.assert_array_equal(
        sent.songs[3].performance.velocity, track.train.songs[3].performance.velocity
    )


def test_a_damaged_file_is_not_believed(track):
    path = track.path / "performance/train.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(BadInput, match=r"performance/train.parquet is missing, damaged or of another build"):
        _ = load_track("loud").train.songs[0].performance


def test_tracks_without_the_file_play_evenly(track):
    manifest = read_manifest(track.path)
    files = {name: entry for name, entry in manifest.files.items() if not name.startswith("performance/")}
    write_manifest(track.path, manifest.model_copy(update={"files": files}))
    assert set(load_track("loud").train.songs[0].performance.velocity.tolist()) == {VELOCITY}
