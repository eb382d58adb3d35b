"""Constructor arguments from `--set key=value`."""

from __future__ import annotations

import ast
import contextlib
import inspect
from collections.abc import Callable, Sequence
from typing import Any, get_type_hints

from fsdl_bench.errors import BadInput


def convert(factory: Callable[..., Any], settings: Sequence[str]) -> dict[str, Any]:
    """Return the constructor's arguments by name, each in the type that the constructor's annotation names.

    Args:
        factory: a class, or a function that returns a submission.
        settings: `key=value` each. Without an annotation a value is read as a Python literal, else as text.

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
    from pydantic import PydanticSchemaGenerationError, TypeAdapter, ValidationError

    try:
        literal = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        literal = text
    if hint is None or hint is Any:
        return literal
    try:
        adapter = TypeAdapter(hint)
    except PydanticSchemaGenerationError:
        return literal
    for value in (text, literal):
        with contextlib.suppress(ValidationError):
            return adapter.validate_python(value)
    raise BadInput(f"--set {setting}: expected {getattr(hint, '__name__', hint)}, found {text!r}")
