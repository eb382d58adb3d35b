"""The git repository of a result: its root, and the submission file as it was evaluated."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fsdl_bench.results import Result
from fsdl_bench.versions import git


@dataclass(frozen=True, slots=True)
class SubmissionFile:
    """The submission file of a result, from git and from the working folder.

    Attributes:
        path: the file, relative to the root of the repository.
        at_commit: its content at the commit that the result names; None if git does not have it.
        in_folder: its content in the working folder; None if there is no such file.
        sha256: the hash that the result states.
    """

    path: str
    at_commit: bytes | None
    in_folder: bytes | None
    sha256: str

    @property
    def evaluated(self) -> bytes | None:
        """The content with the stated hash; None if neither place has it."""
        return next((data for data in (self.at_commit, self.in_folder) if self._is(data)), None)

    @property
    def unchanged(self) -> bool:
        """Whether the file in the working folder has the stated hash."""
        return self._is(self.in_folder)

    def _is(self, data: bytes | None) -> bool:
        return data is not None and hashlib.sha256(data).hexdigest() == self.sha256


def root_of(path: Path) -> Path:
    """Return the closest git repository above `path`, else the current working directory."""
    above = path.absolute().parents
    return next((folder for folder in above if (folder / ".git").exists()), Path.cwd())


def has_commit(root: Path, commit: str) -> bool:
    """Whether the repository at `root` has this commit."""
    return is_hash(commit) and git(root, "cat-file", "-e", f"{commit}^{{commit}}") is not None


def is_hash(name: str) -> bool:
    """Whether this is the hash of a commit. Anything else, such as `--output=x`, is never passed to git."""
    return re.fullmatch("[0-9a-f]{7,64}", name) is not None


def submission_file(root: Path, result: Result) -> SubmissionFile | None:
    """Return the evaluated file; None if the result names no file inside the repository."""
    place = file_of(result.submission.source)
    if place is None:
        return None
    commit = result.environment.git_commit
    working = root / place
    inside = working.resolve().is_relative_to(root.resolve())
    return SubmissionFile(
        path=place,
        at_commit=git(root, "show", f"{commit}:{place}") if commit and is_hash(commit) else None,
        in_folder=working.read_bytes() if inside and working.is_file() else None,
        sha256=result.submission.sha256,
    )


def file_of(source: str) -> str | None:
    """Return the relative path in `path.py` or `path.py:Class`; None for anything else."""
    place = source.rpartition(":")[0] if not source.endswith(".py") else source
    path = PurePosixPath(place)
    if path.suffix != ".py" or path.is_absolute() or ".." in path.parts or "\0" in place:
        return None
    return str(path)
