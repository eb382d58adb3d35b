"""Lists and strings as programs print them: Python, JSON and numpy, whole or cut off at the end.

    ['one', "two"]   ("one", "two")   ["one", null]   ['one' 'two' 'three']   [['one', 'two'], ['three']]

`lines_of` reads lists by a scanner of our own, because no parser reads numpy's lists, which have no commas,
or lists that an export has cut. It accepts nothing but strings, lists and missing values.
"""

from __future__ import annotations

import re

_OPEN = {"[": "]", "(": ")", "{": "}"}
_START = re.compile(r"(?:array\(|list\(|tuple\(|set\()?(?=[\[({])")
_STRING = re.compile(
    r"""[uUrRbB]{0,2}(?:"(?P<double>(?:[^"\\\n]|\\.|(?<=\w)"(?=\w))*)"|'(?P<single>(?:[^'\\\n]|\\.|(?<=\w)'(?=\w))*)')"""
    r"(?=\s*(?:[,\])}]|\Z)|\s+[uU]?[\"'\[(]|\s+\.\.\.)"
)
_WHOLE = re.compile(r"""[uUbB]?(?P<sign>["'])(?P<text>(?:(?!(?P=sign))[^\\]|\\.)*)(?P=sign)""", re.DOTALL)
_CUT = re.compile(r"""[uU]?(["'])(?P<text>[^\n]*)\Z""")
_MISSING = re.compile(r"(?:nan|NaN|None|null|NULL|<NA>|\.\.\.)(?=[\s,\])}]|\Z)")
_SPACE = re.compile(r"[\s,]*")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|(\n|.))", re.DOTALL)
_SIGNS = {"n": "\n", "r": "\n", "t": "\t", "b": "", "f": "\n", "v": "\n", "\n": ""}
_DEEPEST = 4

Stanza = list[str]


def lines_of(text: str) -> str | None:
    """Return the lines of a printed list, with an empty line between inner lists; None if it is none."""
    text = text.strip()
    opened = _START.match(text)
    if not opened:
        return None
    scanner = _Scanner(text)
    scanner.place = opened.end()
    stanzas = scanner.list(0)
    rest = text[scanner.place :].strip()
    if stanzas is None or not (rest == "" or re.fullmatch(r"(?:, dtype=\S+)?\)", rest)):
        return None
    if scanner.strings < (1 if text[0] == "[" or not scanner.cut else 3):  # ("Oh, she said ... may be lyrics
        return None
    lines = "\n\n".join("\n".join(stanza) for stanza in stanzas)
    return lines_of(lines) or lines


def string_of(text: str) -> str | None:
    """Return the content of one printed string with escapes in it; None if the text is no such string."""
    text = text.strip()
    found = _WHOLE.fullmatch(text)
    if not found or not re.search(r"\\[nrtux\"']", text):
        return None
    if text[0] in "bB":
        return unescape(found["text"]).encode("latin-1", "replace").decode("utf-8", "replace")
    return unescape(found["text"])


def unescape(text: str) -> str:
    """Return a string's content with its escapes replaced; unknown ones stay."""
    return _joined(_ESCAPE.sub(_sign, text))


def _sign(found: re.Match[str]) -> str:
    code = found[1] or found[2] or found[3]
    if code:
        return chr(number) if (number := int(code, 16)) <= 0x10FFFF else found[0]
    sign = found[4]
    return _SIGNS.get(sign, sign if sign in "\\\"'/" else found[0])


def _joined(text: str) -> str:
    """Return the text with halves of characters joined, as JSON writes emoji."""
    if text.isascii() or not re.search("[\ud800-\udfff]", text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class _Scanner:
    """Reads a list from its bracket on.

    Attributes:
        strings: how many whole strings have been read.
        cut: the end of the list is missing.
    """

    def __init__(self, text: str) -> None:
        self.text, self.place, self.strings, self.cut = text, 0, 0, False

    def list(self, depth: int) -> list[Stanza] | None:
        """Return the stanzas of the list at the current place; None if something else is in it."""
        close = _OPEN[self.text[self.place]]
        self.place += 1
        stanzas: list[Stanza] = []
        own: Stanza = []
        while True:
            self._skip(_SPACE)
            sign = self.text[self.place : self.place + 1]
            if sign in ("", close):
                self.cut |= not sign
                self.place += len(sign)
                return [*stanzas, own] if own else stanzas
            if sign in _OPEN and depth < _DEEPEST:
                inner = self.list(depth + 1)
                if inner is None:
                    return None
                stanzas += [[*own], *inner] if own else inner
                own = []
            elif not self._skip(_MISSING):
                line = self._string()
                if line is None:
                    return None
                own.append(line)

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        found = pattern.match(self.text, self.place)
        self.place = found.end() if found else self.place
        return found is not None

    def _string(self) -> str | None:
        if found := _STRING.match(self.text, self.place):
            self.strings += 1
        elif found := _CUT.match(self.text, self.place):
            self.cut = True
        else:
            return None
        self.place = found.end()
        content = found["text"] if self.cut else found["double"] or found["single"] or ""
        return unescape(content.removesuffix("\\") if self.cut else content).strip("\r\n")
