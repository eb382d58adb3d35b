"""The geometric mixture against brute force, closed forms and finite differences."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

V = 5


@pytest.fixture(scope="session")
def table(markov_chain):
    return lambda seed: markov_chain(V, seed)


@pytest.fixture(scope="session")
def geometric(baseline):
    return baseline("common.geometric")


def random_gate(geometric, experts, seed, rate):
    gate = geometric.Gate(experts, rate)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        gate.weight.add_(torch.randn(gate.weight.shape, generator=generator, dtype=torch.float64) / 3)
    return gate


def by_hand(gate, tables, song, shots):
    """The log-probabilities of every token of a song, with loops over experts and the vocabulary."""
    weight, learnt, rows, before = gate.weight.detach().numpy(), [0.0] * len(tables), [], 1
    for position, token in enumerate(song):
        logs = [table.table[before].numpy() for table in tables]
        entropy = [-sum(math.exp(x) * x for x in row) / math.log(V) for row in logs]
        context = [1, math.log1p(position) / math.log1p(1024), math.log1p(shots) / math.log1p(20), *entropy]
        powers = [
            sum(w * c for w, c in zip(weight[i], context, strict=True)) + learnt[i]
            for i in range(len(tables))
        ]
        mass = [
            math.exp(sum(power * row[x] for power, row in zip(powers, logs, strict=True))) for x in range(V)
        ]
        p = [one / sum(mass) for one in mass]
        rows.append([math.log(one) for one in p])
        for i, row in enumerate(logs):
            learnt[i] += gate.rate * (row[token] - sum(p[x] * row[x] for x in range(V)))
        before = token
    return np.array(rows)


@settings(max_examples=20)
@given(
    song=st.lists(st.integers(0, V - 1), min_size=1, max_size=9),
    seed=st.integers(0, 99),
    rate=st.sampled_from([0.0, 0.3]),
)
def test_every_row_is_the_definition(geometric, table, song, seed, rate):
    tables = [table(seed), table(seed + 1), table(seed + 2)]
    gate = random_gate(geometric, 3, seed, rate)
    found = geometric.GeometricPredictor(tables, gate, 5).logits(torch.tensor([song]))[0]
    assert found.numpy() == pytest.approx(by_hand(gate, tables, song, 5), abs=1e-9)


@pytest.mark.parametrize("rate", [0.0, 0.1])
def test_it_sums_to_one_and_the_stream_is_the_batch(geometric, check_stream, rate, table):
    predictor = geometric.GeometricPredictor(
        [table(0), table(1)], random_gate(geometric, 2, 0, rate), shots=2
    )
    songs = torch.tensor([[2, 3, 1, 2, 2, 3], [3, 3, 2, 0, 0, 0], [1, 2, 2, 3, 1, 0]])
    assert predictor.logits(songs).exp().sum(-1).numpy() == pytest.approx(1.0, abs=1e-12)
    check_stream(predictor, songs, 1e-12)


def test_one_expert_with_power_one_is_that_expert(geometric, table):
    songs = torch.tensor([[2, 3, 1, 2]])
    found = geometric.GeometricPredictor([table(0)], geometric.Gate(1), 0).logits(songs)
    assert found.numpy() == pytest.approx(table(0).logits(songs).numpy(), abs=1e-12)


def test_equal_experts_with_powers_that_sum_to_one_are_that_expert(geometric, table):
    songs = torch.tensor([[2, 3, 1, 2]])
    gate = geometric.Gate(4, rate=0.5)
    found = geometric.GeometricPredictor([table(3)] * 4, gate, 1).logits(songs)[0, 0]
    assert found.numpy() == pytest.approx(table(3).logits(songs)[0, 0].numpy(), abs=1e-12)


def test_what_is_learnt_is_the_gradient_of_the_log_probability(geometric, table):
    logs = torch.stack([table(0).table[:1], table(1).table[:1]])
    walk = geometric.Walk(geometric.Gate(2, rate=1.0).requires_grad_(False), 0)
    powers = walk.gate(logs, torch.tensor(0), 0)
    walk.scores(logs)
    walk.learn(torch.tensor([3]))
    for expert in range(2):
        step = torch.zeros(2, 1, dtype=torch.float64)
        step[expert] = 1e-6
        up, down = (geometric.combine(logs, powers + sign * step)[0, 3] for sign in (1, -1))
        assert float(walk.learnt[expert, 0]) == pytest.approx(float((up - down) / 2e-6), abs=1e-6)


def test_the_gate_learns_which_expert_is_right(geometric, table):
    """Songs of the first table: its power grows, the other's goes to nothing, and the fit nears the truth."""
    random = np.random.default_rng(0)
    truth, other = table(0), table(1)
    song = [1]
    for _ in range(3000):
        song.append(int(random.choice(V, p=truth.table[song[-1]].exp().numpy())))
    before, tokens = torch.tensor(song[:-1]), torch.tensor(song[1:])
    logs = torch.stack([truth.table[before], other.table[before]])
    gate = geometric.Gate(2)
    nats = geometric.fit_gate(gate, [(logs, tokens, torch.arange(3000), 5)], steps=300, rate=0.05)
    best = float(-truth.table[before].gather(-1, tokens[:, None]).mean())
    assert nats == pytest.approx(best, abs=0.01)
    powers = gate(logs, torch.arange(3000), 5).detach().mean(-1)
    assert powers[0] > 0.8
    assert abs(powers[1]) < 0.2


def test_an_expert_that_rules_a_token_out_does_not_rule_it_out(geometric, table):
    sure = table(0)
    sure.table = torch.full((V, V), -math.inf, dtype=torch.float64)
    sure.table[:, 2] = 0.0
    found = geometric.GeometricPredictor([sure, table(1)], geometric.Gate(2), 0).logits(torch.tensor([[3]]))
    assert torch.isfinite(found).all()


def test_scores_have_the_coarsest_type_of_the_experts(geometric, markov_chain):
    songs = torch.tensor([[2, 3, 1, 2]])
    single, double = markov_chain(V, 0, torch.float32), markov_chain(V, 1)
    for experts, expected in [([single, double], torch.float32), ([double, double], torch.float64)]:
        predictor = geometric.GeometricPredictor(experts, geometric.Gate(2), 0)
        assert predictor.logits(songs).dtype == expected
        assert predictor.stream(1).step(torch.tensor([1])).dtype == expected
