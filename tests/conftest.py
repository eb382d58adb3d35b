"""Fixtures that every test may use: a home of its own, no network, and the mirror of real data."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("no deadline", deadline=None)  # a busy machine is no failure
settings.load_profile("no deadline")

MIRROR = Path(os.environ.get("FSDL_BENCH_MIRROR", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory, monkeypatch):
    """Every test has an empty FSDL_BENCH_HOME and may not use the network."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("FSDL_BENCH_HOME", str(folder))
    monkeypatch.setenv("FSDL_BENCH_OFFLINE", "1")
    return folder


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The folder of archives that mirrors the public hosts; a test that asks for it is skipped without it."""
    if not any(MIRROR.glob("*.tar.gz")):
        pytest.skip(f"no mirror of the real data in {MIRROR} (set FSDL_BENCH_MIRROR)")
    return MIRROR


@pytest.fixture
def write_track(tmp_path):
    """A function that writes a built track by hand: no part of the pipeline, two shards a split."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from fsdl_bench.build.definition import parse_definition
    from fsdl_bench.build.manifest import FORMAT_VERSION, Manifest, SplitCounts, file_entry
    from fsdl_bench.build.rows import row_schema, track_digest
    from fsdl_bench.codecs import load_codec

    def write(songs: dict[str, dict[str, list]], *, name="toy", codec_name="words-v1", shards=2) -> Path:
        """`songs` is split -> artist key -> contents (texts, or token ids for a MIDI codec)."""
        codec = load_codec(codec_name)
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        counts = {}
        for split, artists in songs.items():
            rows = [_row(codec, artist, content) for artist in sorted(artists) for content in artists[artist]]
            rows.sort(key=lambda row: (row["artist_key"], row["song_id"]))
            for shard in range(shards):
                part = rows[shard * len(rows) // shards : (shard + 1) * len(rows) // shards]
                table = pa.Table.from_pylist(part, schema=row_schema(codec.kind))
                pq.write_table(table, folder / f"{split}-{shard:05d}-of-{shards:05d}.parquet")
            tokens = [len(row["tokens"]) for row in rows]
            units = [row["units"] for row in rows]
            counts[split] = SplitCounts(
                artists=len(artists),
                songs=len(rows),
                works=len(rows),
                tokens=sum(tokens),
                units=sum(units),
                median_tokens=float(np.median(tokens)) if rows else 0.0,
                median_units=float(np.median(units)) if rows else 0.0,
            )
        source = {"source": "folder", "licence": "CC0-1.0"}
        table = {"name": name, "kind": codec.kind, "codec": codec_name, "sources": [source]}
        manifest = Manifest(
            format=FORMAT_VERSION,
            name=name,
            kind=codec.kind,
            codec=codec_name,
            digest=track_digest(folder, codec.kind, codec_name),
            files={path.name: file_entry(path) for path in sorted(folder.glob("*.parquet"))},
            counts=counts,
            rejected={"empty file": 3, "no notes": 12},
            software={},
            seconds=1.5,
            definition=parse_definition(table, "a test"),
        )
        (folder / "manifest.json").write_text(manifest.model_dump_json())
        return folder

    return write


def _row(codec, artist, content):
    import hashlib

    import numpy as np

    tokens = codec.encode(content) if codec.kind == "lyrics" else np.asarray(content, np.uint16)
    whole = content.encode() if codec.kind == "lyrics" else tokens.astype("<u2").tobytes()
    song_id = hashlib.blake2b(whole, digest_size=16).hexdigest()
    row = dict.fromkeys(["licence", "source"], "x") | {
        "song_id": song_id,
        "artist": artist.title(),
        "artist_key": artist,
        "title": f"Song {song_id[:4]}",
        "work": song_id,
        "origin": f"{artist}/{song_id}.txt",
        "tokens": codec.excerpt(tokens),
        "units": codec.units(codec.excerpt(tokens)),
    }
    return row | ({"text": content} if codec.kind == "lyrics" else {})
