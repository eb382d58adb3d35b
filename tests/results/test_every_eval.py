"""Results as records of Every Eval Ever: what its schema 0.2.1 demands, and the figures."""

import json

import pytest
from jsonschema import Draft7Validator

from fsdl_bench.results import Result, write_result
from fsdl_bench.results.every_eval import every_eval, file_name

STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["schema_version", "evaluation_id", "retrieved_timestamp", "source_metadata", "model_info",
                 "eval_library", "evaluation_results"],
    "properties": {
        "schema_version": {"const": "0.2.1"},
        "evaluation_id": {"type": "string"},
        "evaluation_timestamp": {"type": "string"},
        "retrieved_timestamp": {"type": "string", "pattern": "^[0-9]+$"},
        "source_metadata": {
            "required": ["source_type", "source_organization_name", "evaluator_relationship"],
            "properties": {
                "source_type": {"enum": ["documentation", "evaluation_run"]},
                "evaluator_relationship": {"enum": ["first_party", "third_party", "collaborative", "other"]},
                "additional_details": STRINGS,
            },
        },
        "eval_library": {"required": ["name", "version"], "properties": {"additional_details": STRINGS}},
        "model_info": {"required": ["name", "id"], "properties": {"additional_details": STRINGS}},
        "evaluation_results": {
            "type": "array",
            "items": {
                "required": ["evaluation_name", "source_data", "metric_config", "score_details"],
                "properties": {
                    "source_data": {
                        "required": ["dataset_name", "source_type"],
                        "properties": {"source_type": {"const": "other"}, "additional_details": STRINGS},
                    },
                    "metric_config": {
                        "required": ["lower_is_better", "score_type", "min_score", "max_score"],
                        "properties": {"score_type": {"const": "continuous"}},
                    },
                    "score_details": {
                        "required": ["score"],
                        "properties": {
                            "score": {"type": "number"},
                            "uncertainty": {
                                "properties": {
                                    "confidence_interval": {"required": ["lower", "upper"]},
                                    "num_samples": {"type": "integer"},
                                }
                            },
                        },
                    },
                },
            },
        },
    },
}  # fmt: skip
"""The parts of the schema that a record of ours can meet, written down from its public version."""


@pytest.fixture
def result(some_rows, a_run, tmp_path) -> Result:
    return write_result(tmp_path / "a.json", a_run(), some_rows()).result


def test_a_record_is_valid_and_has_the_figures(result):
    record = json.loads(json.dumps(every_eval(result)))
    Draft7Validator(SCHEMA).validate(record)
    found = {row["evaluation_name"]: row["score_details"]["score"] for row in record["evaluation_results"]}
    where = f"{result.track.name}, {result.protocol}"
    expected = {f"{where}, {shot.shots} shots": shot.nll.mean for shot in result.aggregates.shots}
    control = result.aggregates.control
    assert found == expected | {f"{where}, {control.shots} shots, wrong artist": control.nll.mean}
    interval = record["evaluation_results"][0]["score_details"]["uncertainty"]["confidence_interval"]
    assert (interval["lower"], interval["upper"]) == (
        result.aggregates.shots[0].nll.low,
        result.aggregates.shots[0].nll.high,
    )


def test_the_name_of_a_record_depends_on_what_it_is(result):
    ours, theirs = every_eval(result), every_eval(result, developer="someone")
    assert file_name(ours) == file_name(every_eval(result))
    assert file_name(ours).startswith(f"data/fsdl-bench/fsdl-bench/{result.submission.name}/")
    assert theirs["source_metadata"]["evaluator_relationship"] == "third_party"
    assert file_name(theirs) != file_name(ours)
