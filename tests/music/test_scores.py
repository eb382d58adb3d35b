"""Conversion of scores: the cache, failures and what is remembered of them, and files that kill verovio."""

import hashlib
import json

import pytest

from fsdl_bench.checked import write_checked
from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.music import scores
from fsdl_bench.music.reading import read_midi
from fsdl_bench.music.scores import convert_scores, score_to_midi
from fsdl_bench.paths import home

KERN = b"**kern\n*M4/4\n=1\n4c\n4d\n4e\n4f\n==\n*-\n"
JUNK = b"\xff\xfe\xff"
REPEATED = b"**kern\n*M4/4\n=1\n1c\n=:|!\n*>B\n1d\n==\n*-\n"


def _convert(files: dict[str, bytes], **options):
    return convert_scores(list(files), files.__getitem__, workers=1, progress=False, **options)


def _paths(data: bytes):
    stem = home() / "converted" / hashlib.sha256(data).hexdigest()
    return stem.with_suffix(".mid"), stem.with_suffix(".failed")


@pytest.fixture
def verovio():
    return pytest.importorskip("verovio")


def test_a_score_is_converted_once(verovio):
    assert _convert({"a.krn": KERN}) == {"converted": 1}
    assert read_midi(score_to_midi(KERN)).pitch.tolist() == [60, 62, 64, 65]
    assert _convert({"a.krn": KERN, "b.krn": REPEATED}) == {"cached": 1, "converted": 1}
    assert read_midi(score_to_midi(REPEATED)).pitch.tolist() == [60, 62]


def test_the_same_bytes_each_time(verovio):
    _convert({"a.krn": KERN})
    first = score_to_midi(KERN)
    _paths(KERN)[0].unlink()
    _convert({"a.krn": KERN})
    assert score_to_midi(KERN) == first


def test_what_is_no_score_is_remembered(verovio):
    junk = {"a.krn": b"\xff\xfe\xff", "b.musicxml": b"<html/>"}
    assert _convert(junk) == {scores.FAILED: 2}
    for data in junk.values():
        with pytest.raises(Rejected, match=scores.FAILED):
            score_to_midi(data)
    assert _convert(junk) == {"cached": 2}


def test_a_score_that_kills_verovio_costs_itself_only(verovio):
    killer = b"PK\x03\x04 no archive"
    assert _convert({"a.mxl": killer, "b.krn": KERN}) == {scores.CRASHED: 1, "converted": 1}
    with pytest.raises(Rejected, match="conversion crashed: worker killed by SIG"):
        score_to_midi(killer)
    assert _convert({"a.mxl": killer}) == {"cached": 1}


def test_another_version_of_verovio_tries_again(verovio):
    _, failed = _paths(KERN)
    failed.parent.mkdir(parents=True)
    failed.write_text(json.dumps({"reason": scores.CRASHED, "detail": "", "verovio": "0.9"}))
    with pytest.raises(LookupError):
        score_to_midi(KERN)
    assert _convert({"a.krn": KERN}) == {"converted": 1}


def test_the_time_limit(verovio):
    bars = "".join(
        "\t".join([f"={bar}"] * 8) + "\n" + ("\t".join(["4c"] * 8) + "\n") * 4 for bar in range(2000)
    )
    long = ("\t".join(["**kern"] * 8) + "\n" + bars + "\t".join(["*-"] * 8) + "\n").encode()
    assert _convert({"long.krn": long}, time_limit=1) == {scores.TIMED_OUT: 1}
    with pytest.raises(Rejected, match="conversion timed out: after 1 s"):
        score_to_midi(long)


def test_files_that_cannot_be_read_are_passed_over():
    def read(path):
        raise Rejected("unreadable file")

    assert convert_scores(["a.krn"], read, workers=1, progress=False) == {}


def test_without_verovio(monkeypatch):
    monkeypatch.setattr(scores, "version", lambda: "")
    with pytest.raises(BadInput, match=r"1 scores have no intact MIDI .*pip install 'fsdl-bench\[scores\]'"):
        _convert({"a.krn": KERN})
    midi, _ = _paths(KERN)
    with write_checked(midi) as temporary:
        temporary.write_bytes(b"MThd")
    assert _convert({"a.krn": KERN}) == {"cached": 1}
    assert score_to_midi(KERN) == b"MThd"


def test_a_damaged_conversion_is_made_again(verovio, capsys):
    assert _convert({"a.krn": KERN}) == {"converted": 1}
    midi, _ = _paths(KERN)
    intact = midi.read_bytes()
    midi.write_bytes(intact[:-1] + bytes([intact[-1] ^ 1]))
    with pytest.raises(LookupError, match="no intact conversion"):
        score_to_midi(KERN)
    assert _convert({"a.krn": KERN}) == {"damaged": 1, "converted": 1}
    assert score_to_midi(KERN) == intact


def test_a_damaged_failure_is_tried_again(verovio):
    assert _convert({"bad.krn": JUNK}) == {scores.FAILED: 1}
    _, failed = _paths(JUNK)
    failed.write_bytes(failed.read_bytes().replace(b"failed", b"crashed"))
    assert _convert({"bad.krn": JUNK}) == {scores.FAILED: 1}
    with pytest.raises(Rejected, match=scores.FAILED):
        score_to_midi(JUNK)


def test_a_score_never_tried():
    with pytest.raises(LookupError, match="convert_scores"):
        score_to_midi(KERN)


@pytest.mark.real
def test_the_ready_conversions_are_what_verovio_makes(verovio, mirror):
    """Some Lieder, byte for byte; `benchmarks/conversion.py` does this for more, and for **kern."""
    import tarfile

    (ready,) = mirror.glob("converted-verovio*.tar.gz")
    (archive,) = mirror.glob("OpenScore*.tar.gz")
    with tarfile.open(archive) as members:
        chosen = [m for m in members if m.name.endswith(".mxl") and m.size < 12_000]
        files = {m.name: members.extractfile(m).read() for m in chosen[:: len(chosen) // 15]}
    names = {hashlib.sha256(data).hexdigest(): data for data in files.values()}
    with tarfile.open(ready) as members:
        expected = {m.name[-68:-4]: members.extractfile(m).read() for m in members if m.name[-68:-4] in names}
    assert len(expected) == len(names) >= 15
    _convert(files)
    assert {name: score_to_midi(names[name]) for name in expected} == expected
