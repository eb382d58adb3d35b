"""The record of the files that a build or an export has written, so that nothing else is replaced."""

from __future__ import annotations

import json
import re
from pathlib import Path

from fsdl_bench.errors import BadInput
from fsdl_bench.placing import refuse_other_files
from fsdl_bench.tracks.manifest import NAME
from fsdl_bench.tracks.sidecar import FOLDER

ATTRIBUTES = ".gitattributes"
"""Files of an export that a built track does not have."""

_KEYS = {"format", "name", "kind", "digest", "files", "definition"}
_FILES = re.compile(
    r"(?:manifest|croissant|codec)\.json|definition\.toml|splits\.csv|README\.md|rejected\.parquet"
    r"|(?:train|validation|test)-\d+-of-\d+\.parquet|(?:metadata|performance)/\w+\.parquet"
    rf"|{re.escape(FOLDER)}/[^/]+"
)


def refuse_other_track_folder(out: Path, name: str, *, export: bool = False) -> None:
    """Refuse to replace a folder that is neither empty nor an older build, or export, of the same track.

    A track whose manifest is damaged is accepted: building it again is what repairs it.

    Args:
        out: the folder that would be replaced.
        name: the track's name.
        export: whether an export is to be written, and no track.

    Raises:
        BadInput: it is a file, holds other files, or another track.
    """
    expected = f"a new folder, or an earlier {'export' if export else 'build'} of {name}"
    if not out.is_dir() or not any(out.iterdir()):
        refuse_other_files(out, expected, lambda _: False)
        return
    try:
        manifest = json.loads((out / NAME).read_bytes())
    except OSError:
        manifest = {}
    except ValueError:  # damaged
        manifest = None if any(out.glob("*-of-*.parquet")) else {}
    known: set[str] = set()
    if manifest is not None:
        if not isinstance(manifest, dict) or not manifest.keys() >= _KEYS:
            refuse_other_files(out, expected, lambda _: False)
            return
        if manifest["name"] != name:
            raise BadInput(
                f"{out}: expected {expected}, found the track {manifest['name']}; nothing was changed. "
                "Give another folder with --out, or move it away"
            )
        known = set(manifest["files"])
    if export:
        if not (out / ATTRIBUTES).is_file():
            raise BadInput(f"{out}: expected {expected}, found a built track; give another folder with --out")
        known.add(ATTRIBUTES)
    refuse_other_files(out, expected, lambda path: path in known or _FILES.fullmatch(path) is not None)
