"""The published schema of a result."""

from pathlib import Path

from fsdl_bench.results import result_schema

SCHEMA = Path(__file__).parents[2] / "schema" / "result-v1.schema.json"


def test_the_committed_schema_is_the_schema():
    """If this fails, the format has changed: commit the new schema, and keep old files readable."""
    assert SCHEMA.read_text() == result_schema()
