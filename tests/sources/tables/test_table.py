"""Rows of csv files: the same as other readers on good files, and one row lost to one stray quote."""

import io
import random

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.sources.common.tree import Tree
from fsdl_bench.sources.tables import table as module
from fsdl_bench.sources.tables.table import Table, decode_fields, find_table

FIELD = st.text(st.sampled_from('ab ,";\n\té七"'), max_size=12)


def _fields(table):
    rows = list(table.rows())
    assert all(row.fields is not None for row in rows), [row.fault for row in rows if row.fields is None]
    return [decode_fields(row.fields, range(len(row.fields))) for row in rows]


@settings(max_examples=60)
@given(rows=st.lists(st.lists(FIELD, min_size=3, max_size=3), max_size=8), delimiter=st.sampled_from(",;\t|"))
def test_well_formed_tables_are_read_as_pandas_reads_them(tmp_path_factory, rows, delimiter, csv_bytes):
    folder = tmp_path_factory.mktemp("t")
    (folder / "t.csv").write_bytes(csv_bytes([["x", "y", "z"], *rows], delimiter=delimiter))
    table = Table(Tree(folder), "t.csv")
    frame = pd.read_csv(
        folder / "t.csv", sep=delimiter, dtype=str, keep_default_na=False, skip_blank_lines=False
    )
    assert table.columns == ["x", "y", "z"]
    assert _fields(table) == frame.to_numpy().tolist() == rows


@settings(max_examples=40)
@given(rows=st.lists(st.lists(FIELD, min_size=2, max_size=2), min_size=1, max_size=6))
def test_every_row_can_be_parsed_from_its_own_bytes(tmp_path_factory, rows, csv_bytes):
    folder = tmp_path_factory.mktemp("t")
    data = csv_bytes([["x", "y"], *rows])
    (folder / "t.csv").write_bytes(data)
    table = Table(Tree(folder), "t.csv", ",")
    listed = list(table.rows())
    for row, fields in zip(listed, rows, strict=True):
        own = data[row.start : row.start + row.size]
        assert decode_fields(table.parse(own), [0, 1]) == fields
        assert row.line == data[: row.start].count(b"\n") + 1
    assert sum(row.size for row in listed) == len(data) - len(b"x,y\r\n")


LYRICS = "\n".join(f'Hey, hey, hey "{line}"' for line in range(6))


@pytest.fixture
def songs(tmp_path, csv_bytes):
    """200 rows of artist,song,link,text; their lyrics have lines with as many commas as columns."""
    rows = [[f"Artist {n % 5}", f"Song {n}", f"/a/song{n}.html", f"{LYRICS} of {n}"] for n in range(200)]
    header = ["artist", "song", "link", "text"]

    def table(change):
        lines = csv_bytes([header, *rows], lineterminator="\n").split(b"\n")
        starts = [number for number, line in enumerate(lines) if line.startswith(b"Artist")]
        (tmp_path / "t.csv").write_bytes(b"\n".join(change(lines, starts)))
        result = Table(Tree(tmp_path), "t.csv")
        result.one_line = frozenset([0, 1])
        return result

    table.rows = rows
    return table


@pytest.mark.parametrize("which", [0, 1, 100, 198, 199])
@pytest.mark.parametrize("column", [0, 1, 2, 3])
def test_a_stray_quote_costs_its_own_row_only(songs, which, column):
    def change(lines, starts):
        parts = lines[starts[which]].split(b",", 3)
        parts[column] = b'"' + parts[column]
        lines[starts[which]] = b",".join(parts)
        return lines

    rows = list(songs(change).rows())
    good = [list(row.fields) for row in rows if row.fields is not None]
    assert good == [row for number, row in enumerate(songs.rows) if number != which]
    (bad,) = [row for row in rows if row.fields is None]
    assert bad.line == 2 + 6 * which
    assert "5 more lines" in bad.fault


def test_a_row_cut_in_the_middle(songs):
    def change(lines, starts):
        del lines[starts[50] + 2 : starts[51]]
        return lines

    rows = list(songs(change).rows())
    good = [list(row.fields) for row in rows if row.fields is not None]
    assert good == [row for number, row in enumerate(songs.rows) if number != 50]


def test_a_file_that_ends_in_the_middle_of_a_row(songs):
    rows = list(songs(lambda lines, starts: lines[: starts[199] + 3]).rows())
    assert [list(row.fields) for row in rows if row.fields is not None] == songs.rows[:199]
    assert "unexpected end of data" in rows[-1].fault


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32), insert=st.booleans())
def test_one_quote_too_many_or_too_few_anywhere_costs_one_row(tmp_path_factory, seed, insert, csv_bytes):
    """All other rows come out whole, wherever the quote is and whatever the lyrics look like."""
    rng = random.Random(seed)
    lines = ('Hey, hey, hey, "you"', "la la la", '"Quoted line"', 'she said "no", he left', "a,b,c,d", "")
    rows = []
    for number in range(60):
        title = rng.choice([f"Song {number}", f'Song "{number}"', f"So, {number}"])
        text = "\n".join(rng.choices(lines, k=rng.randint(1, 8)))
        rows.append((f"Artist {number % 5}", title, f"/a/{number}.html", text))
    data = csv_bytes([("artist", "song", "link", "text"), *rows], lineterminator="\n")
    start = data.index(b"\n") + 1
    if insert:
        where = rng.randrange(start, len(data))
        data = data[:where] + b'"' + data[where:]
    else:
        where = rng.choice([place for place in range(start, len(data)) if data[place] == ord('"')])
        data = data[:where] + data[where + 1 :]
    folder = tmp_path_factory.mktemp("t")
    (folder / "t.csv").write_bytes(data)
    table = Table(Tree(folder), "t.csv")
    table.one_line = frozenset([0, 1])
    read = {tuple(row.fields) for row in table.rows() if row.fields is not None}
    assert len(set(rows) - read) <= 1


