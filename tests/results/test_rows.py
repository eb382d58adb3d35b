"""Song rows: small files, and refused if no run could have written them."""

import pyarrow as pa
import pytest

from fsdl_bench.errors import BadInput
from fsdl_bench.results import check_rows, read_rows, rows_table, rows_to_parquet

DIGEST = "ab" * 32


def test_rows_of_a_whole_track_stay_small(some_rows):
    rows = some_rows(artists=100, shots=(0, 1, 2, 5, 10, 20))
    data = rows_to_parquet(rows_table(rows, track_digest=DIGEST, protocol="streaming"))
    assert len(rows) == 4200
    assert len(data) < 60_000


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
        ("song_id", "5-1-1", "a row is given twice"),
    ],
)
def test_rows_that_no_run_writes_are_refused(some_rows, frame_of, column, value, message):
    frame = frame_of(some_rows(midi=True)).astype({"condition": str, "track_digest": str, "song_id": str})
    frame.loc[frame.index[-1], column] = value
    with pytest.raises(BadInput, match=message):
        check_rows(frame, "some.rows.parquet")


def test_a_control_at_another_shot_is_refused(some_rows, frame_of):
    rows = some_rows(shots=(0, 5)) + some_rows(shots=(0, 1))[-36:]
    with pytest.raises(BadInput, match="control should have one number of shots"):
        frame_of(rows)


def test_files_that_are_no_rows_are_refused(some_rows):
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
            read_rows(rows_to_parquet(wrong), "x")


def test_rows_of_different_shape_make_no_table(some_rows):
    with pytest.raises(ValueError, match="at least one"):
        rows_table([], track_digest=DIGEST, protocol="independent")
    mixed = [some_rows()[0], some_rows(midi=True)[1]]
    with pytest.raises(ValueError, match="same kinds"):
        rows_table(mixed, track_digest=DIGEST, protocol="independent")
    mixed = [some_rows(optimum=True)[0], some_rows()[1]]
    with pytest.raises(ValueError, match="optimal_nats"):
        rows_table(mixed, track_digest=DIGEST, protocol="independent")
