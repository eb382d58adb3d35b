"""Writing and reading results: `<name>.json`, which people and pages read, beside `<name>.rows.parquet`.

The song rows are the record. The JSON holds what is computed from them (`aggregates`) and where they came
from. Reading a result recomputes every aggregate from the rows and refuses a file in which one differs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from fsdl_bench.errors import BadInput
from fsdl_bench.paths import atomic_write
from fsdl_bench.results.aggregates import summarise
from fsdl_bench.results.rows import SongRow, read_rows, rows_table, write_rows
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
    """Write `<name>.json` and `<name>.rows.parquet` and return them as a reader meets them.

    Raises:
        BadInput: the path does not end in .json, or the rows are not a complete evaluation.
    """
    if path.suffix != ".json":
        raise BadInput(f"A result is written to a .json file, not to {path}")
    beside = path.with_name(path.stem + ".rows.parquet")
    data = write_rows(beside, rows_table(rows, track_digest=run.track.digest, protocol=run.protocol))
    frame = read_rows(data, str(beside))
    result = Result(
        **{name: getattr(run, name) for name in Run.model_fields},
        schema_version=SCHEMA_VERSION,
        rows=RowsFile(file=beside.name, sha256=hashlib.sha256(data).hexdigest(), count=len(frame)),
        aggregates=summarise(frame, run.track.unit),
    )
    atomic_write(path, result.model_dump_json(indent=1) + "\n")
    return StoredResult(path, result, frame)


def read_result(path: Path) -> StoredResult:
    """Read a result, check it against the schema, and recompute its aggregates from its song rows.

    Raises:
        BadInput: a file is missing, a field is missing, unknown or of the wrong type, the rows are not those
            that the JSON names, or something that is stated does not follow from them; the field is named.
    """
    try:
        result = Result.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BadInput(f"Cannot read the result {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        raise BadInput(f"{path} is no result ({SCHEMA_VERSION}): {field}: {first['msg']}") from error
    frame = _read_rows_of(result, path)
    again = summarise(frame, result.track.unit)
    facts = {
        "track.digest": (result.track.digest, frame["track_digest"].iloc[0]),
        "protocol": (result.protocol, frame["protocol"].iloc[0]),
        "seeds": (list(result.seeds), sorted(int(seed) for seed in frame["seed"].unique())),
        "rows.count": (result.rows.count, len(frame)),
    }
    same_draws = _draws(result.environment.packages) == _draws({})
    stated, computed = result.aggregates.model_dump(), again.model_dump()
    facts |= dict(_differences("aggregates", stated, computed, same_draws))
    for field, (said, found) in facts.items():
        if said != found:
            raise BadInput(f"{path}: {field} is {said}, but its song rows give {found}")
    return StoredResult(path, result, frame)


def check_acceptable(stored: StoredResult) -> None:
    """Refuse what may not stand on a leaderboard though it is a valid file.

    Raises:
        BadInput: a smoke run, another split than test, or an audit that failed or is missing.
    """
    result = stored.result
    if result.smoke:
        raise BadInput(f"{stored.path} is a smoke run (smoke: true). Evaluate again without a limit.")
    if result.track.split != "test":
        raise BadInput(f"{stored.path} was scored on the {result.track.split} split, not on test.")
    if not result.audits:
        raise BadInput(f"{stored.path} was not audited.")
    if failed := [verdict.rule for verdict in result.audits if not verdict.passed]:
        raise BadInput(f"{stored.path} broke the rule: {', '.join(failed)}")


def _read_rows_of(result: Result, path: Path) -> pd.DataFrame:
    if Path(result.rows.file).name != result.rows.file:
        raise BadInput(f"{path}: rows.file should name a file beside it, found {result.rows.file}")
    beside = path.with_name(result.rows.file)
    try:
        data = beside.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: its song rows {beside} cannot be read: {error.strerror}") from error
    if (found := hashlib.sha256(data).hexdigest()) != result.rows.sha256:
        raise BadInput(f"{path}: rows.sha256 is {result.rows.sha256}, but that of {beside.name} is {found}")
    return read_rows(data, str(beside))


def _draws(packages: Mapping[str, str]) -> list[str]:
    """The versions that the bootstrap's random draws may depend on: as recorded, else as installed."""
    return [packages.get(name) or version(name) for name in ("numpy", "scipy")]


def _differences(
    field: str, stated: Any, computed: Any, same_draws: bool
) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """(field, (stated, computed)) wherever the two differ by more than rounding.

    Other versions of numpy and scipy may draw other bootstrap samples: then an end of an interval may be off
    by a tenth of its width.
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
