"""A built folder as other libraries see it."""

import hashlib
import json
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

from fsdl_bench.builder import shards
from fsdl_bench.builder.card import hub_licence
from fsdl_bench.codecs import load_codec
from fsdl_bench.errors import BadInput
from fsdl_bench.tracks.definition import load_definition
from fsdl_bench.tracks.manifest import read_manifest
from fsdl_bench.tracks.rows import row_schema


@pytest.fixture
def built(request, song_folder, define, build_quietly, monkeypatch) -> Path:
    """A track of three shards, with a rejected file."""
    kind = getattr(request, "param", "lyrics")
    monkeypatch.setattr(shards, "GROUP_SONGS", 20)
    monkeypatch.setattr(shards, "SHARD_BYTES", 20_000 if kind == "lyrics" else 60_000)
    folder = song_folder(kind, artists=16)
    (folder / "Artist 00" / f"empty.{'txt' if kind == 'lyrics' else 'mid'}").touch()
    fields = {"description": 'A | toy: "quoted",\nin two lines.', "limits": ["it is no music"]}
    return build_quietly(define(kind, **fields), folder).path


def all_rows(track: Path, split: str) -> list[dict]:
    paths = sorted(track.glob(f"{split}-*.parquet"))
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


@pytest.mark.parametrize("built", ["lyrics", "midi"], indirect=True)
@pytest.mark.filterwarnings("ignore")  # what these libraries warn of is not ours to mend
def test_datasets_loads_the_folder_as_it_stands(built, tmp_path) -> None:
    import datasets

    loaded = datasets.load_dataset(str(built), cache_dir=str(tmp_path / "cache"))
    assert set(loaded) == set(read_manifest(built).counts)
    for split, data in loaded.items():
        assert data.to_list() == all_rows(built, split)


def test_pandas_and_polars_read_the_shards(built) -> None:
    expected = all_rows(built, "train")
    frame = pd.concat([pd.read_parquet(path) for path in sorted(built.glob("train-*.parquet"))])
    assert frame.song_id.tolist() == [row["song_id"] for row in expected]
    assert [t.tolist() for t in frame.tokens] == [row["tokens"] for row in expected]
    assert pl.read_parquet(built / "train-*.parquet").to_dicts() == expected


@pytest.mark.parametrize("built", ["lyrics", "midi"], indirect=True)
@pytest.mark.filterwarnings("ignore")
def test_croissant_is_valid_and_gives_the_rows(built) -> None:
    import mlcroissant as mlc

    description = mlc.Dataset(jsonld=built / "croissant.json")
    assert description.metadata.issues.errors == set()
    shard = sorted(built.glob("train-*.parquet"))[0]
    name = shard.name.removesuffix(".parquet")
    records = list(description.records(record_set=name))
    expected = pq.read_table(shard).to_pylist()
    assert len(records) == len(expected)
    for record, row in zip(records, expected, strict=True):
        assert record[f"{name}/song_id"].decode() == row["song_id"]
        assert list(record[f"{name}/tokens"]) == row["tokens"]
        assert record[f"{name}/units"] == row["units"]


def test_shards_hold_whole_artists_in_small_groups(built) -> None:
    train = sorted(built.glob("train-*.parquet"))
    assert [path.name for path in train] == [
        f"train-{i:05d}-of-{len(train):05d}.parquet" for i in range(len(train))
    ]
    assert len(train) >= 2
    artists = [set(pq.read_table(path, columns=["artist_key"])["artist_key"].to_pylist()) for path in train]
    assert sum(map(len, artists)) == len(set.union(*artists))
    for path in train:
        file = pq.ParquetFile(path)
        assert file.schema_arrow.equals(row_schema("lyrics"))
        assert file.metadata.row_group(0).column(0).compression == "ZSTD"
        groups = [
            set(file.read_row_group(i, ["artist_key"])["artist_key"].to_pylist())
            for i in range(file.num_row_groups)
        ]
        assert sum(map(len, groups)) == len(set.union(*groups))
        assert file.metadata.row_group(0).num_rows <= 20


