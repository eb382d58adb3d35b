"""Uniform, unigram, oracle and Bayes-optimal against their formulas."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from fsdl_bench import BadInput, synthetic_model


def test_uniform_costs_log_v_a_token(score, synthetic):
    _, rows = score("uniform")
    assert len(rows) == 3 * 4 * (3 + 1)
    for row, _, song in rows:
        assert row.nats == pytest.approx(len(song) * math.log(synthetic.codec.vocab_size), abs=1e-9)


def test_unigram_costs_what_its_counts_say(score, synthetic):
    """The closed form, counted once more with plain loops."""
    stored, rows = score("unigram")
    seen = Counter(int(t) for song in synthetic["train"].songs for t in song.tokens)
    ids = synthetic.codec.vocab_size - 2

    def nats(song, alpha):
        total = sum(seen.values()) + alpha * ids
        return -sum(math.log((seen[int(t)] + alpha) / total) for t in song)

    alpha = stored.result.submission.notes["alpha"]
    for row, _, song in rows:
        assert row.nats == pytest.approx(nats(song, alpha), abs=1e-9)
    held_out = [song.tokens for song in synthetic["validation"].songs]
    costs = {a: sum(nats(song, a) for song in held_out) for a in (0.001, 0.01, 0.1, 1.0, 10.0)}
    assert sum(nats(song, alpha) for song in held_out) <= min(costs.values()) + 1e-9


def test_unigram_never_gives_what_cannot_come(baseline, toy_splits, context):
    model = baseline("unigram").Unigram()
    model.fit(*toy_splits, context)
    scores = model.adapt(()).logits(torch.full((1, 3), 5))
    assert scores.shape == (1, 3, 100)
    assert torch.isneginf(scores[..., :2]).all()
    assert torch.isfinite(scores[..., 2:]).all()
    assert scores.exp().sum(-1).numpy() == pytest.approx(np.ones((1, 3)), abs=1e-12)


def dirichlet_nats(model, song, support):
    """-log p by the urn: each draw adds one ball of its symbol to the urn of its context."""
    urns = [list(prior) for prior in model.chain.prior]
    total = 0.0
    for tokens in [*support, song]:
        walk = model.chain.song()
        slot = next(walk)
        total = 0.0
        for token in tokens.tolist():
            symbol = slot.tokens.tolist().index(token)
            total -= math.log(urns[slot.context][symbol] / math.fsum(urns[slot.context]))
            urns[slot.context][symbol] += 1
            try:
                slot = walk.send(token)
            except StopIteration:
                break
    return total


def support_of(row, episode):
    songs = episode.control if row.condition == "control" else episode.at(row.shots)
    return [song.tokens for song in songs]


def test_bayes_optimal_is_the_urn(score, synthetic):
    model = synthetic_model(synthetic.name)
    stored, rows = score("bayes_optimal")
    for row, episode, song in rows[::7]:
        assert row.nats == pytest.approx(dirichlet_nats(model, song, support_of(row, episode)), abs=1e-9)
    for shot in stored.result.aggregates.shots:
        assert shot.to_optimum.mean == pytest.approx(0, abs=1e-9)
    gains = [shot.nll.mean for shot in stored.result.aggregates.shots]
    assert gains == sorted(gains, reverse=True)
    assert stored.result.aggregates.control.gain.low > 0


def test_bayes_optimal_counts_the_query_songs_that_have_passed(score, synthetic):
    """In the streaming protocol every song scored becomes support."""
    model = synthetic_model(synthetic.name)
    _, rows = score("bayes_optimal", protocol="streaming", shots=(1,))
    for row, episode, song in rows[::3]:
        ids = [query.id for query in episode.query]
        before = [query.tokens for query in episode.query[: ids.index(row.song_id)]]
        expected = dirichlet_nats(model, song, [*support_of(row, episode), *before])
        assert row.nats == pytest.approx(expected, abs=1e-9)


def test_the_oracle_knows_the_artist(score, synthetic):
    model = synthetic_model(synthetic.name)
    stored, rows = score("oracle")
    for row, episode, song in rows:
        if row.condition == "right" and row.shots:
            theta = model.theta(episode.artist)
            walk = model.chain.song()
            slot, expected = next(walk), 0.0
            for token in song.tolist():
                expected -= math.log(theta[slot.context][slot.tokens.tolist().index(token)])
                try:
                    slot = walk.send(token)
                except StopIteration:
                    break
            assert row.nats == pytest.approx(expected, abs=1e-9)
        elif row.condition == "right":
            assert row.nats == pytest.approx(dirichlet_nats(model, song, []), abs=1e-9)
    assert stored.result.aggregates.control.gain.low > 0
    for shot in stored.result.aggregates.shots[1:]:
        assert shot.to_optimum.high < 0


@pytest.mark.parametrize("name", ["Oracle", "BayesOptimal"])
def test_the_truth_of_a_real_track_is_not_known(baseline, context, name):
    module = baseline({"Oracle": "oracle", "BayesOptimal": "bayes_optimal"}[name])
    with pytest.raises(BadInput, match="lyrics-verse"):
        getattr(module, name)().prepare(type(context)(**(vars(context) | {"track": "lyrics-verse"})))


@pytest.mark.parametrize("shots", [0, 3])
@pytest.mark.parametrize(
    ("module", "kind"),
    [("oracle", "Oracle"), ("bayes_optimal", "BayesOptimal"), ("uniform", "Uniform"), ("unigram", "Unigram")],
)
def test_the_stream_is_the_batch(baseline, synthetic, context, check_stream, module, kind, shots):
    model = getattr(baseline(module), kind)()
    context = replace(context, track=synthetic.name, codec=synthetic.codec)
    if hasattr(model, "fit"):
        model.fit(synthetic["train"], synthetic["validation"], context)
    else:
        model.prepare(context)
    songs = [song.tokens for song in synthetic["test"].songs]
    check_stream(model.adapt(songs[:shots]), songs[4:7], 1e-9)
