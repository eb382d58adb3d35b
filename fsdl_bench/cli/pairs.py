"""Options that are given as pairs, such as `--set KEY=VALUE`."""

from __future__ import annotations

from collections.abc import Iterable

from fsdl_bench.errors import BadInput


def pairs(texts: Iterable[str], option: str, form: str = "KEY=VALUE") -> dict[str, str]:
    """Return the values by key; only a value may contain "=".

    Raises:
        BadInput: a text has no key or no "=".
    """
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise BadInput(f"{option}: expected {form}, found {text!r}")
        found[key] = value
    return found
