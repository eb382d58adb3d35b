"""Before a file or folder is written: refuse to replace what an earlier call has not written.

`fsdl_bench.paths` replaces its target in one step, whatever the target is. Who writes to a place that a user
has named asks here first, before the work begins.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

from fsdl_bench.errors import BadInput

_SHOWN = 3
_DUST = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
"""Files that a system puts into every folder that somebody opens."""


def refuse_other_files(out: Path, expected: str, own: Callable[[str], bool]) -> None:
    """Refuse a folder that holds anything that is not our own. A missing or empty folder is accepted.

    Args:
        out: the folder that would be replaced.
        expected: what it may be, such as "a new folder, or an earlier export".
        own: whether a path relative to `out` is a file that an earlier call has written.

    Raises:
        BadInput: it is a file, or holds other files.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise BadInput(f"{out}: expected {expected}, found a file")
    paths = (path for path in out.rglob("*") if path.is_symlink() or not path.is_dir())
    names = (path.relative_to(out).as_posix() for path in paths if path.name not in _DUST)
    if strangers := list(islice((name for name in names if not own(name)), _SHOWN + 1)):
        named = ", ".join(sorted(strangers[:_SHOWN])) + (" and more" if len(strangers) > _SHOWN else "")
        raise BadInput(
            f"{out}: expected {expected}, found {named} in it; nothing was changed. Give another "
            "folder with --out, or move these files away"
        )


def refuse_other_file(out: Path, expected: str, mark: bytes) -> None:
    """Refuse a file that is not our own. A missing or empty file is accepted.

    Args:
        out: the file that would be replaced.
        expected: what it may be, such as "a new file, or an earlier result".
        mark: what every file has that an earlier call has written.

    Raises:
        BadInput: it is a folder, or another file.
    """
    if not out.exists():
        return
    if out.is_dir():
        raise BadInput(f"{out}: expected {expected}, found a folder")
    data = out.read_bytes()
    if data and mark not in data:
        raise BadInput(
            f"{out}: expected {expected}, found another one; nothing was changed. Give another file"
        )


def refuse_overlap(out: Path, source: Path) -> None:
    """Refuse a folder to write that is, contains or is inside what is read, with links resolved.

    Raises:
        BadInput: they overlap.
    """
    place, read = out.resolve(), source.resolve()
    if place == read:
        how = "is"
    elif read.is_relative_to(place):
        how = "contains"
    elif place.is_relative_to(read):
        how = "is inside"
    else:
        return
    raise BadInput(
        f"{out}: expected a folder of its own, but it {how} the source {source}, whose songs would be "
        "replaced or mixed with the track; nothing was changed. Give a folder outside the source"
    )
