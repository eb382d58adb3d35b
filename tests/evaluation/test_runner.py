"""Whole runs on a toy track: what the submission is asked, and what is written."""

import math
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from fsdl_bench.codecs.words import WordsCodec
from fsdl_bench.episodes import evaluation_episodes
from fsdl_bench.errors import BadInput
from fsdl_bench.evaluation.runner import evaluate
from fsdl_bench.results import check_acceptable, read_result
from fsdl_bench.synthetic import synthetic_model
from fsdl_bench.tracks.track import load_track


class Uniform:
    """Every token is as likely as any other; writes down what it is handed."""

    def __init__(self, **more):
        self.supports, self.observed, self.scored = [], [], []

    def __deepcopy__(self, memo):
        return self  # so that the test sees the calls

    def adapt(self, support):
        self.supports.append([song.tolist() for song in support])
        self.observed.append([])
        self.scored.append([])
        return self

    def logits(self, songs):
        self.scored[-1].append([[token for token in song if token] for song in songs.tolist()])
        return torch.zeros(*songs.shape, 100)

    def observe(self, song):
        self.observed[-1].append(song.tolist())


@pytest.fixture
def episodes(toy):
    track = load_track("toy")
    return evaluation_episodes(track.test, track.definition)


def tokens(songs):
    return [song.tokens.tolist() for song in songs]


