"""A board of many evaluations: what is done, what is left alone, what goes on after a kill."""

import pytest
from click.testing import CliRunner

from fsdl_bench.cli import main
from fsdl_bench.errors import BadInput
from fsdl_bench.evaluation import board as board_module
from fsdl_bench.evaluation.board import read_board, run_board

BOARD = """
out = "results"
mode = "batched"

[[run]]
submission = "models/model.py"
name = "counting"
tracks = ["toy"]
protocols = ["independent", "streaming"]
set = {weight = 3.0}

[[run]]
submission = "models/model.py:Counting"
name = "heavy"
tracks = ["toy"]
seeds = [0, 1]
set = {weight = 50.0}
"""


@pytest.fixture
def board(toy, model, counting, tmp_path):
    model(counting)
    path = tmp_path / "board.toml"
    path.write_text(BOARD)
    return path


def _done(path, **options):
    return list(run_board(path, progress=False, **options))


def test_every_result_is_made_once(board, tmp_path, monkeypatch):
    outcomes = _done(board)
    assert [one.error for one in outcomes] == [""] * 3
    results = tmp_path / "results"
    found = sorted(path.relative_to(results).as_posix() for path in results.rglob("*.json"))
    assert found == ["toy/counting.json", "toy/heavy.json", "toy/streaming/counting.json"]
    assert outcomes[2].stored.result.seeds == (0, 1)
    assert outcomes[0].stored.result.submission.arguments == {"weight": 3.0}
    monkeypatch.setattr(board_module, "evaluate", lambda *_, **__: pytest.fail("evaluated again"))
    again = _done(board)
    assert [one.stored.path for one in again] == [one.stored.path for one in outcomes]


def test_only_what_changed_is_made_again(board, model, counting, monkeypatch):
    _done(board)
    made = []
    honest = board_module.evaluate
    monkeypatch.setattr(
        board_module, "evaluate", lambda *a, **options: made.append(options["name"]) or honest(*a, **options)
    )
    board.write_text(BOARD.replace("50.0", "60.0"))
    _done(board)
    assert made == ["heavy"]
    made.clear()
    model(counting + "# changed\n")
    _done(board, only="streaming")
    assert made == ["counting"]


def test_shots_of_the_board(board, monkeypatch):
    board.write_text("shots = [2, 0]\n" + BOARD)
    outcomes = _done(board)
    assert [[shot.shots for shot in one.stored.result.aggregates.shots] for one in outcomes] == [[0, 2]] * 3
    monkeypatch.setattr(board_module, "evaluate", lambda *_, **__: pytest.fail("evaluated again"))
    assert not any(one.error for one in _done(board))


def test_shots_of_a_run_come_before_those_of_the_board(board, monkeypatch):
    board.write_text("shots = [2, 0]\n" + BOARD + "shots = [0, 1, 2]\n")
    outcomes = _done(board)
    found = [[shot.shots for shot in one.stored.result.aggregates.shots] for one in outcomes]
    assert found == [[0, 2], [0, 2], [0, 1, 2]]
    monkeypatch.setattr(board_module, "evaluate", lambda *_, **__: pytest.fail("evaluated again"))
    assert not any(one.error for one in _done(board))


def test_only_names_whole_words(board):
    board.write_text(BOARD.replace('"heavy"', '"meta-counting"'))
    (outcome,) = _done(board, only="counting on toy, independent")
    assert outcome.stored.path.stem == "counting"
    with pytest.raises(BadInput, match="no run is 'count'; the first is counting on toy"):
        _done(board, only="count")


def test_a_job_that_fails_does_not_stop_the_others(board):
    board.write_text(BOARD.replace("models/model.py:Counting", "models/missing.py"))
    outcomes = _done(board)
    assert [bool(one.stored) for one in outcomes] == [True, True, False]
    assert "no such file" in outcomes[2].error
    done = CliRunner().invoke(main, ["run", str(board)])
    assert done.exit_code == 1
    assert "no such file" in done.stdout


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "heavy"', 'name = "counting"', "two runs write"),
        ('tracks = ["toy"]', "tracks = []", "run.0.tracks"),
        ('"streaming"]', '"sideways"]', "run.0.protocols.1"),
        ('out = "results"', "out = 3", "out"),
        ("[[run]]", "[[run", "expected a board"),
    ],
)
def test_a_wrong_board_is_refused(board, old, new, words):
    board.write_text(BOARD.replace(old, new))
    with pytest.raises(BadInput, match=words):
        read_board(board)


def test_an_unfinished_run_goes_on(board, monkeypatch):
    class Stop(Exception):
        pass

    from fsdl_bench.evaluation import batched

    honest, calls = batched.cell_entry, []

    def failing(*arguments, **more):
        calls.append(1)
        if len(calls) == 5:
            raise Stop
        return honest(*arguments, **more)

    monkeypatch.setattr(batched, "cell_entry", failing)
    with pytest.raises(Stop):
        _done(board, only="heavy")
    (outcome,) = _done(board, only="heavy")
    assert len(calls) == 1 + outcome.stored.result.rows.count / 4, "nothing was scored twice"
