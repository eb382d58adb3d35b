"""Results: song rows (the unit of record), the figures computed from them, and the files of both."""

from fsdl_bench.results.aggregates import (
    Aggregates,
    ControlSummary,
    ShotSummary,
    artist_figures,
    in_unit,
    summarise,
)
from fsdl_bench.results.files import StoredResult, check_acceptable, read_result, write_result
from fsdl_bench.results.rows import (
    Condition,
    Scoring,
    SongRow,
    check_rows,
    read_rows,
    rows_table,
    rows_to_parquet,
)
from fsdl_bench.results.schema import (
    SCHEMA_VERSION,
    AuditVerdict,
    Compression,
    Cost,
    Environment,
    Result,
    RowsFile,
    Run,
    SubmissionInfo,
    TrackInfo,
    result_schema,
)

__all__ = [
    "SCHEMA_VERSION",
    "Aggregates",
    "AuditVerdict",
    "Compression",
    "Condition",
    "ControlSummary",
    "Cost",
    "Environment",
    "Result",
    "RowsFile",
    "Run",
    "Scoring",
    "ShotSummary",
    "SongRow",
    "StoredResult",
    "SubmissionInfo",
    "TrackInfo",
    "artist_figures",
    "check_acceptable",
    "check_rows",
    "in_unit",
    "read_result",
    "read_rows",
    "result_schema",
    "rows_table",
    "rows_to_parquet",
    "summarise",
    "write_result",
]
