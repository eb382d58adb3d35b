r"""Find the dialect of a csv file by trial.

The file is read in each dialect that its signs suggest: the first megabyte, and pieces spread over the rest.
A dialect loses the bytes of the lines that are no rows, and of rows whose fields still hold signs of another
dialect: a field in quotes behind a space, a backslash before a quote or a line end.

RFC 4180 (quotes are doubled) is kept unless another dialect loses at most half as much. A few damaged rows
can look like another dialect. So three rows have to speak for it; one is enough for backslash escapes, which
read all files of RFC 4180 that have no backslash, and for tab-separated files without quoting, where a
quote is a sign like any other.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from fsdl_bench.sources.common.lines import LineForm, Lines
from fsdl_bench.sources.tables.rows import Dialect, Row, read_rows

DELIMITERS = ",;\t|^~"

_HEAD = 2**20
_PIECES, _PIECE = 32, 2**14
_EVIDENCE = 3  # rows that must speak for another dialect
_HABIT = 0.5  # share of rows with fields in quotes of another kind that means something
_PROSE = ",;|"  # delimiters that texts have too
_SPACED = re.compile(r' +".*"\s*', re.DOTALL)
_ESCAPED = {'"': re.compile(r'\\(?:"|\r?\n)'), "'": re.compile(r"\\(?:'|\r?\n)")}


@dataclass(frozen=True)
class Sample:
    """Parts of a file, each from the beginning of a line.

    Attributes:
        head: the first megabyte, from the line of column names.
        pieces: parts of the rest.
        cut: whether the head does not reach the end of the file.
        line: number of the head's first line.
    """

    head: bytes
    pieces: Sequence[bytes]
    cut: bool
    line: int
    form: LineForm

    @classmethod
    def take(cls, file: Path, start: int, line: int, form: LineForm) -> Sample:
        """Return the parts of a file whose column names begin at byte `start`, in line `line`."""
        with file.open("rb") as stream:
            stream.seek(start)
            head = stream.read(_HEAD)
            rest = max(0, file.stat().st_size - start - len(head))
            pieces = []
            for number in range(_PIECES if rest else 0):
                stream.seek(start + len(head) + rest * number // _PIECES // 4 * 4)
                lines = form.lines(io.BytesIO(stream.read(_PIECE)))
                next(lines, None)  # the rest of a line
                pieces.append("".join(lines).encode("latin-1"))
        return cls(head, pieces, rest > 0, line, form)


@dataclass
class Trial:
    """The reading of a sample in one dialect.

    Attributes:
        rows: number of good rows.
        lines: number of lines in good rows.
        lost_lines: number of lines that are no rows, in the head.
        head_lines: number of all lines of the head.
        broken: number of rows that are broken, as far as can be told.
        lost: bytes of broken lines, and of rows that hold signs of another dialect.
        first: the first line of the head that is no row.
        width: number of columns.
        odd: number of rows that hold signs of another dialect.
        wrapped: number of rows with fields in quotes of another kind. Only many of them mean something.
        wrapped_bytes: their bytes.
    """

    dialect: Dialect
    rows: int = 0
    lines: int = 0
    lost_lines: int = 0
    head_lines: int = 0
    broken: int = 0
    lost: int = 0
    first: Row | None = None
    width: int = 0
    odd: int = 0
    wrapped: int = 0
    wrapped_bytes: int = 0

    @property
    def evidence(self) -> int:
        """The number of rows that speak against the dialect."""
        return self.broken + self.odd


def find_dialect(sample: Sample, delimiter: str | None, *, quoted: bool = True) -> Trial:
    """Return the dialect that loses the least of a sample.

    Args:
        sample: of the file.
        delimiter: None takes one that the first line has.
        quoted: False for a file in which quotes have no meaning.
    """
    head = next(sample.form.lines(io.BytesIO(sample.head)), "")
    there = sorted(filter(head.count, DELIMITERS), key=head.count, reverse=True)
    candidates = [delimiter] if delimiter else there or [","]
    plain = []
    for sign in candidates:
        trial = _try(sample, Dialect(sign, '"' if quoted else ""))
        if not quoted or not trial.evidence:
            return trial
        plain.append(trial)
    best = usual = plain[0]
    for trial in plain[1:]:
        best = _better(best, trial)
    whole = "".join(sample.form.lines(io.BytesIO(sample.head)))
    whole += b"\n".join(sample.pieces).decode("latin-1")
    for sign in candidates:
        for dialect in _suggested(whole, sign):
            best = _better(best, _try(sample, dialect))
    enough = best.lost <= usual.lost / 2 and usual.evidence - best.evidence >= _needed(best.dialect)
    return best if enough else min(plain, key=lambda trial: trial.lost)


def _better(one: Trial, other: Trial) -> Trial:
    return other if other.lost < one.lost else one


def _needed(dialect: Dialect) -> int:
    escapes = dialect.quote == '"' and dialect.escaped and not dialect.spaced
    bare = not dialect.quote and dialect.delimiter not in _PROSE
    return 1 if escapes or bare else _EVIDENCE


def _suggested(text: str, delimiter: str) -> Iterator[Dialect]:
    """Yield the dialects beside RFC 4180 that a text has signs of, the most usual first."""
    sign = re.escape(delimiter)
    escapes = [False, True] if "\\" in text else [False]
    spaces = [False, True] if re.search(rf"""{sign} +["']""", text) else [False]
    quotes = ['"', ""]
    if re.search(rf"(?:^|{sign}) *'", text, re.MULTILINE):
        quotes.append("'")
    for spaced in spaces:
        for quote in quotes:
            for escaped in escapes:
                if (quote, escaped, spaced) != ('"', False, False) and (quote or not spaced):
                    yield Dialect(delimiter, quote, escaped, spaced)


