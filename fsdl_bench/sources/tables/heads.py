r"""The beginning of a csv file: its encoding, marks, and lines before the column names.

Byte order marks are skipped, however many there are. Excel writes `sep=;` before the column names; other
programs write comments that begin with `#`. A file in UTF-16 or UTF-32 is read if the option `encoding` says
so; otherwise it is refused with a message. Files that are no text at all are named by their first bytes.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path

from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.sources.common.lines import LineForm
from fsdl_bench.sources.common.text import find_encoding
from fsdl_bench.sources.tables.dialects import DELIMITERS

_WIDE = ("utf-16", "utf-32")
_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_OLD_MAC = re.compile(rb"""(?:[^\r\n"]|"[^\r\n"]*")*\r(?!\r*\n)""")
_SEPARATOR = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_COMMENTS = 100  # lines before the column names that are looked at

_UNPACK = "; unpack it first"
_CONVERT = "; convert it, for example with pandas.read_{}({!r}{}).to_csv('songs.csv', index=False)"

_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"\x1f\x8b", "packed with gzip", _UNPACK),
    (b"BZh91AY&SY", "packed with bzip2", _UNPACK),
    (b"\xfd7zXZ\0", "packed with xz", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "packed with zstd", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!\x1a\x07", "a rar archive", _UNPACK),
    (b"PAR1\x15", "a Parquet file", "parquet"),
    (b"ARROW1\0\0", "an Arrow file", "feather"),
    (b"FEA1\0", "a Feather file", "feather"),
    (b"SQLite format 3\0", "an SQLite database", "; export its table of songs as csv"),
    (b"\xd0\xcf\x11\xe0", "an old Office file, such as .xls", "excel"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "hdf"),
    (b"\x93NUMPY", "a NumPy file", "; save its rows as csv"),
    (b"%PDF-", "a PDF document", "; save its table as csv"),
    (b"{\\rtf", "an RTF document", "; save its table as csv"),
)
_ZIPPED = (
    (b"xl/", "an Excel file", "excel"),
    (b"word/", "a Word document", "; save its table as csv"),
    (b"opendocument", "an OpenDocument file", "excel"),
)
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_HTML = re.compile(rb"\s*<(?:!doctype|html|head|body|table|\?xml)\b", re.IGNORECASE)
_JSON = re.compile(rb"""\s*(?:\{\s*["}]|\[\s*[\[{\]]|\[\s*"(?:[^"\\]|\\.)*"\s*,\s*")""")
_JSON_LINES = re.compile(rb"\s*\{[^\n]*\}\s*\n\s*\{")


@dataclass(frozen=True, slots=True)
class Start:
    """The place of the column names in a file.

    Attributes:
        form: how the file stores its lines.
        byte: the first byte of the column names.
        line: their line, from 1.
        delimiter: given, or stated by the file; None if unknown.
    """

    form: LineForm
    byte: int
    line: int
    delimiter: str | None


def find_start(file: Path, head: bytes, delimiter: str | None, encoding: str | None) -> Start:
    """Return where and how the table in a file begins.

    Args:
        file: for messages.
        head: its first bytes.
        delimiter: given by the user, or None.
        encoding: given by the user, or None.

    Raises:
        BadInput: the file is no text, or wide without an `encoding` that says so.
    """
    if found := _format(head, file.name):
        raise BadInput(f"{file} is {found}")
    wide = _wide(file, head, encoding)
    mark = "\ufeff".encode(wide or "utf-8")
    byte, line = 0, 1
    while head.startswith(mark, byte):
        byte += len(mark)
    text = head[byte:] if not wide else head[byte:].decode(wide, "replace").encode("utf-8")
    form = LineForm(wide, "\r" if _OLD_MAC.match(text) else "\n")
    lines = list(islice(form.lines(io.BytesIO(head[byte:])), _COMMENTS))
    if lines and (separator := _SEPARATOR.fullmatch(lines[0])):
        delimiter = delimiter or separator[1]
        byte, line = byte + form.size(lines.pop(0)), line + 1
    for comment in _comments(lines, delimiter):
        byte, line = byte + form.size(comment), line + 1
    return Start(form, byte, line, delimiter)


def _wide(file: Path, head: bytes, encoding: str | None) -> str:
    """Return the codec of a file in UTF-16 or UTF-32, else an empty string."""
    try:
        found = find_encoding(head[: len(head) // 4 * 4]) if b"\0" in head or head[:2] in _MARKS else ""
    except Rejected:
        found = ""
    try:
        asked = codecs.lookup(encoding).name if encoding else ""
    except LookupError:  # reading a row says so
        asked = ""
    if asked.startswith(_WIDE):
        if found.startswith(asked):
            return found
        if found.startswith(_WIDE) or b"\0" not in head:
            known = found.upper() if found.startswith(_WIDE) else "another encoding"
            raise BadInput(f"{file} is not {asked.upper()}, as the option encoding says, but {known}")
        return asked if asked not in _WIDE else f"{asked}-le"
    if found.startswith(_WIDE):
        name = found[:6]
        verb = "is" if head[:2] in _MARKS else "looks like"
        raise BadInput(
            f"{file} {verb} {name.upper()}; save it as UTF-8 (in a spreadsheet: 'CSV UTF-8'), or pass "
            f"--set encoding={name}"
        )
    return ""


def _comments(lines: Sequence[str], delimiter: str | None) -> list[str]:
    """Return the comments before the column names. A column may be called `#`: a comment has fewer fields."""
    marked = list(takewhile(lambda line: line.startswith("#") or not line.strip(), lines))
    if not any(map(str.strip, marked)) or len(marked) == len(lines):
        return []
    following = lines[len(marked)]
    sign = delimiter or max(DELIMITERS, key=following.count)
    enough = _width(following, sign)
    return list(takewhile(lambda line: _width(line, sign) < enough, marked))


def _width(line: str, delimiter: str) -> int:
    return len(next(csv.reader([line], delimiter=delimiter), []))


def _format(head: bytes, name: str) -> str:
    """Return what a file is that is no text with delimiters, and what to do with it; empty if it may be."""
    head = head.removeprefix(codecs.BOM_UTF8)
    for magic, what, how in _MAGIC:
        if head.startswith(magic):
            return _advice(what, how, name)
    if head.startswith(b"PK\3\4"):
        for part, what, how in _ZIPPED:
            if part in head:
                return _advice(what, how, name)
        return _advice("a zip archive, or a document that is one inside", _UNPACK, name)
    if head[257:262] == b"ustar":
        return _advice("a tar archive", _UNPACK, name)
    if _PICKLE.match(head):
        return _advice("a pickle file", "pickle", name)
    if _HTML.match(head):
        return _advice("a page of HTML or XML", "; save its table as csv", name)
    if _JSON_LINES.match(head) or (_JSON.match(head) and name.lower().endswith((".jsonl", ".ndjson"))):
        return _advice("JSON lines", "json lines", name)
    return _advice("JSON", "json", name) if _JSON.match(head) else ""


def _advice(what: str, how: str, name: str) -> str:
    if not how.startswith(";"):
        reader, _, lines = how.partition(" ")
        how = _CONVERT.format(reader, name, ", lines=True" if lines else "")
    return f"{what}, not a csv or tsv table{how}"
