"""A result in the schema of Every Eval Ever, version 0.2.1 (https://github.com/evaleval/every_eval_ever).

Each number of shots is one evaluation: `<track>, <protocol>, <K> shots`, NLL in the track's unit, lower is
better. The control is one more. The schema wants a largest score; NLL has none, so `UNBOUNDED` stands for it.
"""

from __future__ import annotations

import uuid
from typing import Any

from fsdl_bench.results.schema import Result
from fsdl_bench.statistics import CONFIDENCE, Estimate

VERSION = "0.2.1"
UNBOUNDED = 1e6


def every_eval(result: Result, developer: str = "fsdl-bench") -> dict[str, Any]:
    """Return the record of a result as JSON values.

    Args:
        result: as `read_result` gives it.
        developer: who made the model.
    """
    model, track = result.submission, result.track
    created = str(int(result.created.timestamp()))
    rows = [
        _evaluation(result, f"{summary.shots} shots", summary.nll, "with the artist's own support")
        for summary in result.aggregates.shots
    ]
    if control := result.aggregates.control:
        name = f"{control.shots} shots, wrong artist"
        rows.append(_evaluation(result, name, control.nll, "with another artist's support"))
    identity = f"{developer}/{model.name}"
    return {
        "schema_version": VERSION,
        "evaluation_id": f"fsdl-bench-{track.name}/{identity}/{created}",
        "evaluation_timestamp": result.created.isoformat(),
        "retrieved_timestamp": created,
        "source_metadata": {
            "source_name": "fsdl-bench",
            "source_type": "evaluation_run",
            "source_organization_name": "fsdl-bench",
            "evaluator_relationship": "first_party" if developer == "fsdl-bench" else "third_party",
            "additional_details": _strings({"mode": result.mode, "status": result.status}),
        },
        "eval_library": {
            "name": "fsdl-bench",
            "version": result.environment.packages.get("fsdl-bench", "unknown"),
            "additional_details": _strings({"git_commit": result.environment.git_commit}),
        },
        "model_info": {
            "name": model.name,
            "id": identity,
            "developer": developer,
            "inference_platform": "local",
            "additional_details": _strings(
                {
                    "parameters": model.parameters,
                    "family": model.family,
                    "budget": model.budget,
                    "exact": model.exact,
                    "source": model.source,
                    "sha256": model.sha256,
                    "arguments": model.arguments or None,
                }
            ),
        },
        "evaluation_results": rows,
    }


def file_name(record: dict[str, Any]) -> str:
    """Return the path of a record in a repository of records: benchmark, developer, model and a UUID."""
    developer, name = record["model_info"]["id"].split("/", 1)
    unique = uuid.uuid5(uuid.NAMESPACE_URL, record["evaluation_id"])
    return f"data/fsdl-bench/{developer}/{name}/{unique}.json"


def _evaluation(result: Result, name: str, figure: Estimate, how: str) -> dict[str, Any]:
    track = result.track
    unit = "bits per UTF-8 byte" if track.unit == "byte" else f"nats per {track.unit}"
    uncertainty: dict[str, Any] = {"num_samples": result.aggregates.artists}
    if figure.low is not None and figure.high is not None:
        uncertainty["confidence_interval"] = {
            "lower": figure.low,
            "upper": figure.high,
            "confidence_level": CONFIDENCE,
            "method": "BCa bootstrap over artists",
        }
    return {
        "evaluation_name": f"{track.name}, {result.protocol}, {name}",
        "source_data": {
            "dataset_name": track.name,
            "source_type": "other",
            "additional_details": _strings({"digest": track.digest, "episodes": track.episodes_digest}),
        },
        "metric_config": {
            "evaluation_description": f"Negative log-likelihood of an artist's other songs, {unit}, {how}.",
            "lower_is_better": True,
            "score_type": "continuous",
            "min_score": 0.0,
            "max_score": UNBOUNDED,
        },
        "score_details": {"score": figure.mean, "uncertainty": uncertainty},
    }


def _strings(values: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items() if value is not None}