def _try(sample: Sample, dialect: Dialect) -> Trial:
    trial = Trial(dialect)
    lines = Lines(io.BytesIO(sample.head), 0, sample.line, sample.form)
    header = next(read_rows(lines, dialect, lambda *_: "", 0), None)
    if header is None or not header.fields:
        trial.broken, trial.lost = 1, len(sample.head)
        return trial
    trial.width = len(header.fields)
    body = io.BytesIO(sample.head)
    body.seek(header.size)
    rows = list(_rows(body, header.line + header.lines, sample.form, trial))
    while sample.cut and rows and rows[-1].fields is None:  # perhaps a row that the sample's end cuts
        rows.pop()
    trial.head_lines = sum(row.lines for row in rows)
    trial.first = next((row for row in rows if row.fields is None), None)
    trial.lost_lines = sum(row.fields is None for row in rows)
    _count(rows, trial)
    for piece in sample.pieces:
        _count(_whole(list(_rows(io.BytesIO(piece), 1, LineForm(), trial))), trial)
    if trial.wrapped > _HABIT * trial.rows:
        trial.odd += trial.wrapped
        trial.lost += trial.wrapped_bytes
    return trial


def _rows(stream: io.BytesIO, number: int, form: LineForm, trial: Trial) -> Iterator[Row]:
    """Yield the rows of a part of the sample, those that are none with their fault."""

    def fault(fields: list[str], taken: Collection[str]) -> str:
        if len(fields) != trial.width:
            return f"{len(fields)} fields, expected {trial.width}"
        sign = trial.dialect.delimiter
        if trial.width == 2 or sign in _PROSE:
            return ""
        inside = (line.count(sign) for line in islice(taken, 1, None))
        return "a row within a quoted field" if max(inside, default=0) >= trial.width - 1 > 0 else ""

    yield from read_rows(Lines(stream, stream.tell(), number, form), trial.dialect, fault, trial.width)


def _whole(rows: list[Row]) -> list[Row]:
    """Return the rows of a piece without those that its ends have cut."""
    good = [number for number, row in enumerate(rows) if row.fields is not None]
    return rows[good[0] : good[-1] + 1] if good else rows


def _count(rows: list[Row], trial: Trial) -> None:
    runs = starts = 0
    within = False
    for row in rows:
        if row.fields is None:
            runs, starts = runs + (not within), starts + row.starts
            trial.lost += row.size
        else:
            trial.rows += 1
            trial.lines += row.lines
            if _is_odd(row.fields, trial.dialect):
                trial.odd += 1
                trial.lost += row.size
            elif _is_wrapped(row.fields, trial.dialect):
                trial.wrapped += 1
                trial.wrapped_bytes += row.size
        within = row.fields is None
    trial.broken += max(runs, starts) if trial.lines == trial.rows else runs


def _is_odd(fields: Sequence[str], dialect: Dialect) -> bool:
    """Whether fields hold signs that only another dialect has."""
    if any(map(_SPACED.fullmatch, fields)):
        return True
    if not dialect.escaped and any(map(_ESCAPED[dialect.quote or '"'].search, fields)):
        return True
    return any(_stated(value, quote) for quote in _foreign(dialect) for value in fields)


def _is_wrapped(fields: Sequence[str], dialect: Dialect) -> bool:
    """Whether fields are in quotes that have no meaning in the dialect. Two of them may be by chance."""
    return any(
        sum(len(value) > 1 and value[0] == value[-1] == quote for value in map(str.lstrip, fields)) > 1
        for quote in _foreign(dialect)
    )


def _foreign(dialect: Dialect) -> str:
    return "\"'".replace(dialect.quote, "") if dialect.quote else "\"'"


def _stated(value: str, quote: str) -> bool:
    """Whether a field is in quotes, and all quotes within are doubled or escaped."""
    if len(value) < 4 or not value[0] == value[-1] == quote:
        return False
    rest = value[1:-1].replace(quote * 2, "").replace("\\" + quote, "")
    return len(rest) < len(value) - 2 and quote not in rest
