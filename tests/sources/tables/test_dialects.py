"""The dialect of a csv file is found by trial: the same rows come out however they were written."""

import csv
import io

import pytest

from fsdl_bench.sources.common.tree import Tree
from fsdl_bench.sources.tables import dialects
from fsdl_bench.sources.tables.table import Table, decode_fields

HEADER = ["artist", "song", "lyrics"]
VERSE = "rain, rain go away\nI'm by the window\n\ncome again; another day"


def _rows(text=VERSE, count=40):
    return [[f"Artist {n % 4}", f"Song {n}", f"{text} {n}"] for n in range(count)]


def _written(rows, **options):
    buffer = io.StringIO(newline="")
    csv.writer(buffer, **({"lineterminator": "\n"} | options)).writerows([HEADER, *rows])
    return buffer.getvalue()


def _lines(rows, delimiter):
    return "".join(f"{delimiter.join(row)}\n" for row in [HEADER, *rows])


@pytest.fixture
def read(tmp_path):
    def run(data, **options):
        (tmp_path / "t.csv").write_bytes(data if isinstance(data, bytes) else data.encode())
        table = Table(Tree(tmp_path), "t.csv", **options)
        rows = list(table.rows())
        assert [row.fault for row in rows if row.fields is None] == []
        for row in rows:
            span = (tmp_path / "t.csv").read_bytes()[row.start : row.start + row.size]
            assert table.parse(span) == list(row.fields)
        return [decode_fields(row.fields, range(3), table.encoding) for row in rows]

    return run


QUOTED = f'she said "hello", then "bye"\n{VERSE}'
WAYS = {
    "backslash": {"doublequote": False, "escapechar": "\\"},
    "all backslash": {"doublequote": False, "escapechar": "\\", "quoting": csv.QUOTE_ALL},
    "no quotes": {"quoting": csv.QUOTE_NONE, "escapechar": "\\"},
    "single": {"quotechar": "'"},
    "all single": {"quotechar": "'", "quoting": csv.QUOTE_ALL},
    "doubled": {},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("delimiter", [",", "\t"])
@pytest.mark.parametrize("text", [VERSE, QUOTED, "one line, it's short"])
def test_rows_are_the_same_in_every_dialect(read, way, delimiter, text):
    rows = _rows(text)
    assert read(_written(rows, delimiter=delimiter, **WAYS[way])) == rows


def test_line_ends_behind_a_backslash(read):
    rows = _rows()
    data = _lines([[*row[:2], row[2].replace("\n", "\\\n")] for row in rows], "\t")
    assert read(data) == rows
    assert read(data.replace("\n", "\r\n")) == rows


def test_a_backslash_before_a_letter_stays(read):
    data = "artist,song,lyrics\n" + 'A,S,"one\\ntwo \\"hi\\", \\\\o/\\tend"\n' * 3
    assert read(data) == [["A", "S", 'one\\ntwo "hi", \\o/\\tend']] * 3


def test_escapes_that_begin_late_in_a_large_file(read, monkeypatch):
    monkeypatch.setattr(dialects, "_HEAD", 2000)
    rows = _rows(count=200) + _rows(QUOTED, count=200)
    assert read(_written(rows, doublequote=False, escapechar="\\", quoting=csv.QUOTE_ALL)) == rows


def test_spaces_behind_the_delimiter(read):
    rows = _rows()
    data = "artist, song, lyrics\n" + "".join(f'{a}, "{b}", "{c}"\n' for a, b, c in rows)
    assert read(data) == rows


@pytest.mark.parametrize("start", ['"Hello" she said', "'Cause I know"])
def test_tabs_without_quoting(read, start):
    rows = [[a, f'"{b}" live', start if n % 3 else "la"] for n, (a, b, _) in enumerate(_rows())]
    assert read(_lines(rows, "\t")) == rows


def test_the_delimiter_that_fits_the_rows_not_only_the_header(read):
    rows = [[f"A{n}", f"S {n}", "x, y"] for n in range(20)]
    data = _written(rows, delimiter=";").replace("lyrics", "lyrics, as, sung, live", 1)
    assert read(data) == rows


BACKSLASHES = ["C:\\", '\\o/ he said, "hi"', '["she said \\"hi\\"", "it\\\'s"]', ' "quoted"', "'a' 'b'"]


@pytest.mark.parametrize("text", BACKSLASHES)
@pytest.mark.parametrize("options", [{}, {"quoting": csv.QUOTE_ALL}])
def test_signs_of_other_dialects_within_texts_mean_nothing(read, text, options):
    rows = [[*row[:2], text if n % 3 else row[2]] for n, row in enumerate(_rows())]
    assert read(_written(rows, **options)) == rows


def test_old_mac_line_ends(read):
    rows = _rows()
    assert read(_written(rows).replace("\n", "\r")) == rows


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r"])
def test_wide_encodings_if_they_are_named(read, codec, end):
    rows = _rows("ça va \u010a \u2028 北京\nencore")
    assert read(_written(rows).replace("\n", end).encode(codec), encoding=codec) == rows
