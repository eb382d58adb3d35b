"""Results: rows to figures against a plain loop, and files that are refused when they do not add up."""

import json
import math
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from fsdl_bench.errors import BadInput
from fsdl_bench.results import (
    AuditVerdict,
    Cost,
    Environment,
    Run,
    SongRow,
    SubmissionInfo,
    TrackInfo,
    check_acceptable,
    check_rows,
    files,
    read_result,
    read_rows,
    result_schema,
    rows_table,
    summarise,
    write_result,
    write_rows,
)
from fsdl_bench.statistics import estimate

SCHEMA = Path(__file__).parents[1] / "schema" / "result-v1.schema.json"
DIGEST = "ab" * 32


def some_rows(artists=6, shots=(0, 1, 5), seeds=(0,), midi=False, optimum=False, control=True):
    """A complete evaluation with made-up scores."""
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


def a_run(unit="byte", **changes):
    usual = {
        "track": TrackInfo(
            name="toy",
            kind="lyrics" if unit == "byte" else "midi",
            digest=DIGEST,
            version="v1",
            codec="words-v1",
            unit=unit,
            split="test",
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
            fit_seconds=None, adapt_ms=1.0, tokens_per_second=1e6, audit_seconds=1.0, peak_memory_mib=100.0
        ),
        "environment": Environment(
            device="cpu", python="3.11", platform="Linux", packages={}, git_commit=None, git_dirty=None
        ),
        "audits": (
            AuditVerdict(rule="causality", passed=True, checks=3, worst=0.0, tolerance=1e-6, detail=""),
        ),
    }
    return Run(**(usual | changes))


def frame_of(rows, tmp_path):
    table = rows_table(rows, track_digest=DIGEST, protocol="independent")
    return read_rows(write_rows(tmp_path / "some.rows.parquet", table), "some.rows.parquet")


def by_loop(rows, shots, condition, per):
    """Mean over artists of sum nats / sum `per`, averaged over seeds, with nothing but loops."""
    above, below = defaultdict(float), defaultdict(float)
    for row in rows:
        if (row.shots, row.condition) == (shots, condition):
            above[row.artist, row.seed] += row.nats
            below[row.artist, row.seed] += 1 if per == "songs" else getattr(row, per)
    ratios = defaultdict(list)
    for artist, seed in above:
        ratios[artist].append(above[artist, seed] / below[artist, seed])
    return [sum(found) / len(found) for _, found in sorted(ratios.items())]


@pytest.mark.parametrize("seeds", [(0,), (0, 3, 8)])
def test_figures_agree_with_a_plain_loop(tmp_path, seeds):
    rows = some_rows(midi=True, optimum=True, seeds=seeds)
    found = summarise(frame_of(rows, tmp_path), "note")
    assert (found.artists, found.episodes, found.songs) == (6, 12, 36)
    zero = by_loop(rows, 0, "right", "units")
    for shot, k in zip(found.shots, (0, 1, 5), strict=True):
        nll = by_loop(rows, k, "right", "units")
        assert shot.shots == k
        assert shot.nll.model_dump() == pytest.approx(estimate(nll).model_dump(), rel=1e-9)
        assert shot.nats_per_token.mean == pytest.approx(np.mean(by_loop(rows, k, "right", "tokens")))
        per_second = np.mean(by_loop(rows, k, "right", "seconds")) / math.log(2)
        assert shot.bits_per_second.mean == pytest.approx(per_second)
        songs = [r.nats for r in rows if (r.shots, r.condition) == (k, "right")]
        assert shot.nats_per_song.mean == pytest.approx(np.mean(songs))
        assert set(shot.by_kind) == {"shift", "note"}
        if k:
            assert shot.gain.mean == pytest.approx(np.mean(zero) - np.mean(nll))
        else:
            assert shot.gain is None
        best = [r.optimal_nats for r in rows if (r.shots, r.condition) == (k, "right")]
        assert shot.to_optimum is not None
        assert len(best) == len(songs)
    wrong = by_loop(rows, 5, "control", "units")
    right = by_loop(rows, 5, "right", "units")
    assert found.control.shots == 5
    assert found.control.gain.mean == pytest.approx(np.mean(wrong) - np.mean(right))
    spreads = [shot.seed_spread for shot in found.shots]
    assert all(s is None for s in spreads) if len(seeds) == 1 else all(s > 0 for s in spreads)


def test_the_distance_to_the_optimum_is_paired_by_artist(tmp_path):
    rows = [
        SongRow(0, "right", 0, artist, 0, artist, nats, 10, 10, optimal_nats=nats - 10 * gap)
        for artist, nats, gap in (("ada", 20.0, 0.5), ("bo", 40.0, 0.5), ("cy", 90.0, 0.5))
    ]
    (shot,) = summarise(frame_of(rows, tmp_path), "note").shots
    assert (shot.to_optimum.mean, shot.to_optimum.low, shot.to_optimum.high) == pytest.approx((0.5,) * 3)


