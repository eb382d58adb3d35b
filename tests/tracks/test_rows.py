import struct
from hashlib import blake2b
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsdl_bench.tracks.rows import logical_digest, read_batches, row_schema, shard_name, track_digest

words = st.text(st.characters(codec="utf-8"), max_size=6)
strings = ("song_id", "artist", "artist_key", "title", "work", "licence", "source", "origin", "text")
tokens = st.lists(st.integers(0, 65535), max_size=5)
units = st.integers(0, 2**31 - 1)
row = st.fixed_dictionaries(dict.fromkeys(strings, words) | {"tokens": tokens, "units": units})
rows = st.lists(row, max_size=6)


def by_the_words(kind: str, codec: str, splits: dict[str, list[dict]]) -> str:
    """The definition of the digest, piece by piece."""
    hash_ = blake2b(digest_size=32)

    def feed(piece: bytes) -> None:
        hash_.update(struct.pack("<Q", len(piece)))
        hash_.update(piece)

    for piece in ("fsdl-bench rows v1", kind, codec):
        feed(piece.encode())
    for split in ("train", "validation", "test"):
        feed(split.encode())
        for row in splits.get(split, []):
            for field in row_schema(kind):
                value = row[field.name]
                if field.name == "tokens":
                    feed(struct.pack(f"<{len(value)}H", *value))
                elif field.name == "units":
                    feed(struct.pack("<i", value))
                else:
                    feed(value.encode())
    return hash_.hexdigest()


@settings(max_examples=40, deadline=None)
@given(rows, rows, st.sampled_from(["lyrics", "midi"]), st.integers(0, 6))
def test_the_digest_is_the_one_that_is_documented(train, test, kind, cut) -> None:
    schema = row_schema(kind)

    def table(part: list[dict]) -> pa.Table:
        return pa.Table.from_pylist([{name: row[name] for name in schema.names} for row in part], schema)

    whole = table(train)
    # A slice keeps the parent's buffers: offsets must be minded.
    parts = [*whole.slice(0, cut).to_batches(), *whole.slice(cut).to_batches()]
    got = logical_digest(kind, "c-v1", {"test": table(test).to_batches(), "train": parts})
    assert got == by_the_words(kind, "c-v1", {"train": train, "test": test})


def test_the_digest_of_a_folder_ignores_shards_and_compression(tmp_path) -> None:
    schema = row_schema("midi")
    row = dict.fromkeys(schema.names, "x") | {"tokens": [1, 2], "units": 1}
    table = pa.Table.from_pylist([row | {"song_id": str(i)} for i in range(10)], schema)
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, cuts, how in ((one, [0, 10], "zstd"), (two, [0, 3, 10], "none")):
        folder.mkdir()
        for i, (a, b) in enumerate(pairwise(cuts)):
            name = shard_name("train", i, len(cuts) - 1)
            pq.write_table(table.slice(a, b - a), folder / name, compression=how, row_group_size=2)
    assert track_digest(one, "midi", "c") == track_digest(two, "midi", "c")
    assert track_digest(one, "midi", "c") != track_digest(one, "midi", "d")
    assert sum(map(len, read_batches(two, "train", ["units"]))) == 10


@pytest.mark.parametrize("name", row_schema("lyrics").names)
def test_every_column_counts(name: str) -> None:
    schema = row_schema("lyrics")
    row = {field.name: "x" for field in schema} | {"tokens": [1, 2], "units": 1}
    other = row | {name: {"tokens": [1, 2, 0], "units": 2}.get(name, "y")}
    digests = {
        logical_digest("lyrics", "c", {"train": pa.Table.from_pylist([r], schema).to_batches()})
        for r in (row, other)
    }
    assert len(digests) == 2
