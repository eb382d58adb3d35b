"""Folders with faulty files build, and every fault is a row of `rejected.parquet`."""

import os
import random
import time
from pathlib import Path

import pandas as pd
import pytest

from fsdl_bench.builder.pipeline import build_track
from fsdl_bench.codecs import load_codec
from fsdl_bench.errors import BadInput
from fsdl_bench.paths import tracks_dir
from fsdl_bench.tracks.definition import parse_definition
from fsdl_bench.tracks.manifest import read_manifest


def rejected(track: Path) -> dict[str, str]:
    table = pd.read_parquet(track / "rejected.parquet")
    return {
        origin: f"{why}: {detail}" for origin, why, detail in table[["origin", "reason", "detail"]].to_numpy()
    }


def kept(track: Path) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(path) for path in track.glob("*-of-*.parquet")]).set_index("origin")


def midi_of(events: bytes, quarter: int = 480) -> bytes:
    track = events + b"\x00\xff\x2f\x00"
    return (
        b"MThd\0\0\0\6\0\0\0\1" + quarter.to_bytes(2, "big") + b"MTrk" + len(track).to_bytes(4, "big") + track
    )


def unreadable(path: Path) -> None:
    """Make a file that cannot be read, not even by root."""
    if os.geteuid():
        path.touch()
        path.chmod(0)
    else:
        path.symlink_to("/proc/self/mem")