def test_bytes_are_counted_in_bits(tmp_path):
    frame = frame_of(some_rows(), tmp_path)
    bits, nats = summarise(frame, "byte"), summarise(frame, "note")
    for one, two in zip(bits.shots, nats.shots, strict=True):
        assert one.nll.mean * math.log(2) == pytest.approx(two.nll.mean)
        assert one.nats_per_token == two.nats_per_token
        assert one.bits_per_second is None
        assert one.to_optimum is None


def test_an_evaluation_without_zero_shots_or_control(tmp_path):
    found = summarise(frame_of(some_rows(shots=(5,), control=False), tmp_path), "note")
    assert found.control is None
    assert [shot.gain for shot in found.shots] == [None]


@pytest.mark.parametrize("midi", [False, True])
def test_a_result_is_read_back_as_written(tmp_path, midi):
    path = tmp_path / "uniform.json"
    rows = some_rows(midi=midi, optimum=midi)
    written = write_result(path, a_run("note" if midi else "byte"), rows)
    read = read_result(path)
    assert read.result == written.result
    assert read.name == "uniform"
    assert read.rows.equals(written.rows)
    assert len(read.rows) == len(rows) == read.result.rows.count
    check_acceptable(read)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["uniform.json", "uniform.rows.parquet"]


def test_rows_of_a_whole_track_stay_small(tmp_path):
    rows = some_rows(artists=100, shots=(0, 1, 2, 5, 10, 20))
    data = write_rows(
        tmp_path / "r.rows.parquet", rows_table(rows, track_digest=DIGEST, protocol="streaming")
    )
    assert len(rows) == 4200
    assert len(data) < 60_000


