"""HTML in lyrics: tags become line breaks or nothing, and entities become the signs that they stand for.

Only known tags are removed, and tags such as <i> only if the text has HTML for certain: a line break, a
paragraph, or a closing tag. "<3" and "<name>" stay.
"""

from __future__ import annotations

import html
import re
from html.entities import html5

_BLOCKS = r"(?:p|div|li|ul|ol|tr|table|tbody|h[1-6]|blockquote|pre|center)"
_INLINE = r"(?:i|b|u|s|a|em|strong|span|font|small|big|sup|sub|tt|code|q|td|th|mark|strike|del|ins|img|wbr)"
_ATTRIBUTES = r"(?:\s[^<>]*)?/?"
_BREAK = re.compile(rf"<\s*/?br{_ATTRIBUTES}\s*>[ \t]*\n?", re.IGNORECASE)
_BLOCK = re.compile(
    rf"[ \t]*(?:</{_BLOCKS}\s*>\s*<{_BLOCKS}{_ATTRIBUTES}\s*>|</?{_BLOCKS}{_ATTRIBUTES}\s*>)[ \t]*",
    re.IGNORECASE,
)
_TAG = re.compile(rf"</?{_INLINE}{_ATTRIBUTES}\s*>", re.IGNORECASE)
_CERTAIN = re.compile(
    rf"<\s*/?br{_ATTRIBUTES}\s*>|<{_BLOCKS}{_ATTRIBUTES}\s*>|</(?:{_BLOCKS}|{_INLINE})\s*>"
    r"|<(?:a|span|font|img)\s[^<>]*=[^<>]*>",
    re.IGNORECASE,
)
_ESCAPED = re.compile(rf"&lt;\s*/?(?:br|{_BLOCKS}|{_INLINE})\b(?:(?!&gt;)[^\n]){{0,200}}?&gt;", re.IGNORECASE)
_NO_TEXT = re.compile(r"<!--.*?-->|<(script|style)\b[^<>]*>.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_LINE_END = re.compile(r"&#(?:0*13|[xX]0*[dD]);\s*&#(?:0*10|[xX]0*[aA]);\n?")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def without_markup(text: str) -> str:
    """Return the text without HTML."""
    if "&" in text and _ESCAPED.search(text):
        text = _ENTITY.sub(_unescaped, text)
    if "<" in text and _CERTAIN.search(text):
        text = _without_tags(text)
    if "&" in text:
        text = _LINE_END.sub("\n", text)
        text = _ENTITY.sub(_unescaped, _ENTITY.sub(_unescaped, text))
    return text


def _without_tags(text: str) -> str:
    text = _BREAK.sub("\n", _NO_TEXT.sub("", text))
    if _BLOCK.search(text):
        pieces = re.sub(rf"</p\s*>\s*<p{_ATTRIBUTES}\s*>", "</p><p>", text, flags=re.IGNORECASE)
        stanzas = re.findall(r"(?is)<p\b[^<>]*>(.*?)</p", pieces)
        # A paragraph is a stanza; if all are single lines, it is a line.
        gap = "\n\n" if any("\n" in stanza.strip() for stanza in stanzas) or len(stanzas) < 3 else "\n"
        pieces = re.sub(r"(?i)</p><p>", lambda _: gap, pieces)
        text = re.sub(r"\n{3,}", "\n\n", _BLOCK.sub("\n", pieces)).strip("\n")
    return _TAG.sub("", text)


def _unescaped(found: re.Match[str]) -> str:
    entity = found[0]
    if entity[1] != "#" and entity[1:] not in html5:
        return entity
    sign = html.unescape(entity)
    return {"\xa0": " ", "\r": "\n"}.get(sign, sign)
