"""`verified.toml`: the results that maintainers have run themselves, one `[[verified]]` table each.

An entry names the song rows by their hash, so it holds for exactly these scores. `fsdl-bench verify` and
`fsdl-bench leaderboard accept` propose entries; a maintainer commits them. Nothing in a result itself can
make it verified.
"""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, ValidationError

from fsdl_bench.errors import BadInput
from fsdl_bench.frozen import Frozen
from fsdl_bench.paths import atomic_file
from fsdl_bench.results import Result, Scoring
from fsdl_bench.results.schema import Sha256

if TYPE_CHECKING:
    from fsdl_bench.results import StoredResult

NAME = "verified.toml"

_HEADER = """\
# The results that maintainers have run themselves. An entry holds for the song rows with its hash.
# Propose entries with `fsdl-bench verify` or `fsdl-bench leaderboard accept`; do not write them by hand.

"""


class Verified(Frozen):
    """One entry.

    Attributes:
        track: the track's name.
        protocol: of the result.
        model: the name of the model.
        rows: SHA-256 of the result's song rows.
        commit: the commit that the verifying run was made with; "" if unknown.
        date: of the verifying run.
        machine: its device and operating system.
        by: who ran it.
        guarantees: how the run isolated its cells.
    """

    track: str
    protocol: Scoring
    model: str
    rows: Sha256
    commit: str
    date: datetime.date
    machine: str
    by: str
    guarantees: Annotated[tuple[str, ...], Field(strict=False)]  # TOML has lists only

    def names(self, result: Result) -> bool:
        """Whether the entry is about this result."""
        own = (self.track, self.protocol, self.model, self.rows)
        return own == (*_place(result), result.rows.sha256)


class _File(Frozen):
    verified: list[Verified] = Field(default_factory=list)


def read_verified(path: Path) -> tuple[Verified, ...] | None:
    """Read the entries; None if there is no file.

    Raises:
        BadInput: the file cannot be read, is not TOML, or an entry lacks a field.
    """
    if not path.exists():
        return None
    try:
        return tuple(_File.model_validate(tomllib.loads(path.read_text("utf-8"))).verified)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise BadInput(f"{path}: {place}: {first['msg']}") from None
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or not TOML
        raise BadInput(f"{path}: expected [[verified]] tables: {error}") from None


def proposal(stored: StoredResult, run: StoredResult, by: str) -> Verified:
    """Return the entry for a result.

    Args:
        stored: the result.
        run: the verified run that agrees with it; the result itself if it is one.
        by: who made that run.

    Raises:
        BadInput: the run is not a verified one, or `by` is empty.
    """
    if run.result.mode != "verified":
        raise BadInput(
            f"{run.path}: expected a result of `evaluate --verified`, found mode {run.result.mode}"
        )
    if not by.strip():
        raise BadInput("--by: expected the name of who ran it, found none")
    result, environment = stored.result, run.result.environment
    track, protocol, model = _place(result)
    return Verified(
        track=track,
        protocol=protocol,
        model=model,
        rows=result.rows.sha256,
        commit=environment.git_commit or "",
        date=run.result.created.date(),
        machine=f"{environment.device}, {environment.platform}",
        by=by.strip(),
        guarantees=run.result.guarantees,
    )


def toml_of(entries: Iterable[Verified]) -> str:
    """Return entries as TOML."""
    import tomli_w

    return tomli_w.dumps({"verified": [entry.model_dump() for entry in entries]})


def add_verified(path: Path, new: Sequence[Verified]) -> None:
    """Add entries to the file; an entry replaces an older one of the same track, protocol and model."""
    kept = {(one.track, one.protocol, one.model): one for one in (*(read_verified(path) or ()), *new)}
    ordered = [kept[key] for key in sorted(kept)]
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as temporary:
        temporary.write_text(_HEADER + toml_of(ordered), "utf-8")


def _place(result: Result) -> tuple[str, Scoring, str]:
    return result.track.name, result.protocol, result.submission.name
