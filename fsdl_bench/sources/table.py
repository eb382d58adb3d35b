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

A file that writes a quote within a field as backslash and quote is read so, if more of its first rows can be
read in this way.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.sources.lines import MAX_ROW, Lines, RowTooLong
from fsdl_bench.sources.text import decode_text, find_encoding, printable
from fsdl_bench.sources.tree import Tree

_NUMBER, _ADDRESS = re.compile(r"-?\d+(\.\d+)?"), re.compile(r"(/|https?:/)\S*")
_CONTROL = re.compile(r"[\x01-\x1f\x7f]")
_SAMPLE = 200
_MOSTLY = 0.6  # the sample may hold lines of broken rows
_DOUBTS = 1000
"""So many rows in a row that only lack their numbers are rows: the columns have changed their nature."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row, or lines that are none.

    Attributes:
        line: number of its first line, from 1.
        start: first byte.
        size: bytes.
        fields: raw fields (bytes as Latin-1; see `decode_fields`); None for lines that could not be read.
        fault: why they could not be.
    """

    line: int
    start: int
    size: int
    fields: Sequence[str] | None
    fault: str = ""


class Table:
    """The rows of one csv file.

    Args:
        tree: the tree of the file.
        path: the file.
        delimiter: between fields; None takes the one of `, ; tab |` that the first line has most of.
        quoted: whether quotes have a meaning at all.

    Attributes:
        escaped: whether a backslash protects the sign behind it.
        columns: their names.
        one_line: numbers of the columns that never hold a line break.

    Raises:
        BadInput: the file is UTF-16 or binary, has no first line, or cannot be read.
    """

    def __init__(self, tree: Tree, path: str, delimiter: str | None = None, *, quoted: bool = True) -> None:
        self.path = path
        self._file = tree.root / path
        try:
            first = tree.part(path, 0, 1 << 16)
        except Rejected as error:
            raise BadInput(f"cannot read {self._file}: {error}") from None
        if first[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise BadInput(f"{self._file} is UTF-16; save it as UTF-8 (in a spreadsheet: 'CSV UTF-8')")
        self._mark = 3 if first.startswith(b"\xef\xbb\xbf") else 0
        line = first[self._mark :].partition(b"\n")[0].decode("latin-1")
        self.delimiter = delimiter or max(",;\t|", key=line.count)
        self.quoted, self.escaped = quoted, False
        header = next(self._scan(header=True), None)
        if header is None or not header.fields:
            raise BadInput(f"{self._file} has no line of column names")
        self._body = (header.start + header.size, header.line + 1)
        try:
            plain = [_CONTROL.sub("", name) for name in header.fields]
            names = decode_fields(plain, range(len(plain)))
        except Rejected as error:
            raise BadInput(f"{self._file}: the line of column names is {error}") from None
        self.columns = ["".join(filter(str.isprintable, name)).strip() for name in names]
        self.one_line: frozenset[int] = frozenset()
        self._shapes: dict[int, re.Pattern[str]] = {}
        if quoted and b'\\"' in first:
            without = self._readable()
            self.escaped = True
            self.escaped = self._readable() > without
        good = (row.fields for row in self._scan() if row.fields)
        self._shapes = _shapes(list(islice(good, _SAMPLE)))

    def rows(self) -> Iterator[Row]:
        """All rows in order; of lines that are none, one `Row` with a fault for each run of them."""
        bad: Row | None = None
        for row in self._scan():
            if row.fields is None:
                bad = _merged(bad, row) if bad else row
                continue
            if bad:
                yield bad
                bad = None
            yield row
        if bad:
            yield bad

    def pick(self, row: Row, names: Sequence[str]) -> list[str]:
        """The decoded values of the columns called `names`.

        Raises:
            Rejected: the row is none, or a value is no text.
        """
        if row.fields is None:
            raise Rejected("unparsable csv row", row.fault)
        return decode_fields(row.fields, [self.columns.index(name) for name in names])

    def parse(self, data: bytes) -> list[str]:
        """The raw fields of one row from its bytes.

        Raises:
            Rejected: they are not one row of this table.
        """
        try:
            rows = list(self._reader(line.decode("latin-1") for line in io.BytesIO(data)))
        except csv.Error:
            rows = []
        if len(rows) != 1 or len(rows[0]) != len(self.columns):
            raise Rejected("row changed since it was listed")
        return rows[0]

    def _readable(self) -> float:
        """Return the share of rows among the first rows and lines that are none."""
        rows = [row.fields is not None for row in islice(self._scan(), _SAMPLE)]
        return sum(rows) / max(len(rows), 1)

    def _reader(self, lines: Iterable[str], *, strict: bool = True) -> Iterator[list[str]]:
        csv.field_size_limit(MAX_ROW)  # the module's own limit is shorter than a long text
        if self.quoted:
            escape = "\\" if self.escaped else None
            return csv.reader(lines, delimiter=self.delimiter, escapechar=escape, strict=strict)
        return csv.reader(lines, delimiter=self.delimiter, quoting=csv.QUOTE_NONE, strict=True)

    def _scan(self, *, header: bool = False) -> Iterator[Row]:
        """Rows and broken lines; or the header, unchecked."""
        with self._file.open("rb") as stream:
            start, number = (self._mark, 1) if header else self._body
            stream.seek(start)
            lines = Lines(stream, start, number)
            reader, doubts = self._reader(lines), 0
            while True:
                fields: list[str] = []
                try:
                    fields = next(reader)
                    if not fields and len(lines.taken) == 1:  # an empty line
                        lines.commit(1)
                        continue
                    fault = "" if header else self._fault(fields, lines.taken)
                except StopIteration:
                    return
                except (csv.Error, RowTooLong) as error:
                    fault = str(error)
                if fault:
                    doubts = 1
                elif 0 < doubts < _DOUBTS and not self._fits(fields):
                    fault, doubts = "lines of a broken row", doubts + 1
                if fault:
                    reader = self._reader(lines)
                    yield Row(*lines.commit(1), None, fault)
                else:
                    doubts = 0
                    yield Row(*lines.commit(len(lines.taken)), fields)

    def _fault(self, fields: list[str], taken: Collection[bytes]) -> str:
        if len(fields) != len(self.columns):
            return f"{len(fields)} fields, expected {len(self.columns)}"
        if any("\n" in fields[column] for column in self.one_line):
            return "a line break in a name: a quote is missing"
        if len(taken) > 1 and self._shapes and self._swallows(taken):
            return "a row within a quoted field: a quote is missing"
        return ""

    def _swallows(self, taken: Collection[bytes]) -> bool:
        """Whether a line after the first is a row in itself, or begins one whose last fields go on below."""
        delimiter, enough = self.delimiter.encode(), len(self.columns) - 1
        for line in islice(taken, 1, None):
            if line.count(delimiter) >= enough:
                try:
                    (fields,) = self._reader([line.decode("latin-1")], strict=False)
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
        found.append(f"{printable(path)} with the columns {', '.join(table.columns)}")
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
    """What `origin` says of a row: file and line."""
    return f"{printable(path)}:{row.line}"


def _shapes(rows: list[Sequence[str]]) -> dict[int, re.Pattern[str]]:
    """The columns that mostly hold numbers, or addresses."""
    found = {}
    for column, values in enumerate(zip(*rows, strict=True)):
        for shape in (_NUMBER, _ADDRESS):
            if sum(shape.fullmatch(value) is not None for value in values) >= _MOSTLY * len(values):
                found[column] = shape
    return found


def _merged(first: Row, more: Row) -> Row:
    fault = first.fault.partition(", with ")[0]
    lines = more.line - first.line
    return Row(
        first.line,
        first.start,
        more.start + more.size - first.start,
        None,
        f"{fault}, with {lines} more line{'s' if lines > 1 else ''}",
    )
