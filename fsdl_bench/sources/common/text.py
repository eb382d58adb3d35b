r"""Text from bytes of unknown encoding, and names from file systems that do not promise UTF-8.

Encodings are found by fixed rules, not by a statistical guess whose answer changes with its version:

1. a byte order mark decides: UTF-8, UTF-16 or UTF-32;
2. without one, bytes with zeros only at odd (or only at even) positions, and at half of these or more, are
   UTF-16 little (big) endian; any other zero byte means that this is no text;
3. valid UTF-8 is UTF-8; 4. bytes that are mostly UTF-8 are damaged UTF-8, and are rejected; 5. the rest is
Windows-1252, which includes the letters of Latin-1, unless it uses a byte that Windows-1252 does not
   define, or three in ten of its letters are accented: then it is some other code page, and is rejected.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Sequence

from fsdl_bench.errors import BadInput, Rejected

BINARY = "not a text file"
DAMAGED = "damaged text"
UNKNOWN_ENCODING = "unknown text encoding"

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark begins with UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_CONTROL = re.compile("[\x00-\x08\x0e-\x19\x1b-\x1f]")  # not tab, line ends, form feed, DOS end of file
_CONTROL_SHARE = 0.01
_ACCENTED_SHARE = 0.3


_SHOWN, _SHOWN_SIGNS = 40, 60


def decode_text(data: bytes, encoding: str | None = None) -> str:
    """The text in `data`, without a byte order mark; line ends are kept as they are.

    Args:
        data: the file's bytes.
        encoding: a Python codec name if it is known; None applies the rules above.

    Raises:
        Rejected: it is no text (`BINARY`), is cut or changed (`DAMAGED`), or its encoding cannot be told.
        BadInput: there is no codec of that name.
    """
    text = _strict(data, encoding or find_encoding(data))
    text = text.removeprefix("\ufeff").removesuffix("\x1a")
    controls = len(_CONTROL.findall(text))
    if "\0" in text or controls > _CONTROL_SHARE * len(text):
        raise Rejected(BINARY, f"{controls} control characters in {len(text)}")
    return text


def find_encoding(data: bytes) -> str:
    """The encoding of `data` by the rules above, as the name of a Python codec that leaves the mark in.

    Raises:
        Rejected: it is no text, is damaged, or its encoding cannot be told.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    if b"\0" in data:
        return _without_mark(data)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        where = f"byte 0x{data[error.start]:02x} at {error.start}"
    else:
        return "utf-8"
    good = _MULTIBYTE.findall(data)
    if len(good) > sum(byte >= 0x80 for byte in data) - sum(map(len, good)):
        raise Rejected(DAMAGED, f"{where} is not UTF-8, most others are")
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError as error:
        where = f"byte 0x{data[error.start]:02x} at {error.start}"
        raise Rejected(UNKNOWN_ENCODING, f"{where} is in neither UTF-8 nor Windows-1252") from None
    letters = sum(map(str.isalpha, text))
    accented = sum(char.isalpha() for char in text if char >= "\x80")
    if accented > _ACCENTED_SHARE * letters:
        detail = f"not UTF-8, and as Windows-1252 {accented} of {letters} letters are accented"
        raise Rejected(UNKNOWN_ENCODING, detail)
    return "cp1252"


def printable(path: str) -> str:
    r"""A path as people and Parquet can read it, and from which the true one can be told.

    Bytes that are not UTF-8 become `\xNN`, control characters (a line end, an escape, a right-to-left
    override) `\uNNNN`, and a backslash is doubled. Everything else, emoji included, stays.
    """
    if path.isascii() and path.isprintable() and "\\" not in path:
        return path
    return "".join(_visible(char) for char in path)


def listed(names: Sequence[str]) -> str:
    """Return names of columns for a message; long ones are cut."""
    shown = [name if len(name) <= _SHOWN_SIGNS else f"{name[:_SHOWN_SIGNS]}..." for name in names[:_SHOWN]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def readable(name: str) -> str:
    """Return a file name as words: an artist or a title.

    Bytes that are not UTF-8 are read as Windows-1252 where that is possible, so `Beyonc\\xe9` and `Beyoncé`
    are one artist; Unicode is composed (NFC), control and format characters go, spaces are collapsed.
    """
    if not name.isascii():
        try:
            raw = name.encode("utf-8", "surrogateescape")
            name = raw.decode("utf-8")
        except UnicodeEncodeError:  # half a character, as other systems allow
            name = name.encode("utf-8", "replace").decode("utf-8")
        except UnicodeDecodeError:
            name = raw.decode("cp1252", "backslashreplace")
        name = unicodedata.normalize("NFC", name)
        name = "".join(char for char in name if not _is_mark(char))
    return " ".join("".join(char if char >= " " and char != "\x7f" else " " for char in name).split())


def same_title(title: str) -> str:
    """A title with its spelling set aside, for grouping into works: ASCII words in lower case."""
    from anyascii import anyascii

    return " ".join(re.findall(r"[0-9a-z]+", anyascii(title).casefold())) or title.casefold()


def _without_mark(data: bytes) -> str:
    even, odd, pairs = data[::2].count(0), data[1::2].count(0), len(data) // 2
    if even + odd < pairs / 2 or (even and odd) or len(data) % 2:
        raise Rejected(BINARY, f"{even + odd} zero bytes")
    return "utf-16-le" if odd else "utf-16-be"


def _strict(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except LookupError:
        raise BadInput(
            f"there is no text encoding {encoding!r}; give a Python codec name, as cp1251"
        ) from None
    except UnicodeDecodeError as error:
        raise Rejected(DAMAGED, f"not {encoding} at byte {error.start}: {error.reason}") from None


def _visible(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that the file system's decoding left over (surrogateescape)
        return f"\\x{code - 0xDC00:02x}"
    if char == "\\":
        return "\\\\"
    if char.isprintable() or unicodedata.category(char) == "Zs":
        return char
    # Joiners belong to emoji and to several scripts; other format characters can reorder a line of output.
    return char if char in "\u200c\u200d" else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _is_mark(char: str) -> bool:
    return unicodedata.category(char) in ("Cf", "Cc") and char > "\x7f" and char not in "\u200c\u200d"
