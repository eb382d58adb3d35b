"""The layout of what is passed to `build --from`."""

import pytest

from fsdl_bench.errors import BadInput
from fsdl_bench.sources.guess import guess_layout


def test_folders_and_tables(tmp_path):
    assert guess_layout(tmp_path, "lyrics") == "folder"
    table = tmp_path / "songs.csv"
    table.write_text("artist,text\n")
    assert guess_layout(table, "lyrics") == "lyrics_csv"
    assert guess_layout(tmp_path, "lyrics") == "lyrics_csv"
    assert guess_layout(tmp_path, "midi") == "folder"
    (tmp_path / "Ada").mkdir()
    (tmp_path / "Ada" / "One.txt").write_text("words")
    assert guess_layout(tmp_path, "lyrics") == "folder"


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("songs.parquet", r"pandas.read_parquet\('songs.parquet'\)"),
        ("songs.jsonl", r"pandas.read_json\('songs.jsonl', lines=True\)"),
        ("songs.JSON", "pandas.read_json"),
        ("songs.xlsx", "pandas.read_excel"),
        ("songs.csv.gz", "unpack it first"),
        ("songs.zip", "unpack it first"),
        ("song.txt", "with a song in each row"),
    ],
)
def test_files_that_cannot_be_read_are_one_sentence(tmp_path, name, advice):
    path = tmp_path / name
    path.write_bytes(b"PAR1")
    with pytest.raises(BadInput, match=advice) as caught:
        guess_layout(path, "lyrics")
    assert "\n" not in str(caught.value)


def test_a_file_of_midi_is_no_folder(tmp_path):
    path = tmp_path / "one.mid"
    path.write_bytes(b"MThd")
    with pytest.raises(BadInput, match="found a file"):
        guess_layout(path, "midi")
