"""The JSON of a result as pydantic models. `schema/result-v1.schema.json` is generated from them.

`SCHEMA_VERSION` changes if an old reader could misread a new file.
"""

from __future__ import annotations

import json
from typing import Annotated, Literal, TypeAlias

from pydantic import AwareDatetime, Field

from fsdl_bench.codecs.base import Unit
from fsdl_bench.frozen import Frozen, Plain
from fsdl_bench.results.aggregates import Aggregates, ShotSummary
from fsdl_bench.results.rows import Scoring
from fsdl_bench.songs import Kind

SCHEMA_VERSION: Literal["fsdl-bench-result-1"] = "fsdl-bench-result-1"

Count: TypeAlias = Annotated[int, Field(ge=0)]
Sha256: TypeAlias = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class TrackInfo(Frozen):
    """The track and the episodes of an evaluation. Results are comparable only if all of this is equal."""

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
    """The evaluated submission.

    Attributes:
        name: the model's name in tables.
        family: a group for filtering, such as "n-gram", "adaptive" or "meta-learned".
        description: a sentence or two about the model.
        exact: false for a model that only gives an upper bound; it is listed separately, with "<=".
        source: the path or import path that was evaluated.
        sha256: the hash of the submission file.
        code: a hash of that file and of everything that it imports from its folder; None if unknown.
        arguments: the constructor arguments.
        parameters: the number of learnt parameters; None if the submission does not report it.
        notes: anything else that the submission reports, such as training tokens.
        budget: the budget class of its training, as it says itself.
        outside_data: what it learnt from outside the track; "" for nothing, None if it was not asked.
        system: whether it combines several models; None if it was not asked.
        precision: the coarsest type that its scores pass through, as it says itself.
    """

    name: str
    family: str
    description: str
    exact: bool
    source: str
    sha256: Sha256
    code: str | None = None
    arguments: dict[str, Plain]
    parameters: Count | None
    notes: dict[str, Plain]
    budget: Literal["quarter-hour", "hour", "open"] = "open"
    outside_data: str | None = None
    system: bool | None = None
    precision: str | None = None


class Cost(Frozen):
    """The cost of an evaluation, in wall-clock time unless a field says otherwise.

    Attributes:
        fit_seconds: of the fit, also if it was cached; the mean over seeds.
        fit_processor_seconds: processor time of all training behind a fit, likewise.
        adapt_ms: milliseconds for one `adapt` at the headline shot.
        tokens_per_second: query tokens scored in a second.
        audit_seconds: of all audits.
        peak_memory_mib: of the processes that ran the submission.
    """

    fit_seconds: float | None
    fit_processor_seconds: float | None = None
    adapt_ms: float | None
    tokens_per_second: float | None
    audit_seconds: float | None
    peak_memory_mib: float | None


class Environment(Frozen):
    """The machine and the software. `git_commit` and `git_dirty` are None outside a git repository."""

    device: str
    python: str
    platform: str
    packages: dict[str, str]
    git_commit: str | None
    git_dirty: bool | None


class AuditVerdict(Frozen):
    """The verdict on one rule.

    Attributes:
        rule: the rule's name, such as "causality".
        passed: whether every check was within the tolerance.
        checks: the number of comparisons.
        worst: the largest difference found, in nats.
        tolerance: the largest difference that the floating-point type explains, in nats.
        detail: the place of the largest difference, or "".
    """

    rule: str
    passed: bool
    checks: Count
    worst: float | None
    tolerance: float | None
    detail: str


class Compression(Frozen):
    """Proof by compression: query songs that were restored exactly from bits and the support alone.

    Attributes:
        cells: how many cells' query songs were compressed.
        songs: how many songs.
        bits: the size of all of them.
        ideal: -log2 p of all of them.
    """

    cells: Count
    songs: Count
    bits: Count
    ideal: float


class Run(Frozen):
    """The part of a result that is not computed from its song rows.

    Attributes:
        smoke: whether the run was shortened with `--limit`; such a run is never ranked.
        status: "verified" only if the maintainers ran the submission themselves.
        mode: "verified" if each token was revealed after its scores; "batched" if songs were scored whole.
        guarantees: how a verified run isolated its cells, in words.
        compression: of some query songs at the headline shot, in a verified run.
    """

    track: TrackInfo
    protocol: Scoring
    submission: SubmissionInfo
    seeds: tuple[int, ...]
    smoke: bool
    status: Literal["self-reported", "verified"]
    mode: Literal["batched", "verified"] = "batched"
    guarantees: tuple[str, ...] = ()
    compression: Compression | None = None
    created: AwareDatetime
    cost: Cost
    environment: Environment
    audits: tuple[AuditVerdict, ...]


class RowsFile(Frozen):
    """The file beside the JSON with the song rows that the aggregates were computed from."""

    file: str
    sha256: Sha256
    count: Count


class Result(Run):
    """One evaluation: the content of `<name>.json`."""

    schema_version: Literal["fsdl-bench-result-1"]
    rows: RowsFile
    aggregates: Aggregates

    @property
    def headline(self) -> ShotSummary | None:
        """The figures at the headline shot; None if the run was made without it."""
        return next((one for one in self.aggregates.shots if one.shots == self.track.headline_shot), None)


def result_schema() -> str:
    """Return the JSON Schema of a result, which `schema/result-v1.schema.json` contains."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Result.model_json_schema()}
    return json.dumps(schema, indent=1) + "\n"
