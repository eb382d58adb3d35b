"""Submissions that cheat: which rule catches each, and what today's harness does not yet see."""

from pathlib import Path

import pytest

from fsdl_bench.errors import RuleBreach
from fsdl_bench.submissions import landlock

pytestmark = pytest.mark.walls

CHEATS = Path(__file__).parents[1] / "cheats"

CAUGHT = {
    "one_token_ahead.py": "causality",
    "end_of_song.py": "causality",
    "two_passes.py": "causality",
    "train_then_score.py": "causality",
    "query_batch.py": "independence",
    "between_queries.py": "determinism",
    "second_call.py:Cheat": "determinism",
    "between_episodes.py": "state",
    "learnt_by_heart.py:Cheat": "sealed songs",
    "replaced_scorer.py:Cheat": "scorer",
    "replaced_scorer.py:LeftOn": "scorer",
}


def headline(stored):
    return stored.result.aggregates.shots[-1].nll.mean


@pytest.fixture(autouse=True)
def put_back(monkeypatch):
    """What the cheats replace is put back after each test."""
    from fsdl_bench.evaluation import cells

    monkeypatch.setattr(cells, "token_nats", cells.token_nats)
    yield
    import torch

    while torch._C._len_torch_function_stack():
        torch._C._pop_torch_function_stack()


@pytest.mark.parametrize(("cheat", "rule"), CAUGHT.items())
def test_is_caught(toy, run, cheat, rule):
    with pytest.raises(RuleBreach) as breach:
        run(str(CHEATS / cheat))
    assert breach.value.rule == rule
    assert f"rule broken: {rule}" in str(breach.value)


def test_a_breach_leaves_no_result(toy, run, tmp_path):
    with pytest.raises(RuleBreach):
        run(str(CHEATS / "one_token_ahead.py"))
    assert not (tmp_path / "result.json").exists()


def test_the_honest_model_beneath_the_cheats_passes(toy, run):
    assert all(verdict.passed for verdict in run(str(CHEATS / "base.py:Unigram")).result.audits)


def test_an_unnormalised_distribution_gains_nothing(toy, run):
    """Normalisation is by construction: mass that sums to two is the mixture with weights one half."""
    cheat = headline(run(str(CHEATS / "unnormalised_cache.py:Cheat")))
    assert cheat == pytest.approx(headline(run(str(CHEATS / "unnormalised_cache.py:Honest"))), rel=1e-6)


def test_a_tensor_that_lies_about_itself_gains_nothing(toy, run):
    honest = headline(run(str(CHEATS / "base.py:Unigram")))
    assert headline(run(str(CHEATS / "replaced_scorer.py:LyingTensor"))) == honest


UNSEEN = {
    "second_call.py:Replay": "replays what it gave first for every beginning, so no second call is different",
    "frames.py": "reads the query songs in the harness's frames",
    "learnt_by_heart.py:Native": "a library opens the files past Python",
}


@pytest.mark.parametrize("cheat", UNSEEN)
def test_what_the_harness_does_not_see_in_its_own_process(toy, run, cheat):
    """These pass, and score far better than they should: only `--isolate` keeps them out."""
    honest = headline(run(str(CHEATS / "base.py:Unigram")))
    assert headline(run(str(CHEATS / cheat))) < 0.95 * honest


def test_isolation_catches_replayed_scores(toy, run):
    """The fresh copy is another process, which has not met the true songs."""
    with pytest.raises(RuleBreach) as breach:
        run(str(CHEATS / "second_call.py:Replay"), isolate=True)
    assert breach.value.rule == "state"


def test_isolation_has_no_frames_to_look_into(toy, run):
    honest = headline(run(str(CHEATS / "base.py:Unigram")))
    assert headline(run(str(CHEATS / "frames.py"), isolate=True)) == honest


def test_isolation_has_no_scorer_to_replace(toy, run):
    honest = headline(run(str(CHEATS / "base.py:Unigram")))
    assert headline(run(str(CHEATS / "replaced_scorer.py:Cheat"), isolate=True)) == honest


@pytest.mark.skipif(not landlock.version(), reason="the kernel has no Landlock")
def test_isolation_locks_the_files(toy, run):
    honest = headline(run(str(CHEATS / "base.py:Unigram")))
    stored = run(str(CHEATS / "learnt_by_heart.py:Native"), isolate=True)
    assert headline(stored) == honest
    assert "locked out of all song files" in stored.result.audits[-1].detail
