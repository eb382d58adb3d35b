"""The layout of what is passed to `build --from`."""

import pytest

from fsdl_bench.errors import BadInput
from fsdl_bench.sources.common.guess import guess_layout


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


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("one.mid", r"pass the folder that contains the artists' folders. Music is read from .mid .* .abc"),
        ("songs.zip", "a packed .zip file; unpack it first. Music is read from .mid"),
        ("songs.csv", "for texts, use --kind lyrics"),
        ("song.mp3", "audio cannot be read"),
        ("song.mscz", "export it as MIDI or MusicXML"),
    ],
)
def test_a_file_of_music_is_no_folder(tmp_path, name, advice):
    path = tmp_path / name
    path.write_bytes(b"MThd")
    with pytest.raises(BadInput, match=f"expected a folder .* found .*{advice}"):
        guess_layout(path, "midi")


@pytest.mark.parametrize(
    "beside", ["README.txt", "LICENSE.txt", "requirements.txt", "notes.txt", "docs/a.txt"]
)
def test_documents_beside_a_table_are_no_texts(tmp_path, beside):
    for name in ("songs.csv", "README.md", ".git/description.txt", beside):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("artist,text\n")
    assert guess_layout(tmp_path, "lyrics") == "lyrics_csv"


def test_an_option_that_only_one_layout_takes_decides(tmp_path):
    (tmp_path / "index.csv").write_text("artist,text\n")
    (tmp_path / "Ada - One.txt").write_text("words")
    assert guess_layout(tmp_path, "lyrics", ["licence"]) == "lyrics_csv"
    assert guess_layout(tmp_path, "lyrics", ["pattern"]) == "folder"
    (tmp_path / "Ada").mkdir()
    (tmp_path / "Ada" / "One.txt").write_text("words")
    assert guess_layout(tmp_path, "lyrics", ["encoding"]) == "folder"
    assert guess_layout(tmp_path, "lyrics", ["artist_column"]) == "lyrics_csv"
