"""Submissions that can only bound their likelihood: `exact = False`, and `nats` instead of `logits`."""

import math

import pytest

from fsdl_bench.errors import BadInput, RuleBreach
from fsdl_bench.evaluation.verdicts import least_checks
from fsdl_bench.generation.run import generate
from fsdl_bench.results import check_acceptable, read_result
from fsdl_bench.submissions.checking import ContractError
from fsdl_bench.synthetic import synthetic_model

BOUND = """
import math
class Bound:
    '''Log 100 nats a token, and a little more for a small support.'''
    exact = False
    def __init__(self, cheat: str = ""):
        self.cheat, self.calls = cheat, 0
    def adapt(self, support):
        self.slack = 1 / (1 + len(support))
        return self
    def nats(self, songs):
        self.calls += 1
        found = (songs != 0).sum(1) * math.log(100) + self.slack
        if self.cheat == "state":
            found = found + self.calls
        if self.cheat == "batch":
            found = found * (1 + 0.1 / len(songs))
        if self.cheat == "free":
            found = found - found - 1
        if self.cheat == "nan":
            found = found * math.nan
        return found[:1] if self.cheat == "one" else found
"""


@pytest.mark.parametrize("isolate", [False, True])
@pytest.mark.parametrize("protocol", ["independent", "streaming"])
def test_the_bound_of_each_song_is_recorded(toy, model, run, isolate, protocol, tmp_path):
    stored = run(model(BOUND), isolate=isolate, protocol=protocol)
    result = stored.result
    assert not result.submission.exact
    expected = stored.rows.tokens * math.log(100) + 1 / (1 + stored.rows.shots)
    assert stored.rows.nats.to_numpy() == pytest.approx(expected.to_numpy())
    held = {verdict.rule: verdict.checks for verdict in result.audits}
    assert set(held) == {"independence", "determinism", "state", "a finite bound", "sealed songs"}
    least = least_checks(result.mode, 40, 1, result.rows.count, exact=False)
    assert all(held[rule] >= count for rule, count in least.items())
    check_acceptable(read_result(tmp_path / "result.json"))


@pytest.mark.parametrize(
    ("cheat", "rule"),
    [("state", "determinism|state|independence"), ("batch", "independence"), ("nan|free", "finite bound")],
)
def test_what_a_bound_must_not_do(toy, model, run, cheat, rule):
    for kind in cheat.split("|"):
        with pytest.raises(RuleBreach, match=rule):
            run(model(BOUND), settings=[f"cheat={kind}"], resume=False)


def test_one_figure_for_each_song(toy, model, run):
    with pytest.raises(ContractError, match=r"Bound.nats returned a tensor of shape \[1\]; expected \[4\]"):
        run(model(BOUND), settings=["cheat=one"])


def test_a_bound_cannot_be_verified(toy, model, run):
    with pytest.raises(BadInput, match=r"only a bound.*leave --verified out"):
        run(model(BOUND), verified=True)


def test_a_bound_cannot_be_sampled(toy, model, tmp_path):
    with pytest.raises(BadInput, match="only a bound"):
        generate(model(BOUND), "toy", episodes=["eva:0"], out=tmp_path / "songs", progress=False)


def test_nats_without_the_declaration(toy, model, run):
    with pytest.raises(ContractError, match="has `nats` and no `logits`: set `exact = False` on Bound"):
        run(model(BOUND.replace("exact = False", "")))


def test_a_bound_has_no_part_for_each_kind_of_token(write_track, model, run):
    truth = synthetic_model("midi-synthetic")
    keys = list(truth.artists)
    songs = {
        split: {artist: [truth.song(artist, number) for number in range(9)] for artist in artists}
        for split, artists in {"train": keys[:1], "validation": keys[1:2], "test": keys[2:4]}.items()
    }
    folder = write_track(songs, codec_name="note10ms-v1")
    stored = run(model(BOUND), folder, shots=[0, 5])
    assert all(shot.by_kind == {} for shot in stored.result.aggregates.shots)
    assert not [name for name in stored.rows if name.startswith("nats_")]
