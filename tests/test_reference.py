"""The reference models and results that come with the package, and where a result stands among them."""

from dataclasses import replace

import pytest

from fsdl_bench import reference
from fsdl_bench.results import read_result, write_result


@pytest.fixture
def result(some_rows, a_run, tmp_path):
    """A function that writes a made-up result whose songs cost `factor` times the usual."""

    def make(name, factor=1.0, **changes):
        rows = [row._replace(nats=factor * row.nats) for row in some_rows()]
        run = a_run(**changes)
        run = run.model_copy(update={"submission": run.submission.model_copy(update={"name": name})})
        return write_result(tmp_path / f"{name}.json", run, rows)

    return make


def test_every_file_of_the_reference_models_is_listed():
    from fsdl_bench.submissions.specs import reference_models

    found = {model.name: model for model in reference.models()}
    assert found.keys() == reference_models().keys()
    assert all(model.summary.endswith((".", "!")) or "." in model.summary for model in found.values())
    assert {"lyrics-verse", "midi-scores"} <= set(found["lstm"].ready)
    committed = read_result(reference.results_folder() / "lyrics-verse" / "lstm.json").result
    headline = next(s for s in committed.aggregates.shots if s.shots == committed.track.headline_shot)
    assert found["lstm"].nll["lyrics-verse"] == headline.nll.mean


def test_the_rank_among_others(result):
    others = [result("best", 0.8), result("good", 0.9), result("bad", 1.2)]
    found = reference.standing(result("mine"), others)
    assert (found.rank, found.total, found.best, found.shots) == (3, 4, "best", 5)
    assert found.mine.difference.mean > 0
    first = reference.standing(result("mine", 0.7), others)
    assert (first.rank, first.best) == (1, "best")
    assert first.mine.difference.mean < 0


def test_only_comparable_results_count(result):
    mine, other = result("mine"), result("other")
    assert reference.standing(mine, []) is None
    assert reference.standing(mine, [mine]) is None, "a result of the same model is no other model"
    assert reference.standing(mine, [result("streamed", protocol="streaming")]) is None
    smoke = replace(mine, result=mine.result.model_copy(update={"smoke": True}))
    assert reference.standing(smoke, [other]) is None
    assert reference.standing(mine, [other]).total == 2


def test_a_bound_has_no_rank_and_is_none(result, a_run):
    bound = a_run().submission.model_copy(update={"exact": False, "name": "bound"})
    mine = result("mine")
    stored = result("bound")
    stored = replace(stored, result=stored.result.model_copy(update={"submission": bound}))
    assert reference.standing(stored, [mine]) is None
    assert reference.standing(mine, [stored]) is None
