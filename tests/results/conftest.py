"""A made-up evaluation: its rows and its facts."""

from datetime import UTC, datetime

import numpy as np
import pytest

from fsdl_bench.results import (
    AuditVerdict,
    Cost,
    Environment,
    Run,
    SongRow,
    SubmissionInfo,
    TrackInfo,
    read_rows,
    rows_table,
    rows_to_parquet,
)

DIGEST = "ab" * 32


@pytest.fixture(scope="session")
def some_rows():
    """A function that makes up the scores of a complete evaluation."""

    def some_rows(artists=6, shots=(0, 1, 5), seeds=(0,), midi=False, optimum=False, control=True):
        rng = np.random.default_rng(0)
        settings = [("right", k) for k in shots] + ([("control", shots[-1])] if control else [])
        return [
            SongRow(
                seed=seed,
                condition=condition,
                shots=k,
                artist=f"artist {a}",
                episode=e,
                song_id=f"{a}-{e}-{q}",
                nats=float(rng.gamma(50, 2)),
                tokens=40 + a + q,
                units=100 + 10 * a + e,
                seconds=float(30 + q) if midi else None,
                kinds={"shift": float(rng.gamma(5, 2)), "note": float(rng.gamma(5, 2))} if midi else {},
                optimal_nats=float(rng.gamma(40, 2)) if optimum else None,
            )
            for seed in seeds
            for condition, k in settings
            for a in range(artists)
            for e in range(2)
            for q in range(3)
        ]

    return some_rows


@pytest.fixture(scope="session")
def a_run():
    """A function that returns the facts of such an evaluation."""

    def a_run(unit="byte", split="test", **changes):
        usual = {
            "track": TrackInfo(
                name="toy",
                kind="lyrics" if unit == "byte" else "midi",
                digest=DIGEST,
                version="v1",
                codec="words-v1",
                unit=unit,
                split=split,
                episodes_digest="cd" * 16,
                headline_shot=5,
                queries=3,
                episodes=2,
            ),
            "protocol": "independent",
            "submission": SubmissionInfo(
                name="uniform",
                family="baseline",
                description="",
                exact=True,
                source="baselines/uniform.py",
                sha256="0" * 64,
                arguments={"a": 1, "b": None},
                parameters=0,
                notes={},
            ),
            "seeds": (0,),
            "smoke": False,
            "status": "self-reported",
            "created": datetime(2026, 1, 2, tzinfo=UTC),
            "cost": Cost(
                fit_seconds=None,
                adapt_ms=1.0,
                tokens_per_second=1e6,
                audit_seconds=1.0,
                peak_memory_mib=100.0,
            ),
            "environment": Environment(
                device="cpu", python="3.11", platform="Linux", packages={}, git_commit=None, git_dirty=None
            ),
            "audits": (
                AuditVerdict(rule="causality", passed=True, checks=3, worst=0.0, tolerance=1e-6, detail=""),
            ),
        }
        return Run(**(usual | changes))

    return a_run


@pytest.fixture(scope="session")
def frame_of():
    """A function that packs rows as Parquet and reads them back."""

    def frame_of(rows):
        table = rows_table(rows, track_digest=DIGEST, protocol="independent")
        return read_rows(rows_to_parquet(table), "some.rows.parquet")

    return frame_of
