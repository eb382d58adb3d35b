"""What comes before the column names of a csv file, and files that are no csv."""

import bz2
import gzip
import io
import json
import lzma
import pickle
import sqlite3
import zipfile

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from fsdl_bench.errors import BadInput
from fsdl_bench.sources.common.tree import Tree
from fsdl_bench.sources.tables.table import Table

TABLE = "artist,song,lyrics\nA,B,la la\nC,D,lo lo\n"
RECORDS = [{"artist": "A", "song": "B", "lyrics": "la"}] * 2


@pytest.fixture
def table(tmp_path):
    def run(data, name="t.csv", **options):
        (tmp_path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
        return Table(Tree(tmp_path), name, **options)

    return run


@pytest.mark.parametrize(
    "before",
    [
        "sep=,\n",
        '"sep=,"\r\n',
        "\ufeffsep=,\n",
        "\ufeff\ufeff",
        "# exported 2024-01-01\n",
        "# exported\n#\n\n# by me, today\n",
        "\n",
    ],
)
def test_lines_and_marks_before_the_column_names_are_skipped(table, before):
    found = table(before + TABLE)
    assert found.columns == ["artist", "song", "lyrics"]
    rows = list(found.rows())
    assert [list(row.fields) for row in rows] == [["A", "B", "la la"], ["C", "D", "lo lo"]]
    assert rows[0].line == before.count("\n") + 2


def test_the_separator_line_decides(table):
    assert table("sep=;\nartist;song, a, b, c\nA;B, 1, 2, 3\n").columns == ["artist", "song, a, b, c"]


def test_a_column_may_be_called_number_sign(table):
    assert table('#,artist,lyrics\n1,A,"la, la"\n').columns == ["#", "artist", "lyrics"]


def test_utf_16_is_told_with_and_without_a_mark(table):
    with pytest.raises(BadInput, match=r"t.csv is UTF-16; .* pass --set encoding=utf-16"):
        table(TABLE.encode("utf-16"))
    with pytest.raises(BadInput, match=r"t.csv looks like UTF-16; .* pass --set encoding=utf-16"):
        table(TABLE.encode("utf-16-be"))
    with pytest.raises(BadInput, match="is not UTF-16, as the option encoding says"):
        table(TABLE, encoding="utf-16")


def _zipped(name):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, TABLE)
    return buffer.getvalue()


def _parquet(write):
    buffer = io.BytesIO()
    write(pa.Table.from_pylist(RECORDS), buffer)
    return buffer.getvalue()


def _sqlite():
    with sqlite3.connect(":memory:") as database:
        database.execute("create table songs (artist, lyrics)")
        return database.serialize()


FORMATS = [
    (gzip.compress(TABLE.encode()), "packed with gzip"),
    (bz2.compress(TABLE.encode()), "packed with bzip2"),
    (lzma.compress(TABLE.encode()), "packed with xz"),
    (_zipped("songs.csv"), "a zip archive"),
    (_zipped("xl/workbook.xml"), r"an Excel file, .*pandas.read_excel"),
    (_parquet(pyarrow.parquet.write_table), r"a Parquet file, .*pandas.read_parquet\('t.csv'\)"),
    (_parquet(pyarrow.feather.write_feather), "an Arrow file"),
    (_sqlite(), "an SQLite database"),
    (pickle.dumps(RECORDS), "a pickle file"),
    (json.dumps(RECORDS).encode(), r"JSON, .*pandas.read_json\('t.csv'\)"),
    (json.dumps(RECORDS[0]).encode() + b"\n" + json.dumps(RECORDS[1]).encode(), "JSON lines.*lines=True"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0\1" * 300, "an old Office file, such as .xls"),
    (b"\n<!DOCTYPE html>\n<html><table></table></html>", "a page of HTML"),
]


@pytest.mark.parametrize(("data", "what"), FORMATS, ids=[what[:12] for _, what in FORMATS])
def test_other_formats_are_named(table, data, what):
    with pytest.raises(BadInput, match=f"t.csv is {what}"):
        table(data)


@pytest.mark.parametrize("first", ['"{""a""}",x', "[artist],[song]", "<artist>,<song>", "PAR1,x", "BZh,x"])
def test_odd_column_names_are_no_other_format(table, first):
    assert len(table(f"{first}\n1,2\n").columns) == 2
