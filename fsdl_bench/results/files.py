"""Write and read results: `<name>.json`, read by people and pages, and `<name>.rows.parquet` next to it.

The song rows are the record. The JSON holds the figures computed from them (`aggregates`) and their origin.
`read_result` computes every aggregate again from the rows and refuses a file in which one differs.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from fsdl_bench.errors import BadInput
from fsdl_bench.placing import refuse_other_file
from fsdl_bench.results.aggregates import summarise
from fsdl_bench.results.pair import rows_name, rows_of, write_pair
from fsdl_bench.results.rows import SongRow, read_rows, rows_table, rows_to_parquet
from fsdl_bench.results.schema import SCHEMA_VERSION, Result, RowsFile, Run

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class StoredResult:
    """A result that was read and checked, with its song rows."""

    path: Path
    result: Result
    rows: pd.DataFrame

    @property
    def name(self) -> str:
        """The file's name without `.json`."""
        return self.path.name.removesuffix(".json")


def write_result(path: Path, run: Run, rows: Iterable[SongRow]) -> StoredResult:
    """Write `<name>.json` and `<name>.rows.parquet`, and return what `read_result` would.

    A kill at any moment leaves the old result or the new one (`results/pair.py`).

    Raises:
        BadInput: the path does not end in .json or is no result, or the rows are not a complete evaluation.
        ValueError: there are no rows, or they differ in which optional values they have.
        OSError: a file cannot be written.
    """
    if path.suffix != ".json":
        raise BadInput(f"{path}: expected the name of a .json file for the result")
    refuse_other_result(path)
    beside = path.with_name(rows_name(path))
    data = rows_to_parquet(rows_table(rows, track_digest=run.track.digest, protocol=run.protocol))
    frame = read_rows(data, str(beside))
    result = Result(
        **{name: getattr(run, name) for name in Run.model_fields},
        schema_version=SCHEMA_VERSION,
        rows=RowsFile(file=beside.name, sha256=hashlib.sha256(data).hexdigest(), count=len(frame)),
        aggregates=summarise(frame, run.track.unit),
    )
    write_pair(path, result.model_dump_json(indent=1) + "\n", data)
    return StoredResult(path, result, frame)


def refuse_other_result(path: Path) -> None:
    """Refuse to replace a file that is no result, not even a damaged one.

    Raises:
        BadInput: there is such a file.
    """
    refuse_other_file(path, "a new file, or an earlier result", b'"schema_version"')


_BESIDE = (".verified.json", ".fresh.json")
"""The ends of the files that `fsdl-bench verify` writes next to a result; no results of their own."""


def result_paths(folder: Path) -> list[Path]:
    """Return the files of the results below a folder, sorted."""
    found = (path for path in folder.rglob("*.json") if not path.name.startswith("."))
    return sorted(path for path in found if not path.name.endswith(_BESIDE))


def read_result(path: str | os.PathLike[str]) -> StoredResult:
    """Read a result, check it against the schema, and compute its aggregates again from its song rows.

    Raises:
        BadInput: a file is missing, a field is missing, unknown or of the wrong type, the rows do not have
            the hash that the JSON names, or a field disagrees with the rows. The message names the field.
    """
    path = Path(path)
    result, data = _read_pair(path)
    frame = read_rows(data, str(path.with_name(result.rows.file)))
    again = summarise(frame, result.track.unit)
    facts: dict[str, tuple[Any, Any]] = {
        "track.digest": (result.track.digest, frame["track_digest"].iloc[0]),
        "protocol": (result.protocol, frame["protocol"].iloc[0]),
        "seeds": (list(result.seeds), sorted(int(seed) for seed in frame["seed"].unique())),
        "rows.count": (result.rows.count, len(frame)),
    }
    if again.control is not None:  # the control is scored at the headline shot, and only there
        facts["track.headline_shot"] = (result.track.headline_shot, again.control.shots)
    same_draws = _draws(result.environment.packages) == _draws({})
    stated, computed = result.aggregates.model_dump(), again.model_dump()
    facts |= dict(_differences("aggregates", stated, computed, same_draws))
    for field, (said, found) in facts.items():
        if said != found:
            raise BadInput(f"{path}: {field} is {said}, but its song rows give {found}. {_AGAIN}")
    return StoredResult(path, result, frame)


