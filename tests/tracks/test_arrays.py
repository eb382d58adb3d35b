"""Arrays against the plain rows that they were made from."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsdl_bench import checked
from fsdl_bench.checked import sum_file, write_checked
from fsdl_bench.codecs import load_codec
from fsdl_bench.errors import BadInput
from fsdl_bench.tracks.arrays import Arrays, DamagedArrays, array_schema

METADATA = {"track": "toy", "split": "train", "digest": "d", "kind": "midi"}
CODEC = load_codec("note10ms-v1")


def row(artist: str, tokens: list[int], number: int = 0) -> dict:
    strings = [name for name in array_schema("midi").names if name not in ("tokens", "units")]
    return dict.fromkeys(strings, f"é{number}") | {
        "artist_key": artist,
        "tokens": tokens,
        "units": len(tokens),
    }


rows_of_artists = st.lists(
    st.tuples(st.sampled_from(["", "a", "ab", "b", "ü"]), st.lists(st.integers(0, 65535), max_size=5)),
    max_size=20,
).map(lambda pairs: [row(artist, tokens, i) for i, (artist, tokens) in enumerate(sorted(pairs))])


@pytest.fixture
def saved(tmp_path):
    """Save rows as record batches of the given sizes, and open them mapped."""

    def save(rows: list[dict], batch: int) -> Arrays:
        schema = array_schema("midi").with_metadata(METADATA)
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.arrow"
        with write_checked(path) as temporary, pa.ipc.new_file(str(temporary), schema) as writer:
            for start in range(0, len(rows), batch):
                writer.write_table(pa.Table.from_pylist(rows[start : start + batch], schema=schema))
        return Arrays.open(path)

    return save


@given(rows_of_artists)
def test_in_memory_it_holds_the_rows(rows):
    arrays = Arrays.from_rows(rows, METADATA, CODEC)
    assert_same(arrays, rows)


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_mapped_it_holds_the_rows_however_they_are_batched(saved, batch):
    rows = [row(artist, list(range(n)), n) for n, artist in enumerate("aabbbcddde")]
    assert_same(saved(rows, batch), rows)


def test_mapped_and_empty(saved):
    assert_same(saved([], 1), [])


def assert_same(arrays: Arrays, rows: list[dict]):
    assert len(arrays) == len(rows)
    for index, expected in enumerate(rows):
        tokens = arrays.tokens(index)
        assert tokens.dtype == np.uint16
        assert tokens.tolist() == expected["tokens"]
        assert {name: arrays.value(name, index) for name in expected if name != "tokens"} == {
            name: value for name, value in expected.items() if name != "tokens"
        }
    keys = [expected["artist_key"] for expected in rows]
    starts = [i for i in range(len(keys)) if i == 0 or keys[i] != keys[i - 1]]
    assert arrays.artist_starts().tolist() == [*starts, len(rows)]


def test_tokens_are_read_only_views_of_the_map(saved):
    arrays = saved([row("a", [1, 2, 3]), row("a", [4, 5])], 2)
    first, second = arrays.tokens(0), arrays.tokens(1)
    assert not first.flags.writeable
    assert not first.flags.owndata
    assert second.ctypes.data - first.ctypes.data == 3 * 2, "both look at one buffer"
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 9
    del arrays
    assert first.tolist() == [1, 2, 3], "a view keeps the map alive"


def test_tokens_of_rows_at_hand_are_read_only():
    tokens = Arrays.from_rows([row("a", [1, 2, 3])], METADATA, CODEC).tokens(0)
    assert not tokens.flags.writeable


def test_a_mapped_one_is_pickled_as_its_path(saved):
    arrays = saved([row("a", [7] * 50_000)], 1)
    data = pickle.dumps(arrays)
    assert len(data) < 1000
    assert pickle.loads(data).tokens(0).tolist() == [7] * 50_000


def test_one_in_memory_is_pickled_whole():
    rows = [row("a", [1]), row("b", [2, 3])]
    again = pickle.loads(pickle.dumps(Arrays.from_rows(rows, METADATA, CODEC)))
    assert_same(again, rows)
    assert again.codec.name == CODEC.name


def test_unpickling_notices_that_the_file_is_gone_or_another(saved):
    arrays = saved([row("a", [1])], 1)
    data = pickle.dumps(arrays)
    other = array_schema("midi").with_metadata(METADATA | {"digest": "e"})
    with write_checked(arrays.path) as temporary, pa.ipc.new_file(str(temporary), other) as writer:
        writer.write_table(pa.Table.from_pylist([row("a", [1])], schema=other))
    with pytest.raises(BadInput, match="removed, replaced or damaged"):
        pickle.loads(data)
    arrays.path.unlink()
    with pytest.raises(BadInput, match="removed, replaced or damaged"):
        pickle.loads(data)


def test_unpickling_in_another_process_notices_a_flipped_bit(saved):
    arrays = saved([row("a", list(range(200)))], 1)
    data = pickle.dumps(arrays)
    script = "import pickle, sys; print(pickle.load(sys.stdin.buffer).tokens(0).tolist())"

    def unpickle() -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, "-c", script], input=data, capture_output=True)

    assert eval(unpickle().stdout) == list(range(200))
    whole = arrays.path.read_bytes()
    flip(arrays.path, 8 * (whole.index(bytes([100, 0, 101, 0])) + 1))
    assert b"BadInput" in unpickle().stderr
    sum_file(arrays.path).unlink()  # the pickle itself carries the checksum
    arrays.path.write_bytes(whole)
    assert eval(unpickle().stdout) == list(range(200))


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.integers(0))
def test_no_flipped_bit_is_ever_read(saved, where):
    arrays = saved([row(artist, [n] * n, n) for n, artist in enumerate("aabc")], 3)
    flip(arrays.path, where)
    with pytest.raises(DamagedArrays):
        Arrays.open(arrays.path)


def flip(path, where):
    """Flip one bit of a file."""
    data = bytearray(path.read_bytes())
    at, bit = divmod(where % (8 * len(data)), 8)
    data[at] ^= 1 << bit
    path.write_bytes(data)


def test_a_process_reads_a_file_once_to_verify_it(saved, monkeypatch):
    arrays = saved([row("a", [1])], 1)
    sums = []
    monkeypatch.setattr(checked, "checksum", lambda path: sums.append(path))
    assert Arrays.open(arrays.path).tokens(0).tolist() == [1]
    assert sums == []
    os.utime(arrays.path)
    with pytest.raises(DamagedArrays):
        Arrays.open(arrays.path)
    assert sums == [arrays.path]