def test_the_manifest_names_every_file(built) -> None:
    manifest = read_manifest(built)
    found = [path.relative_to(built) for path in built.rglob("*") if path.is_file()]
    on_disk = {path.as_posix() for path in found if path.parts[0] != ".arrays"} - {"manifest.json"}
    assert set(manifest.files) == on_disk
    assert {
        "README.md",
        "croissant.json",
        "rejected.parquet",
        "definition.toml",
        "splits.csv",
        "codec.json",
        "metadata/train.parquet",
    } <= on_disk
    for name, entry in manifest.files.items():
        data = (built / name).read_bytes()
        assert (entry.sha256, entry.bytes) == (hashlib.sha256(data).hexdigest(), len(data))
    assert manifest.rejected == {"empty file": 1}
    assert load_definition(built) == manifest.definition
    assert {"python", "pyarrow", "symusic", "unicode"} <= set(manifest.software)


def test_a_manifest_of_another_time_is_refused(built, tmp_path) -> None:
    path = built / "manifest.json"
    table = json.loads(path.read_text())
    for change, message in (({"format": 99}, "layout version 99"), ({"digest": 3}, "damaged")):
        path.write_text(json.dumps(table | change))
        with pytest.raises(BadInput, match=message):
            read_manifest(built)
    with pytest.raises(BadInput, match=r"holds no manifest\.json"):
        read_manifest(tmp_path)


def test_the_card_says_what_there_is(built) -> None:
    import yaml

    card = (built / "README.md").read_text()
    _, front, text = card.split("---\n", 2)
    meta = yaml.safe_load(front)
    assert meta["configs"][0]["data_files"][0] == {"split": "train", "path": "train-*.parquet"}
    assert meta["license"] == ["other"]
    assert meta["size_categories"] == ["n<1K"]
    manifest = read_manifest(built)
    for count in manifest.counts.values():
        assert f"| {count.songs:,} |" in text
    for piece in (manifest.digest, "| empty file | 1 |", "it is no music", "BLAKE2b", "`bpe4096-v1`"):
        assert piece in text


def test_licences_on_the_hub() -> None:
    assert [hub_licence(name) for name in ("CC0-1.0", "CC-BY-4.0", "MIT", "public domain", "")] == [
        "cc0-1.0",
        "cc-by-4.0",
        "mit",
        "other",
        "other",
    ]


def test_the_codec_is_trained_on_the_train_split_alone(built) -> None:
    from fsdl_bench.codecs.lyrics import LyricsCodec

    texts = [row["text"] for row in all_rows(built, "train")]
    assert (built / "codec.json").read_text() == LyricsCodec.train(texts[::-1]).to_json()


def test_a_frozen_codec_is_used(song_folder, define, build_quietly, tmp_path, monkeypatch) -> None:
    from fsdl_bench.codecs.lyrics import LyricsCodec

    frozen = tmp_path / "frozen.json"
    frozen.write_text(LyricsCodec.train(["sea sea sea sea"], 262).to_json())
    definition = define()
    monkeypatch.setattr(type(definition), "frozen_codec", frozen)
    report = build_quietly(definition, song_folder())
    assert (report.path / "codec.json").read_text() == frozen.read_text()
    codec = load_codec("bpe4096-v1", frozen.read_text())
    row = all_rows(report.path, "train")[0]
    assert row["tokens"] == codec.excerpt(codec.encode(row["text"])).tolist()


@pytest.mark.filterwarnings("ignore")
def test_our_croissant_context_is_the_librarys() -> None:
    import mlcroissant as mlc

    from fsdl_bench.builder.croissant import CONFORMS_TO, CONTEXT

    written = mlc.Metadata(name="x", description="x", url="x", license=["x"]).to_json()
    assert (written["@context"], written["conformsTo"]) == (CONTEXT, CONFORMS_TO)
