"""The public removal log: `removed.toml`, one `[[removed]]` table for each result that was taken down."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import ValidationError

from fsdl_bench.errors import BadInput
from fsdl_bench.site.view import Removal


def read_removals(path: Path) -> tuple[Removal, ...]:
    """The removals, newest first; none where the file is empty or not there.

    Raises:
        BadInput: not TOML, or an entry without date, track, model or reason.
    """
    if not path.is_file():
        return ()
    try:
        table = tomllib.loads(path.read_text("utf-8"))
        removed = [Removal.model_validate(entry) for entry in table.get("removed", [])]
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise BadInput(
            f"{path} is no removal log. Each [[removed]] needs date, track, model, reason (strings): {error}"
        ) from None
    return tuple(sorted(removed, key=lambda entry: entry.date, reverse=True))