PLAIN = [b"artist,song,link,text"] + [b"A%d,S%d,/a/%d,la la %d" % (n, n, n, n) for n in range(50)]


def _table(folder, lines, **options):
    (folder / "t.csv").write_bytes(b"\n".join(lines) + b"\n")
    return Table(Tree(folder), "t.csv", **options)


def test_two_quotes_that_make_one_valid_field_of_four_rows_are_told(tmp_path):
    """Any csv reader takes these four lines for one row with a long text."""
    lines = list(PLAIN)
    lines[11] = b'A10,S10,/a/10,"la la 10'
    lines[14] = b'A13,S13,/a/13,la la 13"'
    assert len(pd.read_csv(io.BytesIO(b"\n".join(lines)))) == 47  # three songs gone without a word
    rows = list(_table(tmp_path, lines).rows())
    assert [row.line for row in rows if row.fields is None] == [12]
    assert len(rows) == 50


def test_line_break_in_a_name_is_told(tmp_path):
    lines = list(PLAIN)
    lines[11] = b'"A10,S10,/a/10,la la 10'
    lines[14] = b'A13",S13,/a/13,la la 13'
    table = _table(tmp_path, lines)
    table.one_line = frozenset([0, 1])
    faults = [row for row in table.rows() if row.fields is None]
    assert [row.line for row in faults] == [12]
    assert "line break" in faults[0].fault


def test_quote_that_never_closes_in_a_file_without_quotes(tmp_path):
    lines = list(PLAIN)
    lines[11] = b'"A10,S10,/a/10,la la 10'
    rows = list(_table(tmp_path, lines).rows())
    assert [row.line for row in rows if row.fields is None] == [12]
    assert len(rows) == 50


def test_how_far_a_quote_is_followed_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("fsdl_bench.sources.common.lines.MAX_ROW", 200)
    lines = list(PLAIN)
    lines[11] = b'"A10,S10,/a/10,la la 10'
    rows = list(_table(tmp_path, lines).rows())
    assert len(rows) == 50
    assert next(row.fault for row in rows if row.fields is None) == "no end within 200 bytes"


def test_line_longer_than_any_row(tmp_path, monkeypatch):
    monkeypatch.setattr("fsdl_bench.sources.common.lines.MAX_ROW", 200)
    lines = list(PLAIN)
    lines[11] = b"A,B,/c," + b"x" * 5000
    rows = list(_table(tmp_path, lines).rows())
    assert sum(row.fields is not None for row in rows) == 49
    assert sum(row.fields is None for row in rows) == 1


def test_columns_that_change_their_nature_do_not_stop_the_reading(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_DOUBTS", 10)
    first = [line for _ in range(5) for line in PLAIN[1:]]
    lines = [PLAIN[0], *first, *[b"A%d,S%d,(no link),la" % (n, n) for n in range(300)]]
    lines[260] = b'"broken'
    assert sum(row.fields is not None for row in _table(tmp_path, lines).rows()) == 250 + 300 - 1 - 9


def test_wrong_number_of_fields(tmp_path):
    lines = list(PLAIN)
    lines[5] = b"A4,S4"
    lines[9] = b"A8,S8,/a/8,la,la,la"
    rows = list(_table(tmp_path, lines).rows())
    assert [(row.line, row.fault) for row in rows if row.fields is None] == [
        (6, "2 fields, expected 4"),
        (10, "6 fields, expected 4"),
    ]


def test_without_quoting_a_quote_is_a_quote(tmp_path):
    table = _table(tmp_path, [b"a\tb", b'7" mix\t"x', b"1\t2"], quoted=False)
    assert _fields(table) == [['7" mix', '"x'], ["1", "2"]]


def test_mark_empty_lines_and_mixed_encodings(tmp_path):
    lines = [
        b"\xef\xbb\xbfartist;text",
        b"",
        "Beyoncé;voilà".encode(),
        b"",
        "Beyoncé;voilà".encode("cp1252"),
        b"",
    ]
    table = _table(tmp_path, lines)
    assert table.columns == ["artist", "text"]
    assert _fields(table) == [["Beyoncé", "voilà"]] * 2


def test_what_is_no_table(tmp_path):
    with pytest.raises(BadInput, match="UTF-16; save it as UTF-8"):
        _table(tmp_path, ["a,b".encode("utf-16")])
    (tmp_path / "t.csv").write_bytes(b"")
    with pytest.raises(BadInput, match="no line of column names"):
        Table(Tree(tmp_path), "t.csv")
    with pytest.raises(BadInput, match=r"cannot read .*No such file"):
        Table(Tree(tmp_path), "gone.csv")


def test_row_that_changed_since_it_was_listed(tmp_path):
    table = _table(tmp_path, PLAIN)
    for data in (b"a,b\n", b'"a,b,c,d\n', b"a,b,c,d\na,b,c,d\n", b""):
        with pytest.raises(Rejected, match="row changed"):
            table.parse(data)


def test_find_table_lists_what_it_found(tmp_path):
    _table(tmp_path, PLAIN)
    assert find_table(Tree(tmp_path), ["song", "text"], "songs").path == "t.csv"
    with pytest.raises(
        BadInput,
        match=r"table of MAESTRO .* columns midi_filename; found t.csv with the columns artist, song",
    ):
        find_table(Tree(tmp_path), ["midi_filename"], "MAESTRO")
