"""Damaged results: every random flip or cut of a file is refused in one message, or changes no figure."""

import random
import shutil
from pathlib import Path

import pytest

from fsdl_bench.errors import BadInput
from fsdl_bench.results import files, read_result, read_rows

RESULT = Path(__file__).parents[2] / "leaderboard" / "results" / "midi-synthetic" / "ngram.json"
FLIPS, CUTS = 300, 60


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A result of the leaderboard. Its rows are summed up once: their hash is checked each time."""
    for path in RESULT.parent.glob("ngram.*"):
        shutil.copyfile(path, tmp_path / path.name)
    real, known = files.summarise, {}

    def summarise(frame, unit):
        if unit not in known:
            known[unit] = real(frame, unit)
        return known[unit]

    monkeypatch.setattr(files, "summarise", summarise)
    return tmp_path / "ngram.json"


def damaged(data, seed):
    """(what was done, damaged bytes): one flipped bit each, then cuts."""
    draw = random.Random(seed)
    for _ in range(FLIPS):
        place, bit = draw.randrange(len(data)), draw.randrange(8)
        flipped = bytearray(data)
        flipped[place] ^= 1 << bit
        yield f"bit {bit} of byte {place}", bytes(flipped)
    for _ in range(CUTS):
        length = draw.randrange(len(data))
        yield f"cut to {length} bytes", data[:length]


@pytest.mark.parametrize("ending", [".json", ".rows.parquet"])
def test_damage_is_refused_or_harmless(copied, ending):
    good = read_result(copied)
    figures = good.result.aggregates.model_dump()
    path = copied.with_name("ngram" + ending)
    refused = 0
    messages: list[str] = []
    for done, data in damaged(path.read_bytes(), seed=5):
        path.write_bytes(data)
        try:
            found = read_result(copied)
        except BadInput as error:
            refused += 1
            messages.append(str(error))
            continue
        assert ending == ".json", f"{done}: damaged rows were read"
        assert found.rows.equals(good.rows), done
        assert not list(files._differences("", found.result.aggregates.model_dump(), figures, True)), done
    assert refused >= CUTS
    assert all("ngram" in message for message in messages)


def test_cut_rows_with_a_matching_hash_are_refused():
    """A hash over damaged bytes gives one message too, not a traceback of the Parquet reader."""
    for _, data in list(damaged(RESULT.with_name("ngram.rows.parquet").read_bytes(), seed=6))[FLIPS:]:
        with pytest.raises(BadInput, match=r"x\.rows\.parquet: expected a Parquet file"):
            read_rows(data, "x.rows.parquet")
