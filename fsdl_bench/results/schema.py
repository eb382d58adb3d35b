"""What a result's JSON holds, as pydantic models; they are the schema that is committed in `schema/`.

`SCHEMA_VERSION` changes when an old reader could misread a new file.
"""

from __future__ import annotations

import json
from typing import Annotated, Literal, TypeAlias

from pydantic import AwareDatetime, Field

from fsdl_bench.codecs.base import Unit
from fsdl_bench.frozen import Frozen
from fsdl_bench.results.aggregates import Aggregates
from fsdl_bench.results.rows import Scoring
from fsdl_bench.songs import Kind

SCHEMA_VERSION: Literal["fsdl-bench-result-1"] = "fsdl-bench-result-1"

Plain: TypeAlias = str | int | float | bool | None
Count: TypeAlias = Annotated[int, Field(ge=0)]
Sha256: TypeAlias = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class TrackInfo(Frozen):
    """What was evaluated on. Two results compare only where all of this is equal."""

    name: str
    kind: Kind
    digest: str
    version: str
    codec: str
    unit: Unit
    split: Literal["test", "validation"]
    episodes_digest: str
    headline_shot: Count
    queries: Count
    episodes: Count


class SubmissionInfo(Frozen):
    """Whose model it is.

    Attributes:
        name: as it stands in tables.
        family: such as "n-gram", "adaptive", "meta-learned"; for filtering.
        exact: false for a model that can only give a bound; such results are listed apart, with "<=".
        source: the path or import path that was evaluated.
        sha256: of the submission file.
        arguments: constructor arguments.
        parameters: how many numbers were learnt, where the submission says so.
        notes: what else the submission says of itself, such as training tokens.
    """

    name: str
    family: str
    description: str
    exact: bool
    source: str
    sha256: Sha256
    arguments: dict[str, Plain]
    parameters: Count | None
    notes: dict[str, Plain]


class Cost(Frozen):
    """What it took. Times are wall-clock; `fit_seconds` is of the first fit where a cached one was used."""

    fit_seconds: float | None
    adapt_ms: float | None
    tokens_per_second: float | None
    audit_seconds: float | None
    peak_memory_mib: float | None


class Environment(Frozen):
    """Where it ran. `git_commit` and `git_dirty` are of the working folder, absent outside a repository."""

    device: str
    python: str
    platform: str
    packages: dict[str, str]
    git_commit: str | None
    git_dirty: bool | None


class AuditVerdict(Frozen):
    """One rule, checked.

    Attributes:
        rule: such as "causality".
        passed: whether every check was within the tolerance.
        checks: how many comparisons were made.
        worst: the largest difference in nats that was met.
        tolerance: the largest difference that the floating-point type explains.
        detail: where the worst difference was, or "".
    """

    rule: str
    passed: bool
    checks: Count
    worst: float | None
    tolerance: float | None
    detail: str


class Run(Frozen):
    """Everything of a result that does not follow from its song rows.

    Attributes:
        smoke: a shortened run that shows that the pieces fit; never a result.
        status: "verified" only where the maintainers ran the submission themselves.
    """

    track: TrackInfo
    protocol: Scoring
    submission: SubmissionInfo
    seeds: tuple[int, ...]
    smoke: bool
    status: Literal["self-reported", "verified"]
    created: AwareDatetime
    cost: Cost
    environment: Environment
    audits: tuple[AuditVerdict, ...]


class RowsFile(Frozen):
    """The song rows that the aggregates were computed from, in a file beside the JSON."""

    file: str
    sha256: Sha256
    count: Count


class Result(Run):
    """One evaluation, as the JSON holds it."""

    schema_version: Literal["fsdl-bench-result-1"]
    rows: RowsFile
    aggregates: Aggregates


def result_schema() -> str:
    """The JSON Schema of a result, as committed in `schema/result-v1.schema.json`."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Result.model_json_schema()}
    return json.dumps(schema, indent=1) + "\n"
