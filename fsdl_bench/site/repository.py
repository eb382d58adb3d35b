"""The repository that a result lies in: its root, and the submission file as it was when it was evaluated."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fsdl_bench.results import Result
from fsdl_bench.versions import git


@dataclass(frozen=True, slots=True)
class SubmissionFile:
    """Where the submission file was found.

    Attributes:
        path: below the root of the repository.
        at_commit: its content at the commit that the result names; None where that is not known.
        in_folder: its content in the working folder; None where there is no such file.
        sha256: the hash that the result gives.
    """

    path: str
    at_commit: bytes | None
    in_folder: bytes | None
    sha256: str

    @property
    def evaluated(self) -> bytes | None:
        """The content that was evaluated, wherever it was found."""
        return next((data for data in (self.at_commit, self.in_folder) if self._is(data)), None)

    @property
    def unchanged(self) -> bool:
        """Whether the working folder still holds what was evaluated."""
        return self._is(self.in_folder)

    def _is(self, data: bytes | None) -> bool:
        return data is not None and hashlib.sha256(data).hexdigest() == self.sha256


def root_of(path: Path) -> Path:
    """The closest folder above `path` that is a git repository; the working folder if there is none."""
    above = path.absolute().parents
    return next((folder for folder in above if (folder / ".git").exists()), Path.cwd())


def has_commit(root: Path, commit: str) -> bool:
    """Whether the repository at `root` has this commit."""
    return git(root, "cat-file", "-e", f"{commit}^{{commit}}") is not None


def submission_file(root: Path, result: Result) -> SubmissionFile | None:
    """The file that the result says was evaluated; None if it names no file inside the repository."""
    place = file_of(result.submission.source)
    if place is None:
        return None
    commit = result.environment.git_commit
    working = root / place
    inside = working.resolve().is_relative_to(root.resolve())
    return SubmissionFile(
        path=place,
        at_commit=git(root, "show", f"{commit}:{place}") if commit else None,
        in_folder=working.read_bytes() if inside and working.is_file() else None,
        sha256=result.submission.sha256,
    )


def file_of(source: str) -> str | None:
    """The relative path in `path.py` or `path.py:Class`; None for anything else."""
    place = source.rpartition(":")[0] if not source.endswith(".py") else source
    path = PurePosixPath(place)
    if path.suffix != ".py" or path.is_absolute() or ".." in path.parts:
        return None
    return str(path)
