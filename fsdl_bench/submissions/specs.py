"""The names of submissions: a file, a module, or a reference model.

path.py    path.py:ClassName    package.module:ClassName    fsdl_bench:MODEL (fsdl_bench:lstm)
"""

from __future__ import annotations

from pathlib import Path

from fsdl_bench import fingerprint
from fsdl_bench.errors import BadInput

HOW = "expected path.py, path.py:ClassName, package.module:ClassName or fsdl_bench:MODEL"


def parse(spec: str) -> tuple[str, str]:
    """Return the file or module that a spec names, and the class or ""; raises `BadInput` for other texts."""
    place, colon, name = spec.rpartition(":")
    if not colon or not name.isidentifier():
        place, name = spec, ""
    if place == fingerprint.PACKAGE.name and (model := reference_models().get(name)):
        return str(model), ""
    if not place.endswith(".py") and not name:
        raise BadInput(f"{spec!r}: {HOW}")
    return place, name


def reference_models() -> dict[str, Path]:
    """Return the files of the reference models by name: in the package, or next to it in a checkout."""
    places = (fingerprint.PACKAGE / "baselines", fingerprint.PACKAGE.parent / "baselines")
    return {path.stem: path for place in places for path in sorted(place.glob("[!_]*.py"))}


def file_of(place: str) -> Path:
    """Return the absolute path of a submission's file; raises `BadInput` if there is none."""
    path = Path(place).expanduser().absolute()
    if not path.is_file():
        raise BadInput(f"{path}: no such file; {HOW}")
    return path
