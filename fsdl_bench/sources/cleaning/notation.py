"""Line breaks in other notations."""

from __future__ import annotations

import ast
import json
import re

LINE_BREAKS = "line breaks written in another way"

_BREAK = re.compile(r"<br\s*/?>[ \t]*\n?", re.IGNORECASE)
_ESCAPES = re.compile(r"\\+r\\+n|\\+[nr]")


def line_breaks(text: str) -> str:
    """Return the text with real line breaks, if it has others."""
    stripped = text.strip()
    if stripped.startswith("[") and stripped.endswith("]") and (lines := _as_list(stripped)) is not None:
        return "\n".join(line.strip("\r\n") for line in lines)
    if "<" in text:
        text = _BREAK.sub("\n", text)
    if "\n" not in stripped and _ESCAPES.search(stripped):
        text = _ESCAPES.sub("\n", text)
        text = re.sub(r"\\+t", " ", text)
        text = re.sub(r"\\+([\"'])", r"\1", text)
    return text


def _as_list(text: str) -> list[str] | None:
    """Return the lines of a list of strings, as Python or JSON write it; None if it is no such list."""
    for parse in (json.loads, ast.literal_eval):
        try:
            found = parse(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(found, list) and found and all(isinstance(line, str) for line in found):
            return found
    return None
