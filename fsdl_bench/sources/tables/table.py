"""Tables: rows of csv files of any size, robust against stray quotes.

A quote that is never closed makes a csv reader silently swallow the following lines, up to the next quote or
the end of the file. So rows are read strictly (RFC 4180). Of a row that breaks the rules only the first line
is given up; reading continues with the next line. A row is broken if

1. a closing quote is followed by something other than a delimiter or a line end, or none comes at all;
2. it has not as many fields as the header;
3. a column that is declared to have no line breaks (`one_line`) has one;
4. a line inside one of its fields is a complete row: it has as many fields, with numbers and addresses in the
   columns that contain mostly those (year, id, link).

The lines after a broken row may belong to it, so the next good row must also have numbers and addresses in
these columns. Without such columns a line of a broken row can pass for a row. Lines are split as bytes and
rows are decoded one by one, so one file may mix encodings.

Files that are not RFC 4180 are read in the dialect that fits them best
(`fsdl_bench.sources.tables.dialects`): with backslash escapes, single quotes, no quotes, or spaces behind
delimiters. What may precede the column names is in `fsdl_bench.sources.tables.heads`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator, Sequence
from itertools import islice

from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.sources.common.lines import Lines
from fsdl_bench.sources.common.text import decode_text, find_encoding, listed, printable
from fsdl_bench.sources.common.tree import Tree
from fsdl_bench.sources.tables.dialects import Sample, find_dialect
from fsdl_bench.sources.tables.heads import find_start
from fsdl_bench.sources.tables.rows import Row, read_rows

UNPARSABLE = "unparsable csv row"

_NUMBER, _ADDRESS = re.compile(r"-?\d+(\.\d+)?"), re.compile(r"(/|https?:/)\S*")
_CONTROL = re.compile(r"[\x01-\x1f\x7f]")
_SAMPLE = 200
_MOSTLY = 0.6  # the sample may hold lines of broken rows
_LONG_NAME = 100  # signs of a column's name
_BREAK = re.compile(r"\n|\\n|<br", re.IGNORECASE)
_MISFIT, _FEW_LINES = 0.3, 10  # share and number of lines that cannot be read in a file that is no such table
_DOUBTS = 1000
"""So many rows in a row that only lack their numbers are rows: the columns have changed their nature."""


class Table:
    """The rows of one csv file.

    Args:
        tree: the tree of the file.
        path: the file.
        delimiter: between fields; None finds it.
        quoted: whether quotes have a meaning at all.
        encoding: of the file, if it is known. UTF-16 and UTF-32 are read only if it is given.

    Attributes:
        dialect: how the file writes a row.
        encoding: of the fields; None if each row tells.
        columns: their names.
        headless: the line of column names looks like a song.
        one_line: numbers of the columns that never hold a line break.
        numeric: numbers of the columns that mostly hold numbers or addresses.
        misfit: why the file cannot be read as this table; empty if it can.

    Raises:
        BadInput: the file is UTF-16 or binary, has no first line, or cannot be read.
    """

    def __init__(
        self,
        tree: Tree,
        path: str,
        delimiter: str | None = None,
        *,
        quoted: bool = True,
        encoding: str | None = None,
    ) -> None:
        self.path = path
        self._file = tree.root / path
        try:
            first = tree.part(path, 0, 1 << 16)
        except Rejected as error:
            raise BadInput(f"cannot read {self._file}: {error}") from None
        start = find_start(self._file, first, delimiter, encoding)
        self._form = start.form
        self.encoding = "utf-8" if start.form.wide else encoding
        sample = Sample.take(self._file, start.byte, start.line, start.form)
        trial = find_dialect(sample, start.delimiter, quoted=quoted)
        self.dialect = trial.dialect
        self.columns: list[str] = []
        self._body = (start.byte, start.line)
        header = next(self._scan(header=True), None)
        if header is None or not header.fields:
            raise BadInput(f"{self._file} has no line of column names")
        self._body = (header.start + header.size, header.line + header.lines)
        self.headless = any(len(name) > _LONG_NAME or _BREAK.search(name) for name in header.fields)
        try:
            plain = [_CONTROL.sub("", name) for name in header.fields]
            names = decode_fields(plain, range(len(plain)), self.encoding)
        except Rejected as error:
            raise BadInput(f"{self._file}: the line of column names is {error}") from None
        self.columns = ["".join(filter(str.isprintable, name)).strip() for name in names]
        self.one_line: frozenset[int] = frozenset()
        self._shapes: dict[int, re.Pattern[str]] = {}
        good = (row.fields for row in self._scan() if row.fields)
        self._shapes = _shapes(list(islice(good, _SAMPLE)))
        self.numeric = frozenset(self._shapes)
        self._lines_of_a_row = max(1.0, trial.lines / max(trial.rows, 1))
        self.misfit = ""
        if trial.first and trial.lost_lines >= max(_FEW_LINES, _MISFIT * trial.head_lines):
            share = f"{trial.lost_lines:,} of the first {trial.head_lines:,} lines cannot be read"
            self.misfit = self.complaint(share, trial.first)

    def complaint(self, share: str, first: Row) -> str:
        """Return that some lines cannot be read, the first of them, and what was expected."""
        sign = {"\t": "tabs", " ": "spaces"}.get(self.dialect.delimiter, repr(self.dialect.delimiter))
        return (
            f"{self._file}: {share}; the first is line {first.line}: {first.fault}. Expected rows of "
            f"{len(self.columns)} fields ({listed(self.columns)}) with {sign} between them and double quotes "
            "around each field that contains that sign, a quote or a line break; quotes within are doubled. "
            "Write the table so, or name its sign if it has another: --set delimiter=tab"
        )

    def rows(self) -> Iterator[Row]:
        """All rows in order; of lines that are none, one `Row` with a fault for each run of them."""
        bad: Row | None = None
        for row in self._scan():
            if row.fields is None:
                bad = bad.merged(row) if bad else row
                continue
            if bad:
                yield bad
                bad = None
            yield row
        if bad:
            yield bad

    def estimate(self, bad: Row) -> int:
        """About how many rows there are in lines that could not be read."""
        return max(1, min(bad.starts, round(bad.lines / self._lines_of_a_row)))

    def pick(self, row: Row, names: Sequence[str]) -> list[str]:
        """The decoded values of the columns called `names`.

        Raises:
            Rejected: the row is none, or a value is no text.
        """
        if row.fields is None:
            raise Rejected(UNPARSABLE, row.fault)
        return decode_fields(row.fields, [self.columns.index(name) for name in names])

    def parse(self, data: bytes) -> list[str]:
        """The raw fields of one row from its bytes.

        Raises:
            Rejected: they are not one row of this table.
        """
        try:
            rows = list(self.dialect.reader(self._form.lines(io.BytesIO(data))))
        except csv.Error:
            rows = []
        if len(rows) != 1 or len(rows[0]) != len(self.columns):
            raise Rejected("row changed since it was listed")
        return rows[0]

    def _scan(self, *, header: bool = False) -> Iterator[Row]:
        """Rows and broken lines; or the header, unchecked."""
        doubts = 0

        def fault_of(fields: list[str], taken: Collection[str]) -> str:
            nonlocal doubts
            fault = "" if header else self._fault(fields, taken)
            if fault:
                doubts = 1
            elif 0 < doubts < _DOUBTS and not self._fits(fields):
                fault, doubts = "lines of a broken row", doubts + 1
            else:
                doubts = 0
            return fault

        with self._file.open("rb") as stream:
            start, number = self._body
            stream.seek(start)
            lines = Lines(stream, start, number, self._form)
            for row in read_rows(lines, self.dialect, fault_of, len(self.columns)):
                if row.fields is None:
                    doubts = doubts or 1
                yield row

    def _fault(self, fields: list[str], taken: Collection[str]) -> str:
        if len(fields) != len(self.columns):
            return f"{len(fields)} fields, expected {len(self.columns)}"
        if any("\n" in fields[column] for column in self.one_line):
            return "a line break in a name: a quote is missing"
        if len(taken) > 1 and self._shapes and self._swallows(taken):
            return "a row within a quoted field: a quote is missing"
        return ""

    def _swallows(self, taken: Collection[str]) -> bool:
        """Whether a line after the first is a row in itself, or begins one whose last fields go on below."""
        enough = len(self.columns) - 1
        for line in islice(taken, 1, None):
            if line.count(self.dialect.delimiter) >= enough:
                try:
                    (fields,) = self.dialect.reader([line], strict=False)
                except csv.Error:
                    continue
                if len(fields) == len(self.columns) and self._fits(fields):
                    return True
        return False

    def _fits(self, fields: list[str]) -> bool:
        return all(shape.fullmatch(fields[column]) for column, shape in self._shapes.items())


def find_table(
    tree: Tree, columns: Sequence[str], what: str, delimiter: str | None = None, *, quoted: bool = True
) -> Table:
    """The first csv file under `tree` that has all `columns`.

    Raises:
        BadInput: there is none; the message lists the files and their columns.
    """
    found = []
    for path in tree.files(".csv", ".tsv"):
        try:
            table = Table(tree, path, delimiter, quoted=quoted)
        except BadInput as error:
            found.append(str(error))
            continue
        if set(columns) <= set(table.columns):
            return table
        found.append(f"{printable(path)} with the columns {listed(table.columns)}")
    raise BadInput(
        f"expected the table of {what} under {tree.root}, a csv file with the columns {', '.join(columns)}; "
        f"found {'; '.join(found) or 'no csv file'}"
    )


def decode_fields(fields: Sequence[str], wanted: Sequence[int], encoding: str | None = None) -> list[str]:
    """The texts of the fields with the numbers `wanted`, in the encoding that the whole row tells.

    Raises:
        Rejected: as `decode_text`.
    """
    raw = [fields[column] for column in wanted]
    if encoding is None and not all(map(str.isascii, raw)):
        encoding = find_encoding("\n".join(fields).encode("latin-1"))
    return [
        field if field.isascii() and field.isprintable() else decode_text(field.encode("latin-1"), encoding)
        for field in raw
    ]


def row_origin(path: str, row: Row) -> str:
    """Return the `origin` of a row: file and line."""
    return f"{printable(path)}:{row.line}"


def _shapes(rows: list[Sequence[str]]) -> dict[int, re.Pattern[str]]:
    """The columns that mostly hold numbers, or addresses."""
    found = {}
    for column, values in enumerate(zip(*rows, strict=True)):
        for shape in (_NUMBER, _ADDRESS):
            if sum(shape.fullmatch(value) is not None for value in values) >= _MOSTLY * len(values):
                found[column] = shape
    return found
