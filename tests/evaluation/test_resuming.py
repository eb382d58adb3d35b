"""Runs that are cut short, at whatever point, and go on."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fsdl_bench.errors import BadInput, RuleBreach
from fsdl_bench.paths import home
from fsdl_bench.results import read_result


class Interrupted(Exception):
    pass


def without_chance(result):
    """A result without what the clock and the audits' own chances put into it."""
    kept = json.loads(result.model_dump_json(exclude={"cost", "created", "audits"}))
    return kept


@pytest.mark.parametrize("protocol", ["independent", "streaming"])
@pytest.mark.parametrize("at", [1, 17, 40, 63])
def test_a_run_that_was_interrupted_goes_on(toy, model, counting, run, monkeypatch, at, protocol):
    from fsdl_bench.evaluation import batched

    path, options = model(counting), {"seeds": [0, 1], "protocol": protocol}
    whole = run(path, **options)
    honest, calls = batched.cell_entry, []

    def failing(*arguments, **more):
        calls.append(1)
        if len(calls) == at:
            raise Interrupted
        return honest(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(batched, "cell_entry", failing)
        patch.setattr("fsdl_bench.evaluation.sealing.Seal.check", lambda self: None)
        with pytest.raises(Interrupted):
            run(path, **options)
        if at > 1:
            with pytest.raises(BadInput, match="--resume continues it"):
                run(path, **options)
        again = run(path, **options, resume=True)
    assert len(calls) == 81, "nothing was scored twice"
    assert again.rows.equals(whole.rows)
    assert without_chance(again.result) == without_chance(whole.result)
    assert not list((home() / "runs").glob("*"))


def test_a_run_that_is_killed_goes_on(toy, model, counting, run, tmp_path):
    """kill -9, twice, at whatever point the process is then."""
    path = model(counting)
    whole = run(path, settings=["slow=0.02"], out=tmp_path / "whole.json")
    start = "from fsdl_bench.cli import main; main()"
    command = [sys.executable, "-c", start, "evaluate", "--submission", path, "--track", "toy"]
    command += ["--set", "slow=0.02", "--out", str(tmp_path / "killed.json"), "--resume"]
    for least in (3, 20):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            found = list((home() / "runs").glob("*/entries.jsonl"))
            if found and found[0].read_bytes().count(b"\n") > least:
                break
            assert process.poll() is None, process.stdout.read().decode()
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert not (tmp_path / "killed.json").exists()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    again = read_result(tmp_path / "killed.json")
    assert (tmp_path / "killed.rows.parquet").read_bytes() == (tmp_path / "whole.rows.parquet").read_bytes()
    assert again.result.aggregates == whole.result.aggregates


def test_a_breach_is_met_again_on_resume(toy, run):
    cheat = str(Path(__file__).parents[1] / "cheats" / "between_episodes.py")
    for resume in (None, True):
        with pytest.raises(RuleBreach, match="rule broken: state"):
            run(cheat, resume=resume)


def test_scores_of_another_fit_are_not_resumed(toy, model, counting, run, monkeypatch):
    """The cached fit is lost, and fitting again gives another one: on a GPU it may."""
    from fsdl_bench.evaluation import batched

    def failing(*arguments):
        raise Interrupted

    path = model(counting.replace("torch.rand(", "torch.tensor(time.time_ns() % 10**9 / 1e9) + torch.rand("))
    with monkeypatch.context() as patch:
        patch.setattr(batched.BatchedSeed, "_audit_state", failing)
        patch.setattr("fsdl_bench.evaluation.sealing.Seal.check", lambda self: None)
        with pytest.raises(Interrupted):
            run(path)
    (fit,) = (home() / "fits").glob("*/submission.pt")
    fit.unlink()
    with pytest.raises(BadInput, match=r"scored with another fit.*--restart"):
        run(path, resume=True)
    assert run(path, resume=False)
