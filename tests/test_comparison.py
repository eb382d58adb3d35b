"""Comparing results: paired by artist, corrected together, and never across different songs or protocols."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from click.testing import CliRunner

from fsdl_bench.cli import main
from fsdl_bench.comparison import compare
from fsdl_bench.errors import BadInput
from fsdl_bench.results import (
    Cost,
    Environment,
    Run,
    SongRow,
    SubmissionInfo,
    TrackInfo,
    read_result,
    write_result,
)
from fsdl_bench.statistics import estimate, holm, sign_flip_p

ARTISTS = 20
DIFFICULTY = np.random.default_rng(0).normal(200, 40, ARTISTS)  # nats of a song, very different by artist


@pytest.fixture
def make(tmp_path):
    """Writes and reads a result whose songs cost DIFFICULTY + `worse` nats at 5 shots, 10 more at zero."""

    def make(
        name, worse, *, exact=True, smoke=False, protocol="independent", songs=None, shots=(0, 5), **track
    ):
        info = {
            "name": "toy",
            "kind": "midi",
            "digest": "ab" * 32,
            "version": "v1",
            "codec": "note10ms-v1",
            "unit": "note",
            "split": "test",
            "episodes_digest": "cd" * 16,
            "headline_shot": 5,
            "queries": 1,
            "episodes": 1,
        }
        worse = np.broadcast_to(worse, ARTISTS)
        headline = track.get("headline_shot", 5)
        rows = [
            SongRow(
                0,
                condition,
                k,
                f"artist {a:02}",
                0,
                f"{songs or 'song'} {a}",
                value + extra,
                60,
                100,
                kinds={},
            )
            for condition, k, extra in (
                *(("right", k, 10.0 if k == 0 else 0.0) for k in shots),
                *([("control", headline, 4.0)] if headline in shots else []),
            )
            for a, value in enumerate(DIFFICULTY + worse)
        ]
        run = Run(
            track=TrackInfo(**(info | track)),
            protocol=protocol,
            submission=SubmissionInfo(
                name=name,
                family="",
                description="",
                exact=exact,
                source="x.py",
                sha256="0" * 64,
                arguments={},
                parameters=None,
                notes={},
            ),
            seeds=(0,),
            smoke=smoke,
            status="self-reported",
            created=datetime(2026, 1, 1, tzinfo=UTC),
            cost=Cost(
                fit_seconds=None,
                adapt_ms=None,
                tokens_per_second=None,
                audit_seconds=None,
                peak_memory_mib=None,
            ),
            environment=Environment(
                device="cpu", python="3.11", platform="x", packages={}, git_commit=None, git_dirty=None
            ),
            audits=(),
        )
        path = tmp_path / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        write_result(path, run, rows)
        return read_result(path)

    return make


NOISE = np.random.default_rng(1).normal(0, 1.0, ARTISTS)
SMALL = np.random.default_rng(2).normal(0, 1.0, ARTISTS) - 0.05


def test_the_table_is_paired_and_ranked(make):
    """Artists differ by forty nats, models by three: only pairing separates them."""
    found = compare([make("worst", 3 + NOISE), make("best", 0.0), make("close", 0.1 + SMALL)])
    assert [r.name for r in found.results] == ["best", "close", "worst"]
    assert (found.best, found.reference, found.shots, found.artists) == ("best", "best", 5, ARTISTS)
    best, close, worst = found.results
    assert (best.difference, best.p, best.tied) == (None, None, True)
    assert worst.difference.model_dump() == pytest.approx(estimate((3 + NOISE) / 100).model_dump(), abs=1e-6)
    assert (close.tied, worst.tied) == (True, False)
    expected = holm([sign_flip_p(0.1 + SMALL), sign_flip_p(3 + NOISE)])
    assert [close.p, worst.p] == pytest.approx(expected, rel=0.1)
    assert worst.gain.mean == pytest.approx(0.1)
    assert worst.control_gain.mean == pytest.approx(0.04)


def test_correction_is_over_the_whole_table(make):
    """A difference that is significant alone is a tie among many."""
    shift = 0.3 + NOISE - NOISE.mean()
    alone = compare([make("best", 0.0), make("other", shift)])
    assert 0.01 < alone.results[1].p < 0.05
    assert not alone.results[1].tied
    crowd = compare([make("best", 0.0), *(make(f"other {i}", shift + i / 1000) for i in range(6))])
    assert all(r.tied for r in crowd.results)


def test_differences_to_a_named_result(make):
    found = compare([make("a", 0.0), make("b", 2 + NOISE), make("c", 4 + NOISE)], against="b")
    assert [r.name for r in found.results] == ["a", "b", "c"]
    assert (found.best, found.reference, found.results[1].difference) == ("a", "b", None)
    assert found.results[0].difference.mean < 0 < found.results[2].difference.mean
    assert [r.tied for r in found.results] == [True, False, False]


def test_files_instead_of_results(make):
    stored = [make("a", 0.0), make("b", 1.0)]
    assert compare([stored[0].path, str(stored[1].path)]) == compare(stored)


def test_other_shots(make):
    found = compare([make("a", 0.0), make("b", 2 + NOISE)], shots=0)
    assert found.shots == 0
    assert found.results[0].nll.mean == pytest.approx((DIFFICULTY.mean() + 10) / 100)
    assert [r.gain for r in found.results] == [r.control_gain for r in found.results] == [None, None]
    with pytest.raises(BadInput, match="a has no scores at 3 shots; expected one of 0, 5"):
        compare([make("a", 0.0), make("b", 1.0)], shots=3)


def test_a_bound_is_never_the_best(make):
    found = compare([make("bound", -5.0, exact=False), make("a", 0.0), make("b", 1.0)])
    assert [r.name for r in found.results] == ["a", "b", "bound"]
    assert found.best == "a"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("digest", "00" * 32),
        ("episodes_digest", "00" * 16),
        ("version", "v2"),
        ("split", "validation"),
        ("codec", "note10ms-v2"),
        ("headline_shot", 0),
    ],
)
def test_different_songs_do_not_compare(make, field, value):
    one, two = make("a", 0.0), make("b", 0.0, **{field: value})
    with pytest.raises(
        BadInput, match=rf"a and b differ in track\.{field}: .* and {value}\. Results are comparable only"
    ):
        compare([one, two])


def test_different_protocols_do_not_compare(make):
    with pytest.raises(BadInput, match="differ in protocol: independent and streaming"):
        compare([make("a", 0.0), make("b", 0.0, protocol="streaming")])


def test_rows_of_other_songs_do_not_compare(make):
    with pytest.raises(BadInput, match="rows differ in songs"):
        compare([make("a", 0.0), make("b", 0.0, songs="other")])


def test_what_is_asked_for_must_be_there(make):
    one, two = make("a", 0.0), make("b", 0.0)
    with pytest.raises(BadInput, match="expected two results or more, found 1"):
        compare([one])
    with pytest.raises(BadInput, match="given twice"):
        compare([one, one])
    with pytest.raises(BadInput, match="one of a, b, found c"):
        compare([one, two], against="c")
    with pytest.raises(BadInput, match="b is a smoke run"):
        compare([one, make("b", 0.0, smoke=True)])


def test_files_of_one_name_are_told_apart_by_their_folder(make, tmp_path):
    found = compare([make("one/a", 0.0), make("two/a", 1.0)])
    assert [r.name for r in found.results] == [str(tmp_path / place / "a.json") for place in ("one", "two")]


def test_the_command(make, tmp_path):
    paths = [str(make(name, worse).path) for name, worse in (("best", 0.0), ("worst", 3 + NOISE))]
    run = CliRunner().invoke(main, ["compare", *paths])
    assert run.exit_code == 0, run.output
    assert "toy, independent, 5 shots, 20 artists" in run.output
    (best,) = (line for line in run.output.splitlines() if " best " in line and "minus" not in line)
    (worst,) = (line for line in run.output.splitlines() if " worst " in line)
    assert "*" in best
    assert "*" not in worst
    assert "+0.03" in worst
    as_json = json.loads(CliRunner().invoke(main, ["compare", "--json", *paths]).output)
    assert [r["name"] for r in as_json["results"]] == ["best", "worst"]
    markdown = CliRunner().invoke(main, ["compare", "--markdown", "--shots", "0", *paths]).output.splitlines()
    assert markdown[0].startswith("| model | nats/note |")
    assert markdown[2].startswith("| best | ")
    refused = CliRunner().invoke(main, ["compare", paths[0]])
    assert refused.exit_code == 2
    assert "expected two results or more" in refused.output
    missing = CliRunner().invoke(main, ["compare", paths[0], str(tmp_path / "none.json")])
    assert missing.exit_code == 2
    assert "none.json" in missing.output
