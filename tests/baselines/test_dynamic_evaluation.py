"""Dynamic evaluation: the choice of its rates, and a run through the harness."""

import pytest

TINY = {"embedding": 8, "hidden": 12, "epochs": 2, "batch": 8, "peak": 0.01, "episodes": 2, "statistics": 20}


@pytest.fixture
def module(baseline):
    return baseline("dynamic_evaluation")


def test_the_best_rates_on_validation_are_taken(module, baseline, toy_splits, context, monkeypatch):
    """First those within a song, then that of the support; one that diverges or never learns is not taken."""
    few_shot = baseline("common.few_shot")
    monkeypatch.setitem(module.RATES, "sgd", (1e30, 0.0, 1.0))
    monkeypatch.setitem(module.SUPPORT_RATES, "sgd", (0.0, 1e30, 1.0))
    monkeypatch.setattr(module, "DECAYS", (0.0, 0.01))
    model = module.DynamicEvaluation(**TINY, segment=5, rule="sgd")
    model.fit(*toy_splits, context)

    def figure(first, eta, decay, shots):
        given = {"support_rate": first, "rate": eta, "pull": decay}
        other = module.DynamicEvaluation(**TINY, segment=5, rule="sgd", **given)
        other.fit(*toy_splits, context)
        episodes = few_shot.held_out_episodes(toy_splits[1], context, shots, 2)
        return few_shot.few_shot_nll(other.adapt, episodes, context.device)

    within = {(eta, decay): figure(0.5, eta, decay, 0) for eta in (0.0, 1.0) for decay in (0.0, 0.01)}
    assert within[1.0, 0.0] < within[0.0, 0.0] - 0.01
    assert within[0.0, 0.0] == within[0.0, 0.01]
    best = min(within, key=within.get)
    assert (model.notes["eta"], model.notes["lambda"]) == best
    for shots in (1, 2, 5):
        support = {first: figure(first, *best, shots) for first in (0.0, 1.0)}
        assert support[0.0] != support[1.0]
        assert model.notes[f"eta of {shots} support songs"] == min(support, key=support.get)


@pytest.mark.parametrize(("rule", "rate"), [("rms", 0.001), ("sgd", 0.3)])
def test_through_the_harness(keeps_the_rules, rule, rate):
    given = {"rule": rule, "rate": rate, "pull": 0.003, "support_rate": 0.0003}
    stored, _ = keeps_the_rules("dynamic_evaluation", TINY | given)
    assert stored.result.submission.notes["rule"] == rule
