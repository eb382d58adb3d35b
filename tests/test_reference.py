"""The reference models and results that come with the package, and where a result stands among them."""

import shutil
from dataclasses import replace

from fsdl_bench import reference
from fsdl_bench.results import read_result

from . import test_comparison

make_result = test_comparison.make


def test_every_file_of_the_reference_models_is_listed():
    from fsdl_bench.submissions.specs import reference_models

    found = {model.name: model for model in reference.models()}
    assert found.keys() == reference_models().keys()
    assert all(model.summary.endswith((".", "!")) or "." in model.summary for model in found.values())
    assert {"lyrics-verse", "midi-scores"} <= set(found["lstm"].ready)
    committed = read_result(reference.results_folder() / "lyrics-verse" / "lstm.json").result
    headline = next(s for s in committed.aggregates.shots if s.shots == committed.track.headline_shot)
    assert found["lstm"].nll["lyrics-verse"] == headline.nll.mean


def test_the_rank_among_others(make_result):
    others = [make_result("best", -20), make_result("good", -10), make_result("bad", 20)]
    found = reference.standing(make_result("mine", 0), others)
    assert (found.rank, found.total, found.best, found.shots) == (3, 4, "best", 5)
    assert found.mine.difference.mean > 0
    first = reference.standing(make_result("mine", -30), others)
    assert (first.rank, first.best) == (1, "best")
    assert first.mine.difference.mean < 0


def test_only_comparable_results_count(make_result):
    mine, other = make_result("mine", 0), make_result("other", 1)
    assert reference.standing(mine, []) is None
    assert reference.standing(mine, [mine]) is None, "a result of the same model is no other model"
    assert reference.standing(mine, [make_result("streamed", 0, protocol="streaming")]) is None
    assert reference.standing(mine, [make_result("elsewhere", 0, digest="12" * 32)]) is None
    smoke = replace(mine, result=mine.result.model_copy(update={"smoke": True}))
    assert reference.standing(smoke, [other]) is None
    assert reference.standing(mine, [other]).total == 2


def by(source, stored):
    submission = stored.result.submission.model_copy(update={"source": source})
    return replace(stored, result=stored.result.model_copy(update={"submission": submission}))


def test_a_reference_model_is_not_ranked_against_its_own_result(make_result):
    again = by("fsdl_bench:lstm", make_result("LSTM", 0))
    others = [
        by("baselines/lstm.py", make_result("lstm", 0)),
        by("baselines/ngram.py", make_result("ngram", 5)),
    ]
    assert reference.standing(again, others).total == 2
    assert reference.standing(by("mine/lstm.py", again), others).total == 3


def test_a_bound_has_no_rank_and_is_none(make_result):
    mine, bound = make_result("mine", 0), make_result("bound", -5, exact=False)
    assert reference.standing(bound, [mine]) is None
    assert reference.standing(mine, [bound]) is None
    assert reference.standing(mine, [bound, make_result("other", 1)]).rank == 1


def test_own_results_are_shown_among_the_reference_results(make_result, tmp_path):
    own = tmp_path / "own"
    (own / "toy").mkdir(parents=True)
    mine = make_result("own/toy/mine", 0)
    with reference.among_reference(own) as merged:
        results = [read_result(path).result for path in merged.rglob("*.json")]
        assert (merged.parent / "verified.toml").is_file()
    committed = list(reference.results_folder().rglob("*.json"))
    assert len(results) == len(committed) + 1
    assert mine.result in results
    assert not merged.exists()


def test_a_run_of_a_reference_model_replaces_its_reference_result(tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    source = reference.results_folder() / "lyrics-synthetic"
    for path in source.glob("uniform.*"):
        shutil.copy(path, own)
    with reference.among_reference(own) as merged:
        found = [path for path in merged.rglob("*.json") if path.stem == "uniform"]
        tracks = [path.relative_to(merged).parts[0] for path in found]
    others = {path.parent.name for path in reference.results_folder().glob("*/uniform.json")} - {source.name}
    assert {"lyrics-verse", "midi-scores"} <= others
    assert sorted(tracks) == sorted([*others, "own"])


def test_a_model_of_the_same_name_in_other_letters_replaces_it(tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    for path in (reference.results_folder() / "lyrics-synthetic").glob("uniform.*"):
        shutil.copy(path, own)
    mine = own / "uniform.json"
    mine.write_text(mine.read_text("utf-8").replace('"name": "uniform"', '"name": "Uniform"'), "utf-8")
    with reference.among_reference(own) as merged:
        assert not (merged / "lyrics-synthetic" / "uniform.json").exists()
        assert (merged / "lyrics-synthetic" / "lstm.json").exists()
