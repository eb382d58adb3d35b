"""Damaged caches: a run gives the same rows, or it says what it rebuilt; never silently others."""

import random
import shutil

import pytest

from fsdl_bench.paths import home

FLIPS = 60


@pytest.fixture
def unfinished(toy, model, counting, run, monkeypatch):
    """The options of a run, its rows, and a copy of the home that it leaves when it is cut short."""
    from fsdl_bench.evaluation import batched

    options = {"limit": 4, "shots": [0, 5]}
    path = model(counting)
    whole = run(path, **options).rows
    honest, calls = batched.cell_entry, []

    def failing(*arguments, **more):
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return honest(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(batched, "cell_entry", failing)
        patch.setattr("fsdl_bench.evaluation.sealing.Seal.check", lambda self: None)
        with pytest.raises(KeyboardInterrupt):
            run(path, **options)
    return path, options, whole


def test_flipped_bits_in_the_fit_and_the_journal(unfinished, run, tmp_path, capsys):
    path, options, whole = unfinished
    kept = tmp_path / "kept"
    shutil.copytree(home(), kept)
    files = [file.relative_to(kept) for file in sorted(kept.glob("[fr]*s/*/*")) if file.is_file()]
    assert {file.name for file in files} >= {"submission.pt", "submission.json", "run.json", "entries.jsonl"}
    choose = random.Random(3)
    for turn in range(FLIPS):
        shutil.rmtree(home())
        shutil.copytree(kept, home())
        file = home() / files[turn % len(files)]
        data = bytearray(file.read_bytes())
        data[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
        file.write_bytes(data)
        capsys.readouterr()
        rows = run(path, **options, resume=True).rows
        assert rows.equals(whole), file
        assert "damaged" in capsys.readouterr().err, file
