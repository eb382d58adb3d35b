"""Constructor arguments from `--set key=value`."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

from fsdl_bench.errors import BadInput
from fsdl_bench.options import WrongType, typed

LONGEST_PATH = 1000
"""Longer texts are no paths; some systems raise an error when asked."""


class Argument(NamedTuple):
    """A constructor argument, as cache keys and records need it.

    Attributes:
        text: its `repr`, which tells it from other values.
        plain: the value if JSON can write it, else its text.
        paths: the existing files and folders that it names.
    """

    text: str
    plain: str | int | float | bool | None
    paths: tuple[str, ...]


def as_settings(given: str | Sequence[str] | Mapping[str, Any]) -> tuple[str, ...]:
    """Return settings as `key=value` each: from one, from several, or from a mapping."""
    if isinstance(given, str):
        return (given,)
    if isinstance(given, Mapping):
        return tuple(f"{key}={_text(value)}" for key, value in given.items())
    return tuple(given)


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def convert(factory: Callable[..., Any], settings: Sequence[str]) -> dict[str, Any]:
    """Return the constructor's arguments by name, each in the type that the constructor's annotation names.

    Args:
        factory: a class, or a function that returns a submission.
        settings: `key=value` each. Without an annotation a value is read as a Python literal, else as text. A
            sequence may be written without quotes and brackets: `experts=lstm,ngram`.

    Raises:
        BadInput: an argument is unknown, missing or of the wrong type.
    """
    parameters = inspect.signature(factory).parameters
    hints: dict[str, Any] = {}
    with contextlib.suppress(NameError, TypeError):  # names that only type checkers import
        hints = get_type_hints(factory.__init__ if inspect.isclass(factory) else factory)
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    named = [n for n, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    found: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise BadInput(f"--set {setting}: expected key=value")
        if key not in named and not anything:
            raise BadInput(f"--set {setting}: unknown argument {key}; accepted: {', '.join(named) or 'none'}")
        found[key] = _convert(setting, text, hints.get(key))
    missing = [n for n in named if parameters[n].default is inspect.Parameter.empty and n not in found]
    if missing:
        raise BadInput(
            f"the submission's constructor needs {', '.join(missing)}: pass --set {missing[0]}=VALUE"
        )
    return found


def _convert(setting: str, text: str, hint: Any) -> Any:
    try:
        return typed(text, Any if hint is None else hint)
    except WrongType as error:
        raise BadInput(f"--set {setting}: {error}") from None


def describe(value: Any) -> Argument:
    """Return an argument as keys and records need it."""
    plain = value if isinstance(value, str | int | float | bool | None) else str(value)
    return Argument(repr(value), plain, tuple(map(str, paths(value))))


def paths(value: Any) -> Iterator[Path]:
    """Yield the existing files and folders that an argument names, also inside lists, tuples and dicts."""
    if isinstance(value, str | Path):
        text = str(value)
        if text and len(text) < LONGEST_PATH and "\0" not in text and Path(text).exists():
            yield Path(text)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from paths(part)
    elif isinstance(value, list | tuple | set | frozenset):
        for part in value:
            yield from paths(part)
