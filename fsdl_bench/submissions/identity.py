"""The identity of a fit: what its cache key covers, written once for fits and journals.

    key = hash(class, code, arguments and the files that they name, track digest, seed)

What a submission opens without naming it in an argument cannot be known before it ran: see `inputs`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from fsdl_bench import fingerprint
from fsdl_bench.submissions.loading import LoadedSubmission


@dataclass(frozen=True)
class Identity:
    """Everything that a fit depends on and that is known before it is made.

    Attributes:
        name: the class or function that was asked for.
        code: hash of its source file and of what this imports from its folder.
        arguments: hash of each constructor argument, with the content of the files and folders it names.
        track: the track's digest.
        seed: the seed of the fit.
    """

    name: str
    code: str
    arguments: Mapping[str, str]
    track: str
    seed: int

    @property
    def key(self) -> str:
        """32 hex digits over all of it."""
        return fingerprint.key(asdict(self))


def identity(loaded: LoadedSubmission, track_digest: str, seed: int) -> Identity:
    """Return the identity of a submission's fit.

    Raises:
        OSError: a file that an argument names cannot be read.
    """
    arguments = {
        name: fingerprint.key(one.text, [[path, fingerprint.content(Path(path))] for path in one.paths])
        for name, one in loaded.arguments.items()
    }
    return Identity(loaded.name, loaded.digest, arguments, track_digest, seed)
