"""Whether a site is what a build would write again: `build.json` has the inputs' key and all checksums."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import fsdl_bench
from fsdl_bench import fingerprint
from fsdl_bench.checked import checksum
from fsdl_bench.paths import home
from fsdl_bench.site.repository import root_of
from fsdl_bench.versions import git, package_versions

NAME = "build.json"
_PAGES = frozenset({"index.html", "removals.html", "leaderboard.json", NAME})
_FOLDERS = frozenset({"artists", "assets", "compare", "data", "models", "samples", "submissions", "tracks"})


def inputs(results: Path) -> str:
    """Return a key of all that a site depends on: results and their neighbours, tracks, submissions, code."""
    commit = git(root_of(results), "rev-parse", "HEAD")
    return fingerprint.key(
        [[os.path.relpath(path, results), checksum(path)] for path in _files(results)],
        commit.decode() if commit else None,
        package_versions(("fsdl-bench", "jinja2", "matplotlib", "numpy", "pandas", "scipy")),
    )


def is_current(out: Path, key: str) -> bool:
    """Whether a site has this key, and all its files as they were written and no other."""
    try:
        found = json.loads((out / NAME).read_bytes())
        same = found["key"] == key
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(same) and found["files"] == _checksums(out)


def own(out: Path) -> Callable[[str], bool]:
    """Return whether a path relative to `out` is a file of the site that was built there.

    `build.json` lists the files. If it is damaged, they are known by their place.
    """
    try:
        files = {*json.loads((out / NAME).read_bytes())["files"], NAME}
    except (OSError, ValueError, KeyError, TypeError):
        if not (out / "leaderboard.json").is_file():
            return lambda _: False
        return lambda path: path in _PAGES or path.partition("/")[0] in _FOLDERS
    return lambda path: path in files


def record(folder: Path, key: str) -> None:
    """Write `build.json` into a finished site."""
    files = _checksums(folder)
    (folder / NAME).write_text(json.dumps({"key": key, "files": files}, indent=1) + "\n", "utf-8")


def _checksums(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / NAME)
    return {path.relative_to(folder).as_posix(): checksum(path) for path in paths}


def _files(results: Path) -> Iterator[Path]:
    """The files that a site is made from, those of the built tracks and of submissions included."""
    parent = results.parent
    for folder in (results, parent / "samples"):
        yield from sorted(path for path in folder.rglob("*") if path.is_file())
    package = Path(fsdl_bench.__file__).parent
    for folder, pattern in (
        (parent, "*.toml"),
        (home() / "tracks", "*/manifest.json"),
        (package / "pretrained", "*/*.json"),
        (package / "track_data", "*.toml"),
        (package, "**/*.py"),
        (package / "site", "*/*.*"),
        (root_of(results) / "baselines", "*.py"),
    ):
        yield from sorted(folder.glob(pattern))
