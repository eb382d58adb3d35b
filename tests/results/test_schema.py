"""The published schema of a result."""

from pathlib import Path

from fsdl_bench.results import result_schema

SCHEMA = Path(__file__).parents[2] / "schema" / "result-v1.schema.json"


def test_the_committed_schema_is_the_schema():
    """Where this fails the format has changed: commit the new schema, and think of old files."""
    assert SCHEMA.read_text() == result_schema()
