"""The synthetic source, and its songs on their way through the build."""

import pickle

import numpy as np
import pyarrow.parquet as pq
import pytest

from fsdl_bench.builder.pipeline import build_track
from fsdl_bench.codecs import load_codec
from fsdl_bench.errors import BadInput
from fsdl_bench.sources.common.base import open_source
from fsdl_bench.synthetic import synthetic_model
from fsdl_bench.tracks.definition import load_definition

KINDS = ["lyrics", "midi"]


@pytest.mark.parametrize("kind", KINDS)
def test_items_are_every_song_of_every_artist_in_one_order(kind):
    source, model = open_source("synthetic", None, kind=kind), synthetic_model(f"{kind}-synthetic")
    items = list(source.items())
    assert len(items) == sum(map(model.song_count, model.artists)) > 280 * 24
    assert len({item.origin for item in items}) == len(items)
    assert [item.artist for item in items] == sorted(
        (item.artist for item in items), key=list(model.artists.values()).index
    )
    assert list(pickle.loads(pickle.dumps(source)).items()) == items
    assert source.rejected == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_song_read_is_the_song_drawn(kind):
    source, model = open_source("synthetic", None, kind=kind), synthetic_model(f"{kind}-synthetic")
    codec = load_codec(load_definition(f"{kind}-synthetic").codec)
    for item in list(source.items())[::500]:
        song = pickle.loads(pickle.dumps(source)).read(pickle.loads(pickle.dumps(item)))
        key, index = item.origin.split("/")
        assert (song.kind, song.artist, song.title) == (kind, model.artists[key], f"Song {int(index) + 1}")
        np.testing.assert_array_equal(codec.encode(song.content), model.song(key, int(index)))


def test_there_are_two_kinds():
    with pytest.raises(BadInput, match="known for lyrics-synthetic and midi-synthetic only"):
        list(open_source("synthetic", None, kind="video").items())


@pytest.mark.parametrize("kind", KINDS)
def test_the_build_keeps_every_song_token_for_token(kind):
    name = f"{kind}-synthetic"
    model = synthetic_model(name)
    keys = ["mira corvane", "hugo dulmar", "alda abendale", "oda istramar", "brun lunnevar"]
    packaged = load_definition(name)
    filters = packaged.filters.model_copy(update={"artists": [model.artists[key] for key in keys]})
    definition = packaged.model_copy(update={"filters": filters, "digest": ""})
    report = build_track(definition, workers=1, progress=False)
    others = len(list(open_source("synthetic", None, kind=kind).items())) - sum(map(model.song_count, keys))
    assert report.rejected == {"artist not among those of the definition": others}
    rows = [
        row
        for shard in sorted(report.path.glob("*.parquet"))
        for row in pq.read_table(shard).to_pylist()
        if "tokens" in row
    ]
    found = {row["origin"]: row["tokens"] for row in rows}
    assert len(found) == len(rows)
    assert found == {
        f"{key}/{index}": model.song(key, index).tolist()
        for key in keys
        for index in range(model.song_count(key))
    }
    codec = load_codec(packaged.codec)
    assert all(row["units"] == codec.units(row["tokens"]) for row in rows)
    assert len({row["work"] for row in rows}) == len(rows)
