"""Cache keys: one answer to "which code, arguments and files does this cached object depend on?"

    key       a hash of parts that JSON can write
    content   a hash of a file, or of every file below a folder
    code      a hash of a file and of everything that it imports from its own folder
    modules   a hash of modules of this package and of everything that they import from it

Imports are traced through the syntax tree, so imports inside functions count too. A module that is imported
by a computed name (`importlib.import_module(name)`) is not found; name it explicitly.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent
PRETRAINED = PACKAGE / "pretrained"
"""The weights that ship with the package: its only files that a fit depends on and that are no code."""


def key(*parts: Any) -> str:
    """Return 32 hex digits over parts that JSON can write.

    Raises:
        TypeError: a part is no JSON value.
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=16).hexdigest()


def content(path: Path) -> str:
    """Return 32 hex digits over the content of a file, or over the names and contents of a folder's files.

    Links are followed. Python's bytecode (`__pycache__`) is left out.

    Raises:
        OSError: the path is missing or cannot be read.
    """
    if not path.is_dir():
        return _file(path)
    files = sorted(_files_below(path, frozenset()))
    return key([[file.relative_to(path).as_posix(), _file(file)] for file in files])


def code(file: Path, root: Path, package: str = "") -> str:
    """Return 32 hex digits over a source file and, through all imports, the files below `root` that it uses.

    Args:
        file: the file to start from, below `root`.
        root: the folder that imports are resolved in.
        package: follow only imports of this package; all imports that `root` has a file for if empty.
    """
    return _files(source_files([file.absolute()], root.absolute(), package), root.absolute())


@cache
def modules(*names: str) -> str:
    """Return 32 hex digits over modules of this package and everything that they import from it.

    Args:
        names: full module names, such as `fsdl_bench.comparison`.
    """
    root = PACKAGE.parent
    files = [_module_file(name) for name in names]
    ours = [file for file in files if file.is_relative_to(root)]
    # A package's search path may name further folders, which a user's own sources come from.
    others = [_file(file) for file in files if not file.is_relative_to(root)]
    return key(_files(source_files(ours, root, PACKAGE.name), root), others)


def source_files(files: Iterable[Path], root: Path, package: str = "") -> set[Path]:
    """Return these source files and, through all imports, the files below `root` that they use."""
    found: set[Path] = set()
    waiting = list(files)
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for name in _imported(path, root):
            if package and name.split(".")[0] != package:
                continue
            place = root.joinpath(*name.split("."))
            waiting += [p for p in (place.with_suffix(".py"), place / "__init__.py") if p.is_file()]
    return found


def _files_below(folder: Path, around: frozenset[Path]) -> Iterator[Path]:
    """The files of a folder and its subfolders; a link back to a folder around it is not followed."""
    around |= {folder.resolve()}
    for entry in folder.iterdir():
        if entry.is_file():
            yield entry
        elif entry.is_dir() and entry.name != "__pycache__" and entry.resolve() not in around:
            yield from _files_below(entry, around)


def _module_file(name: str) -> Path:
    found = find_spec(name)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"there is no module {name}")
    return Path(found.origin)


def _imported(path: Path, root: Path) -> Iterator[str]:
    """The dotted names that a file imports, each with all its parents, as seen from `root`."""
    package = path.relative_to(root).parts[:-1]
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            names = [f"{base}.{alias.name}" if base else alias.name for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[: end + 1]) for end in range(len(parts)))


def _files(paths: Iterable[Path], root: Path) -> str:
    return key([[path.relative_to(root).as_posix(), _file(path)] for path in sorted(paths)])


def _file(path: Path) -> str:
    state = blake2b(digest_size=16)
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            state.update(block)
    return state.hexdigest()
