"""Export a built track as a dataset repository of the Hugging Face Hub.

The track's own folder is nearly one already: its README has the front matter that the Hub and `datasets`
read. The export verifies every file, leaves out what is derived (the memory-mapped arrays), and adds the
attributes for large files. Nothing is uploaded.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from fsdl_bench.paths import atomic_directory
from fsdl_bench.tracks.manifest import NAME
from fsdl_bench.tracks.ownership import ATTRIBUTES, refuse_other_track_folder
from fsdl_bench.tracks.sidecar import verified
from fsdl_bench.tracks.track import load_track

_LARGE_FILES = "*.parquet filter=lfs diff=lfs merge=lfs -text\n"


def export_hub(track: str | os.PathLike[str], out: Path) -> list[str]:
    """Write the repository of a track to `out`, and return the names of its files.

    Raises:
        BadInput: there is no such track, one of its files is damaged, or `out` holds something else.
    """
    opened = load_track(track)
    refuse_other_track_folder(out, opened.name, export=True)
    with atomic_directory(out) as folder:
        for name in opened.manifest.files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with verified(opened.path, opened.manifest, name) as stream, (folder / name).open("wb") as copy:
                shutil.copyfileobj(stream, copy)
        (folder / NAME).write_bytes((opened.path / NAME).read_bytes())
        (folder / ATTRIBUTES).write_text(_LARGE_FILES, encoding="utf-8")
    return sorted([*opened.manifest.files, NAME, ATTRIBUTES])