def test_every_support_of_every_episode_is_adapted_to_once_and_in_order(episodes, run):
    model = Uniform()
    run(model)
    expected = []
    for episode in episodes:
        expected += [tokens(episode.at(shots)) for shots in (0, 1, 2, 5)] + [tokens(episode.control)]
    assert model.supports[: len(expected)] == expected
    assert len(episodes) == 8
    for index, scored in enumerate(model.scored[: len(expected)]):
        assert scored[0] == tokens(episodes[index // 5].query), "the four query songs come in one batch"


def test_the_rows_are_the_songs_and_their_nats(episodes, run):
    rows = run(Uniform()).rows
    assert len(rows) == 8 * 5 * 4
    songs = {song.id: song for episode in episodes for song in episode.query}
    for row in rows.itertuples():
        song = songs[row.song_id]
        assert row.nats == pytest.approx(len(song.tokens) * math.log(100), rel=1e-12)
        assert row.tokens == len(song.tokens)
        assert row.units == WordsCodec().units(song.tokens) == len(song.text.encode())
    right = rows[rows.condition == "right"]
    assert sorted(right.shots.unique()) == [0, 1, 2, 5]
    assert rows[rows.condition == "control"].shots.unique().tolist() == [5]


def test_streaming_observes_each_song_after_it_was_scored(episodes, run):
    model = Uniform()
    run(model, protocol="streaming")
    for index, (scored, observed) in enumerate(zip(model.scored[:40], model.observed[:40], strict=True)):
        query = tokens(episodes[index // 5].query)
        assert observed == query[: len(observed)]
        assert len(observed) >= 3
        first = [batch[0] for batch in scored if len(batch) == 1]
        assert [song for song in first if song in query][:1] == query[:1]


def test_streaming_scores_before_it_updates(toy, run):
    """A model that knows the songs that it has observed by heart: only repeats would be cheap."""

    class Memory(Uniform):
        def adapt(self, support):
            self.known = []
            return super().adapt(support)

        def observe(self, song):
            self.known.append(song.tolist())

        def logits(self, songs):
            scores = super().logits(songs)
            for row, song in enumerate(songs.tolist()):
                for known in self.known:
                    for place in range(min(len(known), len(song))):
                        if song[:place] == known[:place]:
                            scores[row, place, known[place]] += 10
            return scores

    streaming = run(Memory(), protocol="streaming").rows
    first = streaming[streaming.nats.sub(streaming.tokens * math.log(100)).abs() < 1e-6]
    assert len(first) >= 40, "nothing is known about the first song of a cell"


def test_a_result_is_complete_and_acceptable(toy, model, counting, run, tmp_path):
    stored = run(model(counting), settings=["weight=3"], seeds=[0, 4], name="Counting 3")
    again = read_result(tmp_path / "result.json")
    assert again.result == stored.result
    check_acceptable(again)
    result = stored.result
    assert result.seeds == (0, 4)
    assert result.submission.name == "Counting 3"
    assert result.submission.description == "Counts the support."
    assert result.submission.family == "n-gram"
    assert result.submission.arguments == {"weight": 3.0}
    assert result.track.episodes_digest
    assert result.cost.fit_seconds is not None
    assert result.cost.tokens_per_second > 0
    assert result.cost.adapt_ms > 0
    assert result.environment.packages["torch"] == torch.__version__
    assert {"causality", "independence", "determinism", "scorer", "state"} <= {v.rule for v in result.audits}
    assert all(verdict.checks for verdict in result.audits)
    assert not result.smoke


def test_seeds_are_fitted_apart_and_their_rows_stand_apart(toy, model, counting, run):
    path = model(counting)
    both = run(path, seeds=[0, 4]).rows
    four = run(path, seeds=[4]).rows
    columns = ["condition", "shots", "artist", "episode", "song_id", "nats"]
    assert both[both.seed == 4][columns].reset_index(drop=True).equals(four[columns])
    assert not np.allclose(both[both.seed == 0].nats, four.nats)


def test_the_same_run_gives_the_same_rows_whatever_the_audits_drew(toy, model, counting, run):
    one, two = run(model(counting)), run(model(counting))
    assert one.rows.equals(two.rows)
    assert one.result.audits != two.result.audits, "each run is audited by chances of its own"


def test_a_smoke_run_is_marked_and_never_accepted(toy, run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    stored = run(Uniform(), limit=2, out=None)
    assert stored.result.smoke
    assert stored.path == Path("results/toy/Uniform.smoke.json")
    assert stored.result.aggregates.episodes == 2
    with pytest.raises(BadInput, match="smoke run"):
        check_acceptable(stored)


def test_some_shots(toy, run):
    stored = run(Uniform(), shots=[2, 0])
    assert [shot.shots for shot in stored.result.aggregates.shots] == [0, 2]
    assert stored.result.aggregates.control is None


def test_the_validation_split(toy, run):
    stored = run(Uniform(), split="validation")
    assert stored.result.track.split == "validation"
    with pytest.raises(BadInput, match="on the validation split, not on test"):
        check_acceptable(stored)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shots": [0, 3]}, "--shots: toy has 0, 1, 2, 5, found 0, 3"),
        ({"shots": []}, "--shots: toy has .*, found none"),
        ({"seeds": []}, "--seeds: expected different numbers from 0 up, found none"),
        ({"seeds": [1, 1]}, "--seeds: expected different numbers"),
        ({"limit": 0}, "--limit: expected at least 1 episode"),
        ({"device": "warp"}, "--device warp: "),
        ({"device": "meta:x"}, "--device meta:x: "),
        ({"out": "result.txt"}, "--out: expected a .json file, found result.txt"),
        ({"split": "dev"}, "no split 'dev'"),
        ({"track": "tyo"}, "there is no track 'tyo'. Did you mean toy"),
    ],
)
def test_what_cannot_be_had(toy, run, options, message):
    with pytest.raises(BadInput, match=message):
        run(Uniform(), **options)


def test_on_a_synthetic_track_the_optimum_is_known(write_track, own_home, run):
    """The Bayes-optimal predictor, through the harness, is its own closed form."""
    truth, codec = synthetic_model("lyrics-synthetic"), WordsCodec()
    names = sorted(truth.artists)[:4]
    songs = {name: [codec.decode(truth.song(name, i)) for i in range(10)] for name in names}
    splits = {"train": names[:1], "validation": names[1:2], "test": names[2:]}
    folder = write_track(
        {split: {name: songs[name] for name in some} for split, some in splits.items()},
        name="lyrics-synthetic",
    )

    class Optimal:
        def adapt(self, support):
            return Told(truth.bayes_optimal(support))

    class Told:
        def __init__(self, predictive):
            self.predictive = predictive

        def logits(self, songs):
            return np.stack([self.predictive.log_probs(song) for song in songs.tolist()])

        def observe(self, song):
            self.predictive = self.predictive.given(song)

    for protocol in ("independent", "streaming"):
        stored = run(Optimal(), folder, protocol=protocol, shots=[0, 5], limit=4)
        assert stored.rows.nats.to_numpy() == pytest.approx(stored.rows.optimal_nats.to_numpy(), abs=1e-9)
        assert all(
            shot.to_optimum.mean == pytest.approx(0, abs=1e-10) for shot in stored.result.aggregates.shots
        )


def test_the_git_state_is_that_of_the_submission_s_folder(toy, model, counting, run):
    path = model(counting)
    folder = Path(path).parent
    assert run(path).result.environment.git_commit is None
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    names = [f"-c user.{key}=x@example.org" for key in ("name", "email")]
    for arguments in ("init -q", "add .", f"{' '.join(names)} commit -q -m x"):
        subprocess.run(["git", "-C", str(folder), *arguments.split()], check=True, env=os.environ | own)
    environment = run(path).result.environment
    assert len(environment.git_commit) == 40
    assert environment.git_dirty is False
    model("x = 1\n", "new.py")
    assert run(path).result.environment.git_dirty is True


def test_songs_that_do_not_fit_into_one_batch_are_scored_in_several(toy, model, counting, run, monkeypatch):
    from fsdl_bench.evaluation import cells

    whole = run(model(counting)).rows
    monkeypatch.setattr(cells, "batches", lambda lengths, size: [range(0, 1), range(1, 3), range(3, 4)])
    assert run(model(counting)).rows.equals(whole)


def test_options_as_a_notebook_writes_them(toy, counting, model, tmp_path):
    """A path, a mapping and single numbers give the result of their long forms."""
    path = model(counting)
    short = {"settings": {"weight": 2.0}, "shots": 5, "seeds": 0}
    long = {"settings": ["weight=2.0"], "shots": [5], "seeds": [0]}
    found = [
        evaluate(submission, "toy", out=tmp_path / f"{number}.json", progress=False, **options)
        for number, (submission, options) in enumerate([(Path(path), short), (path, long)])
    ]
    assert found[0].rows.equals(found[1].rows)
    assert found[0].result.submission == found[1].result.submission
    assert found[0].result.submission.arguments["weight"] == 2.0


def test_a_class_is_no_submission(toy, run):
    with pytest.raises(BadInput, match=r"Uniform is a class: expected an object, such as Uniform\(\)"):
        run(Uniform)
