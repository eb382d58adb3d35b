"""Versions of the code that a result or a track depends on: installed packages and the git commit."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

GIT_SECONDS = 30.0


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """Return the version of every package of `names` that is installed."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def git(folder: Path, *arguments: str) -> bytes | None:
    """Return the output of `git -C folder ARGUMENTS`, or None if git is missing or fails."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, capture_output=True, timeout=GIT_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None


# Unknown where the package is on the path without being installed.
__version__ = package_versions(["fsdl-bench"]).get("fsdl-bench", "unknown")
