"""`check_track` finds what was changed in a built track, and names it."""

import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fsdl_bench.checked import write_checked
from fsdl_bench.errors import BadInput
from fsdl_bench.tracks.check import check_track
from fsdl_bench.tracks.manifest import FileEntry, file_entry, read_manifest, write_manifest
from fsdl_bench.tracks.rows import track_digest
from fsdl_bench.tracks.track import load_track

LYRICS = {
    "train": {"a": ["mi lo", "na su", "ve"], "b": ["ra do\nki"]},
    "validation": {"c": ["sol"]},
    "test": {"d": ["ten", "lai"]},
}
NOTE, DUR, EOS = 108 + 60, 2284 + 9, 2
SHARD = "train-00000-of-00002.parquet"


@pytest.fixture
def folder(write_track):
    return write_track(LYRICS)


@pytest.fixture
def forge(folder):
    """Change the rows of a shard as a forger would, who also updates the hashes and the digest."""

    def change(edit, digest=True, name=SHARD):
        table = pq.read_table(folder / name)
        rows = table.to_pylist()
        edit(rows)
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), folder / name)
        manifest = read_manifest(folder)
        files = manifest.files | {name: file_entry(folder / name)}
        found = track_digest(folder, "lyrics", "words-v1") if digest else manifest.digest
        write_manifest(folder, manifest.model_copy(update={"files": files, "digest": found}))
        return rows

    return change


def only_problem(track) -> str:
    report = check_track(track)
    assert not report.ok
    (problem,) = report.problems
    return problem


def test_a_sound_track_passes(folder):
    report = check_track(folder)
    assert report.ok
    assert (report.files, report.songs, report.frozen) == (6, 7, "")
    assert report.digest == load_track(folder).digest == track_digest(folder, "lyrics", "words-v1")
    assert check_track(load_track(folder)) == report


def test_a_sound_midi_track_passes(write_track):
    songs = {"train": {"a": [[NOTE, DUR, EOS], [NOTE, DUR + 1]]}, "test": {"b": [[NOTE + 1, DUR, EOS]]}}
    assert check_track(write_track(songs, codec_name="note10ms-v1")).ok


def test_one_flipped_bit_in_any_file_is_noticed_and_the_file_named(folder):
    for path in sorted(folder.glob("*.parquet")):
        whole = path.read_bytes()
        for position in (0, len(whole) // 3, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
            problems = check_track(folder).problems
            assert any(f"{path} was changed or damaged" in problem for problem in problems)
        path.write_bytes(whole)
    assert check_track(folder).ok


def test_a_missing_and_a_strange_file_are_named(folder):
    (folder / "notes.txt").write_text("mine")
    assert only_problem(folder) == f"{folder / 'notes.txt'} is not part of the track; remove it"
    (folder / "notes.txt").unlink()
    (folder / SHARD).unlink()
    problems = check_track(folder).problems
    assert any(f"{SHARD} is missing" in problem for problem in problems)
    assert check_track(folder).digest == ""


def test_rows_that_the_manifest_does_not_know(folder, forge):
    forge(lambda rows: rows[0].update(title="another title"), digest=False)
    assert re.search(r"rows have the digest \w{64}, manifest.json says \w{64}", only_problem(folder))


def test_counts_that_the_rows_do_not_bear_out(folder):
    manifest = read_manifest(folder)
    test = manifest.counts["test"].model_copy(update={"songs": 3})
    write_manifest(folder, manifest.model_copy(update={"counts": manifest.counts | {"test": test}}))
    assert re.search(r"gives .*'songs': 3.* for test, but the shards hold .*'songs': 2", only_problem(folder))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"units": 9999}, r"the column units is 9999"),
        ({"text": "hadri"}, "differ from the encoding of the song by words-v1"),
        ({"tokens": [50, 3]}, "differ from the encoding of the song by words-v1"),
        ({"tokens": [1, 3]}, "differ from the encoding of the song by words-v1"),
        ({"song_id": "0" * 32}, "the id is not the hash of the song"),
        ({"text": "no such words"}, "not a song of words-v1: line 1: 'no' is not a word"),
    ],
)
def test_a_row_that_is_not_its_song(folder, forge, change, message):
    row = forge(lambda rows: rows[1].update(change))[1]
    problem = check_track(folder).problems[0]
    assert re.search(message, problem)
    assert f"{SHARD}, row 1 ({row['artist']}: {row['title']}, {row['song_id']})" in problem


def test_a_song_that_stands_twice(folder, forge):
    forge(lambda rows: rows.append(rows[-1]))
    assert "the song is in the track twice" in check_track(folder).problems[0]


def test_an_artist_on_two_sides(folder, forge):
    forge(lambda rows: rows[0].update(artist_key="a", artist="A"), name="test-00000-of-00002.parquet")
    assert "the artist is also in train" in check_track(folder).problems[0]


def test_many_wrong_rows_are_counted_rather_than_listed(write_track):
    folder = write_track({"train": {"a": [" ".join(["mi"] * n) for n in range(1, 40)]}})
    for path in folder.glob("*.parquet"):
        table = pq.read_table(path)
        rows = [row | {"units": 1} for row in table.to_pylist()]
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    report = check_track(folder)
    assert report.songs == 39
    assert sum("the column units" in problem for problem in report.problems) == 20
    assert "... and 19 more wrong rows" in report.problems


def test_arrays_that_differ_from_the_shards(folder):
    load_track(folder, "train")
    path = folder / ".arrays" / "train.arrow"
    data = path.read_bytes()
    assert data.count(b"ra do\nki") == 1
    with write_checked(path) as temporary:  # with its own checksum: made wrong rather than damaged
        temporary.write_bytes(data.replace(b"ra do\nki", b"ra do\nka"))
    problem = only_problem(folder)
    row = [song.artist_key for song in load_track(folder, "train")].index("b")
    assert re.search(
        rf"arrays differ from train-0000[01]-of-00002\.parquet, row {row % 2}, in the column text", problem
    )
    path.unlink()
    assert check_track(folder).ok


def test_the_frozen_digest_is_compared(folder, tmp_path, monkeypatch):
    frozen = load_track(folder).definition.model_copy(update={"digest": "0" * 64})
    (tmp_path / "tracks").mkdir()
    (tmp_path / "tracks" / "toy.toml").write_text(frozen.to_toml())
    monkeypatch.setattr("fsdl_bench.tracks.definition.TRACK_DATA", tmp_path / "tracks")
    assert f"the frozen toy has {'0' * 64}" in only_problem(folder)
    frozen = frozen.model_copy(update={"digest": load_track(folder).digest})
    (tmp_path / "tracks" / "toy.toml").write_text(frozen.to_toml())
    report = check_track(folder)
    assert report.ok
    assert report.frozen == report.digest


def test_a_damaged_codec_is_named(folder):
    (folder / "codec.json").write_text("{")
    manifest = read_manifest(folder)
    files = manifest.files | {"codec.json": FileEntry(sha256="0" * 64, bytes=1)}
    write_manifest(folder, manifest.model_copy(update={"files": files}))
    assert f"{folder / 'codec.json'} was changed or damaged" in only_problem(folder)
    with pytest.raises(BadInput, match=r"codec\.json was changed or damaged"):
        load_track(folder, "train")


def test_a_manifest_that_is_no_manifest(folder):
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(BadInput, match=r"manifest\.json"):
        check_track(folder)
