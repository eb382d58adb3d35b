"""Who is ranked, who is not and why, and that the figures are those of the comparison."""

import pytest

from fsdl_bench.comparison import compare
from fsdl_bench.errors import BadInput
from fsdl_bench.results import read_result
from fsdl_bench.site.boards import place, slug_of


@pytest.fixture(scope="module")
def stored(leaderboard_folder):
    folder = leaderboard_folder / "results" / "lyrics-synthetic"
    return {path.stem: read_result(path) for path in sorted(folder.glob("*.json")) if path.stem != "tuned-s"}


@pytest.fixture(scope="module")
def placed(stored, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FSDL_BENCH_HOME", str(tmp_path_factory.mktemp("home")))
        digest = stored["lstm"].result.track.digest
        return {one.slug: one for one in place(list(stored.values()), digest)}


def test_standings(placed):
    found = {slug: one.standing for slug, one in placed.items()}
    assert found == {
        "twin": "ranked",
        "tuned": "ranked",
        "lstm": "ranked",
        "optimum": "reference",
        "vae": "bound",
        "peeking": "refused",
    }
    assert next(iter(placed)) in ("twin", "tuned"), "the ranked come first"
    assert placed["peeking"].reason == "broke the rule: causality"


def test_placings_are_those_of_the_comparison(stored, placed):
    ranked = [stored[name] for name in ("lstm", "tuned", "twin")]
    for shots in (0, 5, 20):
        found = compare(ranked, shots=shots, against="lstm")
        for rank, one in enumerate(found.results, start=1):
            (placing,) = [p for p in placed[one.name].placings if p.shots == shots]
            assert (placing.rank, placing.tied, placing.p) == (rank, one.tied, one.p)
            if one.name == "lstm":
                assert placing.over_baseline is None
            else:
                assert placing.over_baseline.mean == -one.difference.mean
                assert placing.over_baseline.low == -one.difference.high
                assert placing.over_baseline.high == -one.difference.low
    assert placed["tuned"].placings[-1].over_baseline.mean > 0.2, "better than lstm is positive"
    assert {one for one, p in placed.items() if p.placings and p.placings[-1].tied} == {"tuned", "twin"}


def test_a_class_ranks_its_own_results_and_those_of_smaller_classes(stored, placed):
    for shots in (0, 5, 20):
        for budget, names in (("quarter-hour", ["lstm"]), ("hour", ["lstm", "twin"])):
            found = {
                slug: placing.among(budget)
                for slug, one in placed.items()
                for placing in one.placings
                if placing.shots == shots and placing.among(budget)
            }
            assert sorted(found) == names
            if len(names) > 1:
                compared = compare([stored[name] for name in names], shots=shots, against="lstm").results
                assert [(one.name, one.tied) for one in compared] == [
                    (slug, found[slug].tied) for slug in sorted(found, key=lambda slug: found[slug].rank)
                ]
            else:
                assert (found["lstm"].rank, found["lstm"].tied) == (1, True)
    for one in placed.values():
        for placing in one.placings:
            largest = placing.among("open")
            assert (largest.rank, largest.tied) == (placing.rank, placing.tied)


def test_other_data_and_other_episodes_are_refused(stored, fake, tmp_path):
    track = stored["lstm"].result.track
    older = fake(tmp_path / "a.json", "older", track_info=track.model_copy(update={"digest": "ab" * 32}))
    other = fake(
        tmp_path / "b.json", "other", track_info=track.model_copy(update={"episodes_digest": "ef" * 16})
    )
    found = {one.slug: one for one in place([stored["lstm"], stored["tuned"], older, other], track.digest)}
    assert found["older"].reason.startswith("was scored on other data")
    assert found["other"].reason == "was scored on other episodes"
    assert {found[name].standing for name in ("lstm", "tuned")} == {"ranked"}


def test_one_result_alone_has_a_rank(stored):
    (one,) = place([stored["tuned"]], "")
    assert [(p.rank, p.tied, p.over_baseline) for p in one.placings] == [(1, True, None)] * 6


def test_a_name_is_used_once(stored, fake, tmp_path):
    again = fake(tmp_path / "x.json", "LSTM")
    with pytest.raises(BadInput, match="have the same model name, 'LSTM'"):
        place([stored["lstm"], again], "")


@pytest.mark.parametrize(
    ("name", "slug"),
    [("N-Gram Cache", "n-gram-cache"), ("../../etc", "etc"), ("β/γ", "model"), ("v1.2", "v1.2")],
)
def test_slugs_are_safe_file_names(name, slug):
    assert slug_of(name) == slug
