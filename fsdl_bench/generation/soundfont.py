"""Find a soundfont that is installed: none is downloaded, and none comes with this package."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from fsdl_bench.errors import BadInput

_SYSTEM = ("/usr/share/sounds/sf2", "/usr/share/sounds/sf3", "/usr/share/soundfonts")
_SUFFIXES = (".sf2", ".sf3")


def find_soundfont(wanted: Path | None = None) -> Path | None:
    """Return a soundfont: the wanted one, else pretty_midi's, else one of the system; None if there is none.

    Raises:
        BadInput: the wanted file is not a soundfont.
    """
    if wanted is not None:
        if not wanted.is_file() or wanted.suffix.lower() not in _SUFFIXES:
            raise BadInput(f"--soundfont {wanted}: expected a {' or '.join(_SUFFIXES)} file")
        return wanted
    spec = find_spec("pretty_midi")
    folders = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    for folder in [*folders, *map(Path, _SYSTEM)]:
        found = sorted(path for path in folder.glob("*") if path.suffix.lower() in _SUFFIXES)
        if found:
            return found[0]
    return None
