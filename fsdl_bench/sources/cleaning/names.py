"""Names of artists and titles as tables have them."""

from __future__ import annotations

from fsdl_bench.sources.cleaning.literals import lines_of
from fsdl_bench.sources.cleaning.markup import without_markup


def plain_name(name: str) -> str:
    """Return an artist or a title as people write it: `['Ada', 'Bob']` becomes `Ada, Bob`."""
    listed = lines_of(name)
    if listed is not None:
        name = ", ".join(line for line in listed.split("\n") if line)
    return " ".join(without_markup(name).split()) if "&" in name else name