def numbers(value, place=()):
    """The place of every number in a JSON document."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from numbers(part, (*place, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from numbers(part, (*place, index))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield place


def changed(document, place, change):
    copy = json.loads(json.dumps(document))
    part = copy
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = change(part[place[-1]])
    return copy


def test_a_tampered_figure_is_refused_by_name(tmp_path, monkeypatch):
    path = tmp_path / "r.json"
    rows = some_rows(artists=3, midi=True, optimum=True, seeds=(0, 1), shots=(0, 5))
    written = write_result(path, a_run("note", seeds=(0, 1)), rows)
    monkeypatch.setattr(files, "summarise", lambda *_: written.result.aggregates)  # the rows stay as they are
    document = json.loads(path.read_text())
    places = list(numbers(document["aggregates"], ("aggregates",)))
    assert len(places) > 30
    for place in places:
        better = changed(document, place, lambda x: x - 1 if isinstance(x, int) else 0.99 * x)
        path.write_text(json.dumps(better))
        name = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in place)[1:]
        with pytest.raises(BadInput) as caught:
            read_result(path)
        assert f"{name} is " in str(caught.value) or place[-1] == "shots"


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("track", "digest"), "00" * 32, "track.digest is"),
        (("protocol",), "streaming", "protocol is streaming"),
        (("seeds",), [4], "seeds is"),
        (("rows", "count"), 3, "rows.count is 3"),
        (("rows", "sha256"), "0" * 64, "rows.sha256 is"),
        (("rows", "file"), "other.parquet", "cannot be read"),
        (("rows", "file"), "../r.rows.parquet", "beside it"),
        (("schema_version",), "fsdl-bench-result-0", "schema_version"),
        (("smoke",), "no", "smoke"),
        (("cost", "adapt_ms"), float("nan"), "cost.adapt_ms"),
        (("seeds",), None, "seeds"),
        (("aggregates", "control"), None, "aggregates.control is None"),
    ],
)
def test_a_changed_field_is_refused_by_name(tmp_path, place, value, message):
    path = tmp_path / "r.json"
    write_result(path, a_run(), some_rows())
    path.write_text(json.dumps(changed(json.loads(path.read_text()), place, lambda _: value)))
    with pytest.raises(BadInput, match=message.replace(".", r"\.")):
        read_result(path)


def test_unknown_and_missing_fields_are_refused_by_name(tmp_path):
    path = tmp_path / "r.json"
    write_result(path, a_run(), some_rows())
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"rank": 1}))
    with pytest.raises(BadInput, match="rank: Extra inputs"):
        read_result(path)
    del document["environment"]["python"]
    path.write_text(json.dumps(document))
    with pytest.raises(BadInput, match=r"environment\.python: Field required"):
        read_result(path)
    path.write_text("no json")
    with pytest.raises(BadInput, match="the file: Invalid JSON"):
        read_result(path)
    with pytest.raises(BadInput, match="No such file"):
        read_result(tmp_path / "none.json")


def test_other_versions_may_draw_other_bootstrap_samples(tmp_path):
    """Then an interval may be off by a little, but no mean may, and no interval by much."""
    path = tmp_path / "r.json"
    run = a_run()
    old = run.environment.model_copy(update={"packages": {"numpy": "1.0", "scipy": "1.0"}})
    write_result(path, run.model_copy(update={"environment": old}), some_rows())
    document = json.loads(path.read_text())
    place = ("aggregates", "shots", 0, "nll", "low")
    path.write_text(json.dumps(changed(document, place, lambda x: x * 1.002)))
    read_result(path)
    path.write_text(json.dumps(changed(document, place, lambda x: x * 0.8)))
    with pytest.raises(BadInput, match=r"nll\.low"):
        read_result(path)
    path.write_text(json.dumps(changed(document, (*place[:-1], "mean"), lambda x: x * 1.0001)))
    with pytest.raises(BadInput, match=r"nll\.mean"):
        read_result(path)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("nats", float("nan"), "nats should be finite"),
        ("nats", -1.0, "nats should be finite and not negative"),
        ("nats_note", float("inf"), "nats_note should be finite"),
        ("tokens", 0, "tokens should be at least 1"),
        ("units", 7, "different tokens or units"),
        ("shots", 2, "every setting should score the same songs"),
        ("episode", 9, "every setting should score the same songs"),
        ("condition", "wrong", "condition should be right or control"),
        ("track_digest", "other", "track_digest should be one value"),
        ("song_id", "5-1-1", "a row stands twice"),
    ],
)
def test_rows_that_no_run_writes_are_refused(tmp_path, column, value, message):
    frame = frame_of(some_rows(midi=True), tmp_path).astype(
        {"condition": str, "track_digest": str, "song_id": str}
    )
    frame.loc[frame.index[-1], column] = value
    with pytest.raises(BadInput, match=message):
        check_rows(frame, "some.rows.parquet")


def test_a_control_at_another_shot_is_refused(tmp_path):
    rows = some_rows(shots=(0, 5)) + some_rows(shots=(0, 1))[-36:]
    with pytest.raises(BadInput, match="control should stand at one number of shots"):
        frame_of(rows, tmp_path)


def test_files_that_are_no_rows_are_refused(tmp_path):
    table = rows_table(some_rows(), track_digest=DIGEST, protocol="independent")
    without = table.drop_columns(["units"])
    with pytest.raises(BadInput, match="expected a Parquet file"):
        read_rows(b"no parquet", "x")
    for wrong, message in (
        (table.drop_columns(["nats"]), "column nats should be double, found: no such column"),
        (table.append_column("more", [[1] * len(table)]), "unknown columns: more"),
        (without.append_column("units", pa.array([1.0] * len(table))), "column units should be int32"),
        (without.append_column("units", pa.nulls(len(table), pa.int32())), "units should have a value"),
    ):
        with pytest.raises(BadInput, match=message):
            read_rows(write_rows(tmp_path / "x", wrong), "x")


def test_rows_of_different_shape_make_no_table():
    with pytest.raises(ValueError, match="at least one"):
        rows_table([], track_digest=DIGEST, protocol="independent")
    mixed = [some_rows()[0], some_rows(midi=True)[1]]
    with pytest.raises(ValueError, match="same kinds"):
        rows_table(mixed, track_digest=DIGEST, protocol="independent")
    mixed = [some_rows(optimum=True)[0], some_rows()[1]]
    with pytest.raises(ValueError, match="optimal_nats"):
        rows_table(mixed, track_digest=DIGEST, protocol="independent")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"smoke": True}, "smoke run"),
        ({"audits": ()}, "not audited"),
        (
            {
                "audits": (
                    AuditVerdict(rule="state", passed=False, checks=1, worst=1.0, tolerance=0.0, detail=""),
                )
            },
            "broke the rule: state",
        ),
        ({"track": a_run().track.model_copy(update={"split": "validation"})}, "validation split"),
    ],
    ids=["smoke", "no audits", "failed audit", "validation"],
)
def test_what_may_not_stand_on_a_leaderboard(tmp_path, change, message):
    stored = write_result(tmp_path / "r.json", a_run(**change), some_rows())
    with pytest.raises(BadInput, match=message):
        check_acceptable(stored)


def test_a_result_needs_a_json_name(tmp_path):
    with pytest.raises(BadInput, match=r"\.json"):
        write_result(tmp_path / "result", a_run(), some_rows())


def test_the_committed_schema_is_the_schema():
    """Where this fails the format has changed: commit the new schema, and think of old files."""
    assert SCHEMA.read_text() == result_schema()
