"""Options as text, `--set KEY=VALUE`, in the type that the annotation of a parameter names."""

from __future__ import annotations

import ast
import contextlib
from typing import Any

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


class WrongType(ValueError):
    """A value that is not of the type. The message says what was expected and what was found."""

    def __init__(self, hint: Any, value: Any) -> None:
        super().__init__(f"expected {_WORDS.get(hint) or getattr(hint, '__name__', hint)}, found {value!r}")


def literal(text: str) -> Any:
    """Return the value of a Python literal, else the text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def typed(value: Any, hint: Any) -> Any:
    """Return a value in the type of an annotation.

    A text is read as the type asks: `true`, `yes` and `on` are all true, and a sequence needs no brackets and
    quotes. A value of another type must be of the type already: True is no number.

    Raises:
        WrongType: it is not of that type.
    """
    from pydantic import PydanticSchemaGenerationError, TypeAdapter, ValidationError

    if hint is Any:
        return literal(value) if isinstance(value, str) else value
    try:
        adapter = TypeAdapter(hint)
    except PydanticSchemaGenerationError:
        return literal(value) if isinstance(value, str) else value
    if not isinstance(value, str):
        with contextlib.suppress(ValidationError):
            return adapter.validate_python(value, strict=True)
        raise WrongType(hint, value)
    meant = literal(value)
    candidates = [value, meant, [part.strip() for part in value.split(",")]]
    if isinstance(meant, list | tuple) and hint is not str:
        candidates.insert(0, meant)
    for candidate in candidates:
        if (
            isinstance(candidate, bool) and candidate is meant
        ):  # as text, True is one; as a number, it is none
            continue
        with contextlib.suppress(ValidationError):
            return adapter.validate_python(candidate)
    raise WrongType(hint, value)
