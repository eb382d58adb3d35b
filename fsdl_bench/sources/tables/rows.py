r"""Dialects of csv files, and the rows that a file has in one of them.

Only a backslash before a quote, a delimiter, a line end or another backslash is an escape. Python's reader
would drop the backslash of every other pair, and a literal `\n` would become the letter n.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from fsdl_bench.sources.common.lines import MAX_ROW, Lines, RowTooLong


@dataclass(frozen=True, slots=True)
class Dialect:
    """The format of a row in a file.

    Attributes:
        delimiter: between fields.
        quote: around a field that needs it, doubled within one; empty if quotes have no meaning.
        escaped: whether a backslash protects the sign behind it.
        spaced: whether spaces after a delimiter are no part of the field.
    """

    delimiter: str
    quote: str = '"'
    escaped: bool = False
    spaced: bool = False

    def reader(self, lines: Iterable[str], *, strict: bool = True) -> Iterator[list[str]]:
        """Yield the rows of `lines` as lists of fields; raises `csv.Error` where they break the rules."""
        csv.field_size_limit(MAX_ROW)  # the module's own limit is shorter than a long text
        if self.escaped:
            lines = map(self._protected, lines)
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote or '"',
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            escapechar="\\" if self.escaped else None,
            skipinitialspace=self.spaced,
            strict=strict or not self.quote,
        )

    def _protected(self, line: str) -> str:
        r"""Double each backslash that protects nothing. The reader knows no `\` before `\r\n`."""
        if "\\" not in line:
            return line
        line = _pairs(self.quote or '"', self.delimiter).sub(
            lambda pair: pair[0] if pair[1] else "\\\\", line
        )
        return re.sub(r"\r?\\\r?\n\Z", "\\\\\n", line)


@dataclass(frozen=True, slots=True)
class Row:
    """One row, or lines that are none.

    Attributes:
        line: number of its first line, from 1.
        start: first byte.
        size: bytes.
        fields: raw fields (bytes as Latin-1; see `decode_fields`); None for lines that could not be read.
        fault: why they could not be.
        lines: how many there are.
        starts: of lines that could not be read, how many have delimiters enough for a row.
    """

    line: int
    start: int
    size: int
    fields: Sequence[str] | None
    fault: str = ""
    lines: int = 1
    starts: int = 0

    def merged(self, more: Row) -> Row:
        """Return these lines and those that follow, none of which could be read, as one."""
        lines = self.lines + more.lines
        fault = self.fault.partition(", with ")[0]
        fault += f", with {lines - 1} more line{'s' if lines > 2 else ''}"
        size, starts = more.start + more.size - self.start, self.starts + more.starts
        return Row(self.line, self.start, size, None, fault, lines, starts)


def read_rows(
    lines: Lines, dialect: Dialect, fault_of: Callable[[list[str], Collection[str]], str], width: int
) -> Iterator[Row]:
    """Yield rows and broken lines. Of a row that breaks the rules, only the first line is given up.

    Args:
        lines: of the file.
        dialect: of the file.
        fault_of: what is wrong with the fields of a row and the lines it is made of; empty for a good row.
        width: number of fields of a row.
    """
    reader = dialect.reader(lines)
    while True:
        try:
            fields = next(reader)
            if not fields and len(lines.taken) == 1:  # an empty line
                lines.commit(1)
                continue
            fault = fault_of(fields, lines.taken)
        except StopIteration:
            return
        except (csv.Error, RowTooLong) as error:
            fault = str(error)
        if fault:
            reader = dialect.reader(lines)
            starts = lines.taken[0].count(dialect.delimiter) >= width - 1
            yield Row(*lines.commit(1), None, fault, starts=int(starts))
        else:
            count = len(lines.taken)
            yield Row(*lines.commit(count), fields, lines=count)


@cache
def _pairs(quote: str, delimiter: str) -> re.Pattern[str]:
    return re.compile(rf"\\([\\{quote}{re.escape(delimiter)}]|\r?\n)?")
