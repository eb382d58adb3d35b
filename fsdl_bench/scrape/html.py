"""The words of an element: line breaks stay, blocks are apart, markup and notes are gone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

_BLOCKS = {"p", "div", "li", "ul", "ol", "dl", "dt", "dd", "blockquote", "section", "tr", "table", "pre"}
_BLOCKS |= {f"h{level}" for level in range(1, 7)}


def words_of(element: Any, drop: Iterable[str] = ()) -> str:
    """Return the text of an element.

    `<br>` is a line break, and a block is apart from what precedes and follows it by an empty line.

    Args:
        element: an lxml element; it is changed.
        drop: CSS selectors of parts to leave out.
    """
    from cssselect import HTMLTranslator

    translator = HTMLTranslator()
    for selector in drop:
        for part in element.xpath(translator.css_to_xpath(selector, prefix="descendant::")):
            part.drop_tree()
    pieces: list[str] = []
    _collect(element, pieces)
    lines = [" ".join(line.split()) for line in "".join(pieces).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _collect(element: Any, pieces: list[str]) -> None:
    tag = element.tag if isinstance(element.tag, str) else ""
    if tag == "br":
        pieces.append("\n")
    elif tag:
        gap = "\n\n" if tag in _BLOCKS else ""
        pieces.append(gap + _flat(element.text))
        for child in element:
            _collect(child, pieces)
            pieces.append(_flat(child.tail))
        pieces.append(gap)


def _flat(text: str | None) -> str:
    """Line breaks of the source are spaces."""
    return re.sub(r"\s+", " ", (text or "").replace("\xa0", " "))
