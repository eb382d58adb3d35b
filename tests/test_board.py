"""The board of the leaderboard: it can be read, and its models and tracks exist."""

from pathlib import Path

from fsdl_bench.evaluation.board import read_board
from fsdl_bench.tracks.definition import definition_names

SYNTHETIC = {"lyrics-synthetic", "midi-synthetic"}
"""A model may train longer on these tracks, under its own name."""

PATH = Path(__file__).parents[1] / "leaderboard" / "board.toml"


def test_the_models_and_tracks_exist():
    board, jobs = read_board(PATH)
    assert board.mode == "verified"
    assert {job.track for job in jobs} <= set(definition_names())
    for run in board.run:
        assert (PATH.parent / run.submission).is_file()
        name = Path(run.submission).stem.replace("_", "-")
        own = bool(run.set) and not set(run.tracks) <= SYNTHETIC
        assert run.name.startswith(f"{name}-") if own else run.name == name
    names = [(job.run.name, job.track, job.protocol) for job in jobs]
    assert len(set(names)) == len(names)


def test_every_reference_model_is_on_it():
    board, _ = read_board(PATH)
    needs_own_files = {"transformers_lm"}
    models = {path.stem for path in (PATH.parents[1] / "baselines").glob("*.py")} - needs_own_files
    assert {Path(run.submission).stem for run in board.run} == models
