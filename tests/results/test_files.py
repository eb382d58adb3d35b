"""Result files: read back as written, and refused by name when they do not add up."""

import json

import pytest

from fsdl_bench.errors import BadInput
from fsdl_bench.results import AuditVerdict, check_acceptable, files, read_result, write_result


@pytest.mark.parametrize("midi", [False, True])
def test_a_result_is_read_back_as_written(some_rows, a_run, tmp_path, midi):
    path = tmp_path / "uniform.json"
    rows = some_rows(midi=midi, optimum=midi)
    written = write_result(path, a_run("note" if midi else "byte"), rows)
    read = read_result(path)
    assert read.result == written.result
    assert read.name == "uniform"
    assert read.rows.equals(written.rows)
    assert read_result(str(path)).path == path
    assert len(read.rows) == len(rows) == read.result.rows.count
    check_acceptable(read)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["uniform.json", "uniform.rows.parquet"]


def test_a_result_needs_a_json_name(some_rows, a_run, tmp_path):
    with pytest.raises(BadInput, match=r"\.json"):
        write_result(tmp_path / "result", a_run(), some_rows())


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


def test_a_tampered_figure_is_refused_by_name(some_rows, a_run, tmp_path, monkeypatch):
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
        (("rows", "sha256"), "0" * 64, "rows.sha256 0000"),
        (("rows", "file"), "other.parquet", "cannot be read"),
        (("rows", "file"), "../r.rows.parquet", "next to it"),
        (("rows", "file"), "r\0.parquet", "next to it"),
        (("rows", "file"), "", "next to it"),
        (("track", "headline_shot"), 1, "track.headline_shot is 1"),
        (("schema_version",), "fsdl-bench-result-0", "schema_version"),
        (("smoke",), "no", "smoke"),
        (("cost", "adapt_ms"), float("nan"), "cost.adapt_ms"),
        (("seeds",), None, "seeds"),
        (("aggregates", "control"), None, "aggregates.control is None"),
    ],
)
def test_a_changed_field_is_refused_by_name(some_rows, a_run, tmp_path, place, value, message):
    path = tmp_path / "r.json"
    write_result(path, a_run(), some_rows())
    path.write_text(json.dumps(changed(json.loads(path.read_text()), place, lambda _: value)))
    with pytest.raises(BadInput, match=message.replace(".", r"\.")):
        read_result(path)


def test_unknown_and_missing_fields_are_refused_by_name(some_rows, a_run, tmp_path):
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


def test_other_versions_may_draw_other_bootstrap_samples(some_rows, a_run, tmp_path):
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
        ({"split": "validation"}, "validation split"),
    ],
    ids=["smoke", "no audits", "failed audit", "validation"],
)
def test_what_a_leaderboard_refuses(some_rows, a_run, tmp_path, change, message):
    stored = write_result(tmp_path / "r.json", a_run(**change), some_rows())
    with pytest.raises(BadInput, match=message):
        check_acceptable(stored)


def test_a_file_that_is_no_result_is_not_replaced(some_rows, a_run, tmp_path):
    path = tmp_path / "thesis.json"
    path.write_text('{"chapters": 5}')
    with pytest.raises(BadInput, match="a new file, or an earlier result, found another one"):
        write_result(path, a_run(), some_rows())
    assert path.read_text() == '{"chapters": 5}'
    path = tmp_path / "result.json"
    write_result(path, a_run(), some_rows())
    path.write_bytes(path.read_bytes()[100:])
    assert write_result(path, a_run(), some_rows()).path == path, "a damaged result may be made again"
