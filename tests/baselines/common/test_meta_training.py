"""Meta-training: what it draws, what it stops by, and weights of a learner that ship."""

from dataclasses import asdict, replace

import pytest
import torch

from fsdl_bench import fingerprint
from fsdl_bench.submissions.pretrained import write_pretrained

SMALL = {"embedding": 8, "hidden": 12, "epochs": 1, "meta_batches": 4, "meta_every": 2, "episodes": 2}


@pytest.fixture
def fitted(baseline, toy_splits, context):
    """`fitted(**arguments)`: a matching network fitted on the toy track."""

    def fit(**arguments):
        submission = baseline("matching").Matching(**SMALL | arguments)
        submission.fit(*toy_splits, context)
        return submission

    return fit


def ship(submission, context):
    part = submission.trained
    write_pretrained(
        part.module.state_dict(),
        name=part.name,
        track=context.track,
        digest=context.digest,
        seed=context.seed,
        settings=part.settings,
        training=asdict(part.training),
        chosen=part.chosen,
        processor_seconds=part.training.processor_seconds,
        figure=1.0,
        commit="0" * 40,
    )


def test_a_learner_that_ships_is_not_trained(fitted, context, monkeypatch, tmp_path):
    monkeypatch.setattr(fingerprint, "PRETRAINED", tmp_path / "pretrained")
    first = fitted()
    assert first.notes["meta-weights"] == "trained here"
    ship(first, context)
    monkeypatch.setattr("common.meta_training.train", None)
    second = fitted()
    assert second.notes["meta-weights"].startswith("shipped, SHA-256 ")
    assert second.trained.training == first.trained.training
    for name, weight in first.learner.named_parameters():
        expected = weight.half().float()
        torch.testing.assert_close(second.learner.get_parameter(name), expected, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("name", "kind", "search"),
    [("neural_cache", "NeuralCache", "search"), ("fine_tuning", "FineTuning", "tuned")],
)
def test_choices_that_ship_are_not_searched(
    baseline, toy_splits, context, monkeypatch, tmp_path, name, kind, search
):
    monkeypatch.setattr(fingerprint, "PRETRAINED", tmp_path / "pretrained")
    module = baseline(name)
    size = {"embedding": 8, "hidden": 12, "epochs": 1, "episodes": 2}
    first, second = (getattr(module, kind)(**size) for _ in range(2))
    first.fit(*toy_splits, context)
    ship(first, context)
    monkeypatch.setattr(module, search, None)
    second.fit(*toy_splits, context)
    assert second.notes == first.notes
    assert second.trained.chosen == first.trained.chosen


def test_statistics_ship_as_they_were_measured(baseline, toy_splits, context, monkeypatch, tmp_path):
    """A fit from what ships measures and searches nothing, and its rules are the same bit for bit."""
    monkeypatch.setattr(fingerprint, "PRETRAINED", tmp_path / "pretrained")
    module = baseline("dynamic_evaluation")
    size = {"embedding": 8, "hidden": 12, "epochs": 1, "episodes": 2, "statistics": 5}
    first, second = (module.DynamicEvaluation(**size) for _ in range(2))
    first.fit(*toy_splits, context)
    ship(first, context)
    monkeypatch.setattr(module.GradientStatistics, "measure", None)
    monkeypatch.setattr(module, "choose", None)
    second.fit(*toy_splits, context)
    assert second.notes == first.notes
    rules, expected = ([fit.within_song, *fit.over_support.values()] for fit in (second, first))
    assert [(rule.eta, rule.longest) for rule in rules] == [(rule.eta, rule.longest) for rule in expected]
    for rule, other in zip(rules, expected, strict=True):
        assert all(map(torch.equal, [*rule.rates, *rule.pulls], [*other.rates, *other.pulls]))


def test_plans_ship_with_the_learner(baseline, toy_splits, context, monkeypatch, tmp_path):
    monkeypatch.setattr(fingerprint, "PRETRAINED", tmp_path / "pretrained")
    module = baseline("maml")
    size = {"embedding": 8, "hidden": 12, "epochs": 1, "meta_batches": 2, "meta_every": 2, "episodes": 2}
    first, second = (module.MAML(**size) for _ in range(2))
    first.fit(*toy_splits, context)
    ship(first, context)
    monkeypatch.setattr(module, "choose", None)
    second.fit(*toy_splits, context)
    assert second.plans == first.plans
    assert second.notes["meta-weights"].startswith("shipped")


@pytest.mark.parametrize("change", [{"hops": 2}, {"hidden": 10}, {"meta_peak": 0.002}])
def test_another_setting_is_trained(fitted, context, monkeypatch, tmp_path, change):
    monkeypatch.setattr(fingerprint, "PRETRAINED", tmp_path / "pretrained")
    ship(fitted(), context)
    assert fitted(**change).notes["meta-weights"] == "trained here"


def test_episodes_have_the_shots_of_the_track(baseline, toy_splits, context):
    """Those up to `most_shots`, zero among them, and four query songs."""
    settings = baseline("common.meta_training").MetaTraining(
        meta_batches=30, meta_every=30, most_shots=2, episodes=2
    )
    settings.notes = {"weights": "none"}
    learner, drawn = torch.nn.Linear(2, 2), set()

    def loss(batch, random):
        drawn.add((batch.support.shape[1], batch.query.shape[1]))
        return learner(torch.ones(2)).square().sum() + random.random()

    class Uniform:
        def logits(self, songs):
            return torch.zeros(*songs.shape, 100)

    settings.meta_train(
        "nothing", learner, lambda _: Uniform(), loss, *toy_splits, replace(context, shots=(0, 1, 2, 5))
    )
    assert drawn == {(0, 4), (1, 4), (2, 4)}


@pytest.mark.parametrize(("towards", "kept"), [(-1.0, False), (1.0, True)])
def test_training_never_ends_worse_on_validation_than_it_began(baseline, toy_splits, context, towards, kept):
    """The learner is one weight, the score of the most frequent token, which training moves up or down."""
    settings = baseline("common.meta_training").MetaTraining(
        meta_peak=0.1, meta_batches=6, meta_every=2, episodes=2
    )
    settings.notes = {"weights": "none"}
    learner = torch.nn.Linear(1, 1)
    torch.nn.init.zeros_(learner.weight)

    class Favourite:
        def logits(self, songs):
            logits = torch.zeros(*songs.shape, 100)
            logits[..., most] = learner.weight.item()
            return logits

    songs = [torch.from_numpy(song.tokens.astype("int64")) for song in toy_splits[1].songs]
    most = torch.cat(songs).bincount().argmax()
    notes = settings.meta_train(
        "nothing",
        learner,
        lambda _: Favourite(),
        lambda batch, random: -towards * learner.weight.sum(),
        *toy_splits,
        context,
    )
    curve = settings.trained.training.curve
    assert curve[0][0] == 0
    assert notes["meta-validation figure"] == min(figure for _, figure in curve)
    assert (learner.weight.item() != 0) is kept
