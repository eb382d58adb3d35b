"""The public removal log: `removed.toml`, one `[[removed]]` table for each result that was taken down."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import Field, ValidationError

from fsdl_bench.errors import BadInput
from fsdl_bench.frozen import Frozen
from fsdl_bench.site.view import Removal


class _Log(Frozen):
    removed: list[Removal] = Field(default_factory=list)


def read_removals(path: Path) -> tuple[Removal, ...]:
    """Read the removals, newest first; none if there is no file or no entry.

    Raises:
        BadInput: the file cannot be read, is not TOML, or has anything but [[removed]] tables of strings:
            date, track, model, reason and, where there is one, reference.
    """
    if not path.exists():
        return ()
    try:
        log = _Log.model_validate(tomllib.loads(path.read_text("utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise BadInput(_refused(path, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")) from None
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or not TOML
        raise BadInput(_refused(path, str(error))) from None
    return tuple(sorted(log.removed, key=lambda entry: entry.date, reverse=True))


def _refused(path: Path, found: str) -> str:
    return f"{path}: each [[removed]] needs date, track, model and reason, all strings; found {found}"
