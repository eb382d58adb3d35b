"""`fsdl-bench evaluate`: what it prints, and where."""

import inspect
import json
from dataclasses import fields

import pandas as pd
import pytest
from click.testing import CliRunner

from fsdl_bench.cli import main
from fsdl_bench.evaluation.plan import EvaluationOptions
from fsdl_bench.evaluation.runner import evaluate
from fsdl_bench.results import read_result


@pytest.mark.walls
def test_the_command(toy, model, counting, tmp_path):
    out = tmp_path / "result.json"
    command = ["evaluate", "--submission", model(counting), "--track", "toy", "--set", "weight=2"]
    command += ["--shots", "0,5", "--seeds", "0,1", "--out", str(out)]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    assert "Counting on toy, independent" in done.stdout
    assert "wrong - right artist" in done.stdout
    assert "Audits held" in done.stdout
    stored = read_result(out)
    assert f"{stored.result.aggregates.shots[1].nll.mean:.4f}" in done.stdout
    assert isinstance(stored.rows, pd.DataFrame)


def test_json_alone_on_standard_output(toy, model, counting, tmp_path):
    path = model(counting.replace("time.sleep(self.slow)", "print('chatter')"))
    command = [
        "evaluate",
        "--submission",
        path,
        "--track",
        "toy",
        "--in-process",
        "--json",
        "--out",
        str(tmp_path / "r.json"),
    ]
    done = CliRunner().invoke(main, command)
    assert json.loads(done.stdout) == json.loads((tmp_path / "r.json").read_text())
    assert "chatter" in done.stderr


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--shots", "a"], "expected numbers such as 0,1,5, found 'a'"),
        (["--shots", "3"], "--shots: toy has 0, 1, 2, 5, found 3"),
        (["--set", "weight=heavy"], "--set weight=heavy: expected a number, found 'heavy'"),
    ],
)
def test_a_bad_call_is_one_message(toy, model, counting, more, message):
    done = CliRunner().invoke(main, ["evaluate", "--submission", model(counting), "--track", "toy", *more])
    assert done.exit_code == 2
    assert message in done.stderr


def test_ctrl_c_says_how_to_go_on(toy, model, counting, tmp_path):
    path = model(counting.replace("time.sleep(self.slow)", "raise KeyboardInterrupt"))
    done = CliRunner().invoke(main, ["evaluate", "--in-process", "--submission", path, "--track", "toy"])
    assert done.exit_code == 130
    assert "Add --resume to continue" in done.stderr


def test_the_command_has_the_options_of_the_function():
    command = {parameter.name for parameter in main.commands["evaluate"].params}
    options = {field.name for field in fields(EvaluationOptions)} - {"progress"}
    assert command == options | {"submission", "track", "as_json"}
    shown = inspect.signature(evaluate).parameters
    assert set(shown) == options | {"submission", "track", "progress"}
    assert shown["device"].default == "cpu"
    with pytest.raises(TypeError, match="unexpected keyword argument 'shot'"):
        evaluate("model.py", "toy", shot=[0])


def test_the_progress_bar_and_the_log_go_to_standard_error(toy, model, counting, run, capsys):
    path = model(counting.replace("self.start =", "context.log('epoch [1]')\n        self.start ="))
    run(path, progress=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "epoch [1]" in captured.err