_AGAIN = "Copy both files of the result again from where they were written, or evaluate again."


def check_acceptable(stored: StoredResult) -> None:
    """Refuse a valid result that a leaderboard cannot rank.

    Raises:
        BadInput: a smoke run, another split than test, or an audit that failed or is missing.
    """
    result = stored.result
    if result.smoke:
        raise BadInput(f"{stored.path} is a smoke run (smoke: true). Evaluate again without --limit.")
    if result.track.split != "test":
        raise BadInput(f"{stored.path} was scored on the {result.track.split} split, not on test.")
    if not result.audits:
        raise BadInput(f"{stored.path} was not audited.")
    if failed := [verdict.rule for verdict in result.audits if not verdict.passed]:
        raise BadInput(f"{stored.path} broke the rule: {', '.join(failed)}")


def _read_pair(path: Path) -> tuple[Result, bytes]:
    """The validated JSON, and the song rows with the hash that it names."""
    while True:
        text = _content(path)
        result = _parse(text, path)
        if not re.fullmatch(r"[^/\\\0]+\.parquet", result.rows.file):
            raise BadInput(
                f"{path}: rows.file should name a .parquet file next to it, found {result.rows.file!r}"
            )
        if (data := rows_of(path, result.rows.file, result.rows.sha256)) is not None:
            return result, data
        if _content(path) == text:  # else the result was replaced in the meantime: read the new one
            raise BadInput(_no_rows(path, result.rows))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: the result cannot be read: {error.strerror}") from error


def _parse(text: bytes, path: Path) -> Result:
    try:
        return Result.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        raise BadInput(f"{path} is no result ({SCHEMA_VERSION}): {field}: {first['msg']}") from error


def _no_rows(path: Path, named: RowsFile) -> str:
    beside = path.with_name(named.file)
    try:
        found = hashlib.sha256(beside.read_bytes()).hexdigest()
    except OSError as error:
        return f"{beside}: the song rows of {path.name} cannot be read: {error.strerror}. {_AGAIN}"
    return f"{beside}: {path.name} names song rows with rows.sha256 {named.sha256}, found {found}. {_AGAIN}"


def _draws(packages: Mapping[str, str]) -> list[str]:
    """The versions that the bootstrap draws depend on: the recorded ones, else the installed ones."""
    return [packages.get(name) or version(name) for name in ("numpy", "scipy")]


def _differences(
    field: str, stated: Any, computed: Any, same_draws: bool
) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Yield (field, (stated, computed)) for every field in which the two differ by more than rounding.

    Other versions of numpy and scipy may draw other bootstrap samples. Without `same_draws`, an end of an
    interval may therefore be off by a tenth of the interval's width.
    """
    if isinstance(stated, dict) and isinstance(computed, dict):
        for key in stated.keys() | computed.keys():
            one, two = stated.get(key), computed.get(key)
            if one is not None and two is not None and key in ("low", "high") and not same_draws:
                one = two if abs(one - two) <= 0.1 * (computed["high"] - computed["low"]) else one
            if one != two:
                yield from _differences(f"{field}.{key}", one, two, same_draws)
    elif isinstance(stated, tuple) and isinstance(computed, tuple) and len(stated) == len(computed):
        for index, pair in enumerate(zip(stated, computed, strict=True)):
            yield from _differences(f"{field}[{index}]", *pair, same_draws)
    elif isinstance(stated, float) and isinstance(computed, float):
        if abs(stated - computed) > 1e-9 * max(1.0, abs(computed)):
            yield field, (stated, computed)
    elif stated != computed:
        yield field, (stated, computed)
