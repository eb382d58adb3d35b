r"""Line breaks in other notations: printed lists and strings, escapes, HTML, and other separators of lines.

    ['one', 'two']   "one\ntwo"   one\ntwo   one<br>two   one_x000D_   one\ and a line end   U+2028

An escape such as `\n` is a line break only if most line breaks of the text are written so.
"""

from __future__ import annotations

import re

from fsdl_bench.sources.cleaning.literals import lines_of, string_of, unescape
from fsdl_bench.sources.cleaning.markup import without_markup

LINE_BREAKS = "line breaks written in another way"

_SEPARATORS = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_EXCEL = re.compile(r"_x000[Dd]_\n?(?:_x000[Aa]_\n?)?|_x000[Aa]_\n?")
_ESCAPES = re.compile(r"\\+r\\+n|\\+[nr]")
_TWICE = re.compile(r"(?:\\+r)?\\+n[ \t]*\n|\\+r[ \t]*\n|\n\\+n")
_UNICODE = re.compile(r"\\u[0-9a-fA-F]{4}")
_CONTINUED = re.compile(r"(?<!\\)\\\n")


def line_ends(text: str) -> str:
    """Return the text with `\\n` for each line end of another system."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def line_breaks(text: str) -> str:
    """Return the text with real line breaks, if it has others. Line ends of the text itself are `\\n`."""
    text = _EXCEL.sub("\n", _SEPARATORS.sub("\n", text))
    printed = lines_of(text)
    if printed is None:
        printed = string_of(text)
    if printed is not None:
        text = _SEPARATORS.sub("\n", line_ends(printed))
    if "\\" in text:
        text = _without_escapes(text)
    if "<" in text or "&" in text:
        text = without_markup(text)
    return text


def _without_escapes(text: str) -> str:
    if (continued := len(_CONTINUED.findall(text))) and 2 * continued > text.strip().count("\n"):
        text = _CONTINUED.sub("\n", text)
    text = _TWICE.sub("\n", text)
    written, real = len(_ESCAPES.findall(text)), text.strip().count("\n")
    if written > real and (written > 1 or not real):
        text = re.sub(r" \\+n ", "\n", text)
        text = re.sub(r"\\+t", " ", _ESCAPES.sub("\n", text))
        text = re.sub(r"\\+([\"'])", r"\1", text)
    if _UNICODE.search(text):
        text = re.sub(r"(?:\\u[0-9a-fA-F]{4})+", lambda found: unescape(found[0]), text)
    return text
