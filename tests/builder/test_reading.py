"""Damaged chunks are read again, and a chunk's name depends on everything that its content depends on."""

import os
import random
from pathlib import Path

import pytest

from fsdl_bench.builder import chunks, listing, pipeline, reading
from fsdl_bench.errors import BadInput
from fsdl_bench.paths import tracks_dir


class CutShort(Exception):
    pass


def cut_short(*_: object) -> None:
    raise CutShort


def flip(path: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def test_a_chunk_with_a_flipped_bit_is_read_again(
    song_folder, define, build_quietly, monkeypatch, capsys
) -> None:
    songs = song_folder("lyrics", artists=9)
    whole = build_quietly(define(), songs, out=tracks_dir() / "other").digest
    monkeypatch.setattr(reading, "CHUNK_SONGS", 30)
    rng = random.Random(11)
    for number in range(12):
        with monkeypatch.context() as patch:
            patch.setattr(pipeline, "write_folder", cut_short)
            with pytest.raises(CutShort):
                build_quietly(define(), songs)
        chunk = rng.choice(sorted((tracks_dir() / ".toy.work" / "chunks").glob("*.arrow")))
        if number % 4 == 3:
            chunk.with_name(f"{chunk.name}.xxh3").unlink()
        else:
            flip(chunk, rng)
        capsys.readouterr()
        report = build_quietly(define(), songs)
        assert (report.digest, report.resumed) == (whole, 60)
        assert capsys.readouterr().err.count(f"{chunk} is damaged; its 30 songs are read again") == 1


@pytest.mark.parametrize("stage", ["Selector", "write_folder"])
def test_a_chunk_that_is_damaged_during_the_build_is_read_again(
    stage, song_folder, define, build_quietly, monkeypatch, capsys
) -> None:
    songs = song_folder("lyrics", artists=9)
    whole = build_quietly(define(), songs, out=tracks_dir() / "other").digest
    monkeypatch.setattr(reading, "CHUNK_SONGS", 30)
    monkeypatch.setattr(chunks, "_MOST_OPEN", 1)
    original = getattr(pipeline, stage)
    damages = 2

    def damaging(*arguments):
        nonlocal damages
        if damages:
            damages -= 1
            flip(sorted((tracks_dir() / ".toy.work" / "chunks").glob("*.arrow"))[1], random.Random(damages))
        return original(*arguments)

    monkeypatch.setattr(pipeline, stage, damaging)
    assert build_quietly(define(), songs).digest == whole
    assert capsys.readouterr().err.count("its 30 songs are read again") == 2
    damages = 99
    with pytest.raises(BadInput, match="damaged 3 times after it was written"):
        build_quietly(define(), songs)


def test_a_chunks_name_changes_with_all_that_it_depends_on(song_folder, define, monkeypatch) -> None:
    songs = song_folder("lyrics", artists=2)

    def name(definition=None, pins=None) -> str:
        definition = definition or define(min_songs=1)
        found = listing.open_sources(definition, songs, None, False)
        listing.list_items(definition, found, False)
        found.trees[0].pins = pins
        reading._code.cache_clear()
        return next(reading._tasks(definition, found, Path())).path.name

    first = name()
    assert name() == first
    path = songs / "Artist 00" / "00.txt"
    others = [name(define(min_songs=1, filters={"min_units": 2})), name(pins={"Artist 00/00.txt": b"x" * 8})]
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    others.append(name())
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert name() == first
    for place, changed in (
        ("package_versions", lambda names: {"numpy": "0.1"}),
        ("fingerprint.modules", lambda *names: "another code"),
        ("platform.python_version", lambda: "4.0"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(f"fsdl_bench.builder.reading.{place}", changed)
            others.append(name())
    assert len({first, *others}) == 7


def test_a_chunk_depends_on_the_code_of_its_own_source_only(monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(reading.fingerprint, "modules", lambda *names: asked.append(names) or "0")
    reading._code.cache_clear()
    reading._code("ci")
    reading._code.cache_clear()
    assert asked == [("fsdl_bench.builder.measuring", "fsdl_bench.sources.ci")]