def test_a_folder_of_broken_midi_builds(song_folder, define) -> None:
    folder = song_folder("midi", artists=6)
    odd = folder / "Artist 00"
    good = (odd / "00.mid").read_bytes()
    note = b"\x00\x90\x3c\x50\x60\x80\x3c\x00"
    files = {
        "empty.mid": b"",
        "text.mid": b"this is no music",
        "cut in the header.mid": good[:9],
        "cut.mid": good[: len(good) // 2],
        "no notes.mid": midi_of(b""),
        "tempo 0.mid": midi_of(b"\x00\xff\x51\x03\0\0\0" + note),
        "no ticks.mid": midi_of(note, quarter=0),
        "absurd times.mid": midi_of(note + b"\xff\xff\xff\x7f\x90\x3c\x50\xff\xff\xff\x7f\x80\x3c\x00" * 9),
        "hours.mid": midi_of(note + b"\x87\xa7\x9e\x00\x90\x3c\x50\x60\x80\x3c\x00", quarter=1),
    }
    for name, data in files.items():
        (odd / name).write_bytes(data)
    million = b"".join(bytes([1, 0x90, 30 + i % 60, 80, 1, 0x90, 30 + i % 60, 0]) for i in range(60)) * 16_667
    (odd / "a million notes.mid").write_bytes(midi_of(million))
    (odd / "loop").symlink_to(folder)
    (odd / "gone.mid").symlink_to(odd / "nothing here")
    unreadable(odd / "locked.mid")
    os.mkfifo(odd / "pipe.mid")
    (odd / "\u202ereversed \U0001f3b5.mid").write_bytes(note_file(1))
    (odd / os.fsdecode(b"Beyonc\xe9.MID")).write_bytes(note_file(2))
    (folder / "beside the artists.mid").write_bytes(note_file(3))

    begun = time.monotonic()
    report = build_track(define("midi"), source_dir=folder, workers=1, progress=False)
    assert time.monotonic() - begun < 60
    why = rejected(report.path)
    for name in (*files, "gone.mid", "locked.mid", "pipe.mid"):
        assert f"Artist 00/{name}" in why, name
    assert why["Artist 00/empty.mid"].startswith("empty file")
    assert why["Artist 00/text.mid"].startswith("not a MIDI file")
    assert why["Artist 00/no notes.mid"].startswith("no notes")
    assert why["Artist 00/tempo 0.mid"].startswith("tempo 0")
    assert why["Artist 00/no ticks.mid"].startswith("ticks per quarter < 1")
    assert why["Artist 00/hours.mid"].startswith("longer than 2 hours")
    assert why["Artist 00/locked.mid"].startswith("unreadable file")
    assert why["Artist 00/gone.mid"].startswith("broken link")
    assert why["Artist 00/loop"].startswith("link to a folder")
    assert why["beside the artists.mid"].startswith("no artist folder")
    rows = kept(report.path)
    assert rows.loc["Artist 00/a million notes.mid"].units == 512
    assert {"reversed \U0001f3b5", "Beyoncé"} <= set(rows.title)
    assert len(rows) + len(why) == report.songs


def note_file(seed: int) -> bytes:
    rng = random.Random(seed)
    events = b""
    for _ in range(40):
        pitch = rng.randrange(30, 90)
        events += bytes([rng.randrange(1, 90), 0x90, pitch, 80, rng.randrange(1, 90), 0x90, pitch, 0])
    return midi_of(events)


def test_nothing_is_dropped_in_silence_of_a_thousand_flipped_files(song_folder, define) -> None:
    folder = song_folder("midi", artists=4)
    rng = random.Random(4)
    names = set()
    for number in range(1000):
        data = bytearray(note_file(number))
        for _ in range(rng.choice((1, 2, 8))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        name = f"Artist {number % 4:02d}/flipped {number}.mid"
        (folder / name).write_bytes(data[: rng.choice((len(data), rng.randrange(len(data))))])
        names.add(name)
    report = build_track(define("midi", max_songs=1000), source_dir=folder, workers=1, progress=False)
    why, rows = rejected(report.path), kept(report.path)
    assert names <= why.keys() | set(rows.index)
    assert not why.keys() & set(rows.index)
    assert "reader crashed" not in report.rejected
    assert len(names & set(rows.index)) > 100
    codec = load_codec("note10ms-v1")
    for tokens in rows.tokens:
        codec.decode(tokens)


def test_texts_in_any_encoding(song_folder, define) -> None:
    folder = song_folder("lyrics", artists=6)
    odd = folder / "Artist 00"
    text = "Über den Wäldern kreist ein Rabe\r\nund ruft nach einem, der nicht kommt. \r\n\r\n"
    clean = "Über den Wäldern kreist ein Rabe\nund ruft nach einem, der nicht kommt."
    for number, encoding in enumerate(("utf-8", "utf-8-sig", "utf-16", "latin-1")):
        place = folder / f"Artist 0{number + 1}"
        (place / "rabe.txt").write_bytes(f"{number} {text}".encode(encoding))
    (odd / "empty.txt").touch()
    (odd / "blank.txt").write_text(" \n\n ")
    (odd / "music.txt").write_bytes(note_file(1))
    (odd / "cut.txt").write_bytes("蘇軾詞".encode()[:-1] * 30)
    unreadable(odd / "locked.txt")
    definition = define(filters={"near_duplicates": False})
    report = build_track(definition, source_dir=folder, workers=0, progress=False)
    rows, why = kept(report.path), rejected(report.path)
    for number in range(4):
        assert rows.loc[f"Artist 0{number + 1}/rabe.txt"].text == f"{number} {clean}"
    assert set(why) == {f"Artist 00/{n}.txt" for n in ("empty", "blank", "music", "cut", "locked")}
    assert why["Artist 00/blank.txt"].startswith("no text")


CSV = {"name": "toy", "kind": "lyrics", "codec": "bpe4096-v1", "sources": [{"source": "lyrics_csv"}]}


def test_a_csv_with_a_lone_quote_and_odd_names(tmp_path) -> None:
    folder = tmp_path / "csv"
    folder.mkdir()
    rng = random.Random(2)
    lines = ["artist,song,link,text"]
    for artist in ("AC/DC", "\U0001f3b8 band", "\u200fفيروز\u200e", "Plain"):
        for song in range(10):
            words = " ".join(
                f"{rng.choice('lmnr')}{rng.choice('aeiou')}{rng.randrange(99)}" for _ in range(40)
            )
            lines.append(f'{artist},song {song},/x,"{words}\n{words[::-1]}"')
    lines.insert(15, 'Plain,broken,/x,"a quote that never ends')
    (folder / "songs.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    report = build_track(parse_definition(CSV, ""), source_dir=folder, workers=0, progress=False)
    rows = kept(report.path)
    assert set(rows.artist) == {"AC/DC", "\U0001f3b8 band", "فيروز", "Plain"}
    assert set(rows.artist_key) == {"ac dc", "guitar band", "fyrwz", "plain"}
    assert len(rows) >= 38
    assert report.rejected
    assert report.kept + sum(report.rejected.values()) == report.songs


def test_a_csv_without_the_columns_is_one_clear_message(tmp_path) -> None:
    (tmp_path / "songs.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadInput, match="artist"):
        build_track(parse_definition(CSV, ""), source_dir=tmp_path, workers=0, progress=False)
    assert not (tracks_dir() / "toy").exists()


def test_what_was_built_before_is_not_harmed(song_folder, define) -> None:
    folder = song_folder("lyrics")
    old = build_track(define(), source_dir=folder, workers=0, progress=False)
    for path in folder.rglob("*.txt"):
        path.write_bytes(b"\0\1\2")
    with pytest.raises(BadInput, match="would be empty"):
        build_track(define(), source_dir=folder, workers=0, progress=False)
    assert read_manifest(old.path).digest == old.digest


@pytest.mark.parametrize(
    "place", ["keep", "songs", ".", "songs/Artist 00", "songs/track", "link", "songs/x.txt"]
)
def test_nothing_that_a_user_has_is_replaced(song_folder, define, tmp_path, place) -> None:
    songs = song_folder("lyrics", artists=3)
    (tmp_path / "keep").mkdir()
    (tmp_path / "keep" / "precious.txt").write_text("x")
    (songs / "x.txt").write_text("x")
    (tmp_path / "link").symlink_to("songs")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(BadInput, match=r"nothing was changed|found a file"):
        build_track(define(), source_dir=songs, out=tmp_path / place, workers=0, progress=False)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_track_may_lie_beside_its_table_and_a_home_inside_the_songs(
    song_folder, define, tmp_path, monkeypatch
) -> None:
    songs = song_folder("lyrics", artists=4)
    monkeypatch.setenv("FSDL_BENCH_HOME", str(songs / ".fsdl"))
    assert build_track(define(), source_dir=songs, workers=0, progress=False).kept == 40
    rows = [("artist", "lyrics")]
    rows += [(p.parent.name, p.read_text().replace("\n", " ")) for p in songs.glob("Artist*/*.txt")]
    (tmp_path / "songs.csv").write_text("\n".join(map(",".join, rows)))
    table = CSV | {"sources": [{"source": "lyrics_csv", "options": {"file": "songs.csv"}}]}
    for _ in range(2):
        definition = parse_definition(table, "")
        report = build_track(
            definition, source_dir=tmp_path, out=tmp_path / "track", workers=0, progress=False
        )
    assert report.kept == 40
    with pytest.raises(BadInput, match="contains the source"):
        build_track(definition, source_dir=tmp_path, out=tmp_path, workers=0, progress=False)
