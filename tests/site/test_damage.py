"""Damaged files beside results: samples and the removal log, flip by flip."""

import random
import shutil
from pathlib import Path

import pytest

from fsdl_bench.errors import BadInput
from fsdl_bench.site.removals import read_removals
from fsdl_bench.site.samples import copy_samples

SAMPLES = Path(__file__).parents[2] / "leaderboard" / "samples" / "lyrics-verse" / "dynamic-evaluation"
LOG = '# The log.\n[[removed]]\ndate = "2026-03-01"\ntrack = "t"\nmodel = "m"\nreason = "Peeked."\n'


def damaged(data, seed, flips=300, cuts=40):
    """The bytes with one flipped bit, then cut."""
    draw = random.Random(seed)
    for _ in range(flips):
        flipped = bytearray(data)
        flipped[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        yield bytes(flipped)
    for _ in range(cuts):
        yield data[: draw.randrange(len(data))]


@pytest.fixture
def samples(tmp_path):
    return Path(shutil.copytree(SAMPLES, tmp_path / "samples"))


def test_damaged_samples_are_refused_or_another_text(samples, tmp_path):
    """No traceback, and never another number of songs."""
    index = samples / "samples.json"
    (good,) = copy_samples(samples, tmp_path / "site", "here", "lyrics-verse")
    refused = 0
    for data in damaged(index.read_bytes(), seed=1):
        index.write_bytes(data)
        try:
            (found,) = copy_samples(samples, tmp_path / "site", "here", "lyrics-verse")
        except BadInput:
            refused += 1
            continue
        assert [len(songs) for songs in (found.support, found.samples)] == [
            len(songs) for songs in (good.support, good.samples)
        ]
    assert refused > 100


def test_a_damaged_song_is_refused(samples, tmp_path):
    text = next(samples.glob("*.txt"))
    text.write_bytes(b"\xff" + text.read_bytes())
    with pytest.raises(BadInput, match="expected UTF-8 text"):
        copy_samples(samples, tmp_path / "site", "here", "lyrics-verse")


def test_a_damaged_log_is_refused_or_another_text(tmp_path):
    """No damage makes a removal disappear in silence."""
    log = tmp_path / "removed.toml"
    refused = 0
    for data in damaged(LOG.encode(), seed=2, cuts=0):
        log.write_bytes(data)
        try:
            found = read_removals(log)
        except BadInput:
            refused += 1
        else:
            assert len(found) == 1
    assert refused > 100


@pytest.mark.parametrize("text", ["removed = 3\n", "[removed]\n", '[[remowed]]\ndate = "x"\n', "\xff"])
def test_a_log_of_another_form_is_refused(tmp_path, text):
    log = tmp_path / "removed.toml"
    log.write_bytes(text.encode("latin-1"))
    with pytest.raises(BadInput, match=r"removed\.toml: each"):
        read_removals(log)
