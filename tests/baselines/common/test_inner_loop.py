"""The inner loop against finite differences, plain loops, torch.optim and Finn et al.'s sinusoids."""

import math
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.func import vmap

OPTIMISERS = ["sgd", "adam"]


@pytest.fixture
def meta(baseline):
    """The inner loop, and the update rules by name."""
    rules = baseline("common.update_rules")
    return SimpleNamespace(
        InnerLoop=baseline("common.inner_loop").InnerLoop,
        rule={"sgd": rules.SGD, "adam": rules.Adam},
        lstm_features=baseline("common.functional_lstm").lstm_features,
    )


@pytest.fixture
def problem(baseline):
    """A small LSTM in float64: its weights, the loss of an episode, and 2 episodes of 3 steps and a query."""
    features_of, lstm = baseline("common.functional_lstm").lstm_features, baseline("common.lstm")
    model = lstm.LSTMLanguageModel(7, 3, 4, dropout=0.0).double()

    def loss(weights, batch):
        inputs, targets = batch
        zero = torch.zeros(len(inputs), 4, dtype=torch.float64)
        features = features_of(weights, inputs, ((zero, zero),))
        scores = nn.functional.linear(features, weights["embed.weight"], weights["bias"])
        return nn.functional.cross_entropy(scores.flatten(0, 1), targets.flatten())

    drawn = [tuple(torch.randint(7, (2, 3, 5)) for _ in range(2)) for _ in range(4)]
    weights = {name: w.detach().requires_grad_() for name, w in model.named_parameters()}
    rates = {name: torch.tensor(0.5, dtype=torch.float64, requires_grad=True) for name in weights}
    return loss, weights, rates, drawn[:3], drawn[3]


def outer(loop, rule, problem):
    """L_Q(w_3), averaged over the episodes."""
    loss, weights, rates, batches, query = problem
    return vmap(loss)(loop.run(loss, weights, rule(rates), batches), query).mean()


def slopes(loop, rule, problem):
    """Outer gradients by name."""
    _, weights, rates, *_ = problem
    every = {f"w {n}": w for n, w in weights.items()} | {f"rate {n}": r for n, r in rates.items()}
    for tensor in every.values():
        tensor.grad = None
    outer(loop, rule, problem).backward()
    return {name: tensor.grad.clone() for name, tensor in every.items()}


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("clip", [math.inf, 0.2])
def test_second_order_gradients_against_finite_differences(meta, problem, optimiser, clip):
    loop, rule = meta.InnerLoop(clip=clip), meta.rule[optimiser]
    found = slopes(loop, rule, problem)
    _, weights, rates, *_ = problem
    step = 1e-6
    generator = torch.Generator().manual_seed(3)
    for name, tensor in [
        ("w lstm.0.weight_hh_l0", weights["lstm.0.weight_hh_l0"]),
        ("rate bias", rates["bias"]),
    ] + [(f"w {name}", weight) for name, weight in weights.items()]:
        flat = tensor.detach().view(-1)
        place = int(torch.randint(len(flat), (), generator=generator))
        kept, values = flat[place].item(), []
        for value in (kept + step, kept - step):
            flat[place] = value
            values.append(outer(loop, rule, problem).item())
        flat[place] = kept
        slope = (values[0] - values[1]) / (2 * step)
        assert found[name].view(-1)[place].item() == pytest.approx(slope, rel=1e-4, abs=1e-8), name


def test_first_order_is_the_gradient_at_the_end(meta, problem):
    """Without second derivatives d w_3 / d theta is the identity: the outer gradient is grad L_Q(w_3)."""
    loss, weights, rates, batches, query = problem
    loop = meta.InnerLoop(second_order=False)
    first = slopes(loop, meta.rule["sgd"], problem)
    found = loop.run(loss, weights, meta.rule["sgd"](rates), batches)
    ends = {name: w.detach().requires_grad_() for name, w in found.items()}
    vmap(loss)(ends, query).mean().backward()
    for name, end in ends.items():
        torch.testing.assert_close(first[f"w {name}"], end.grad.sum(0), rtol=0, atol=1e-12)
    second = slopes(meta.InnerLoop(), meta.rule["sgd"], problem)
    assert not torch.allclose(second["w lstm.0.weight_hh_l0"], first["w lstm.0.weight_hh_l0"], rtol=1e-2)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("second_order", [True, False])
def test_computing_steps_again_gives_the_same_gradients(meta, problem, optimiser, second_order):
    rule = meta.rule[optimiser]
    kept = slopes(meta.InnerLoop(second_order, clip=0.3), rule, problem)
    again = slopes(meta.InnerLoop(second_order, clip=0.3, checkpointed=True), rule, problem)
    for name, slope in kept.items():
        torch.testing.assert_close(again[name], slope, rtol=0, atol=1e-12)


def test_what_is_not_adapted_learns_through_the_steps_too(meta, problem):
    """Adapt the output bias alone; the other weights get their outer gradient, computed again or not."""
    loss, weights, rates, batches, query = problem

    def partly(some, batch):
        return loss(weights | some, batch)

    def slope(loop):
        weights["embed.weight"].grad = None
        found = loop.run(
            partly, {"bias": weights["bias"]}, meta.rule["sgd"]({"bias": rates["bias"]}), batches
        )
        vmap(partly)(found, query).mean().backward()
        return weights["embed.weight"].grad.clone()

    kept, again = slope(meta.InnerLoop()), slope(meta.InnerLoop(checkpointed=True))
    torch.testing.assert_close(again, kept, rtol=0, atol=1e-12)
    direct = slope(meta.InnerLoop(second_order=False))
    assert not torch.allclose(kept, direct, rtol=1e-2)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("clip", [math.inf, 0.2])
def test_a_batch_of_episodes_is_a_loop_over_them_with_torch_optim(meta, problem, optimiser, clip):
    loss, weights, _, batches, _ = problem
    rates = {name: torch.tensor(0.05, dtype=torch.float64) for name in weights}
    rule = meta.rule[optimiser](rates, **({"eps": 1e-8} if optimiser == "adam" else {}))
    together = meta.InnerLoop(clip=clip).run(loss, weights, rule, batches)
    for episode in range(2):
        own = {name: w.detach().clone().requires_grad_() for name, w in weights.items()}
        kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimiser]
        stepper = kind(own.values(), 0.05)
        for batch in batches:
            stepper.zero_grad()
            loss(own, tuple(part[episode] for part in batch)).backward()
            nn.utils.clip_grad_norm_(own.values(), clip)
            stepper.step()
        for name, weight in own.items():
            # clip_grad_norm_ adds 1e-6 to the norm.
            torch.testing.assert_close(together[name][episode], weight, rtol=1e-4, atol=1e-6)


def test_each_weight_can_have_its_rate(meta, problem):
    loss, weights, rates, batches, _ = problem
    sgd = meta.rule["sgd"]
    one = meta.InnerLoop().run(loss, weights, sgd(rates), batches)
    shaped = {name: 0.5 * torch.ones_like(w) for name, w in weights.items()}
    shaped["bias"] = torch.zeros_like(weights["bias"])
    other = meta.InnerLoop().run(loss, weights, sgd(shaped), batches[:1])
    assert (other["bias"] == weights["bias"]).all()
    single = meta.InnerLoop().run(loss, weights, sgd(rates), batches[:1])
    torch.testing.assert_close(other["project.weight"], single["project.weight"], rtol=0, atol=0)
    assert not torch.allclose(one["bias"], single["bias"])


def test_adams_second_derivative_of_nothing_is_nothing(meta, problem):
    """Embeddings of ids that did not come have gradient 0 in each step: no 0 / 0 on the way back."""
    loss, weights, rates, batches, query = problem
    low = [tuple(part % 4 for part in batch) for batch in batches]
    found = slopes(meta.InnerLoop(), meta.rule["adam"], (loss, weights, rates, low, query))
    assert all(torch.isfinite(slope).all() for slope in found.values())


@pytest.mark.parametrize("layers", [1, 2])
def test_the_written_out_lstm_is_the_fused_one(meta, baseline, layers):
    model = baseline("common.lstm").LSTMLanguageModel(9, 4, 6, layers, dropout=0.3).eval()
    inputs = torch.randint(9, (3, 8))
    state = tuple((torch.randn(3, 6), torch.randn(3, 6)) for _ in range(layers))
    with torch.no_grad():
        expected, _ = model.features(inputs, state)
        found = meta.lstm_features(dict(model.named_parameters()), inputs, state)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@dataclass(frozen=True)
class Momentum:
    """A rule with a recurrent state that depends on learned tensors: v <- mu v + g, w <- w - alpha v."""

    learned: dict

    def init(self, weights):
        return {name: torch.zeros_like(w) for name, w in weights.items()}

    def update(self, gradients, state, weights, loss):
        state = {name: self.learned["mu"] * state[name] + g for name, g in gradients.items()}
        return {name: w - self.learned["alpha"] * state[name] for name, w in weights.items()}, state


@pytest.mark.parametrize("second_order", [True, False])
@pytest.mark.parametrize("checkpointed", [True, False])
def test_a_recurrent_state_is_differentiated_in_both_variants(meta, problem, second_order, checkpointed):
    """The slope of mu is that of a plain loop, in which first order detaches the gradients only."""
    loss, weights, _, batches, query = problem
    learned = {
        name: torch.tensor(value, dtype=torch.float64, requires_grad=True)
        for name, value in (("mu", 0.7), ("alpha", 0.4))
    }
    loop = meta.InnerLoop(second_order, checkpointed=checkpointed)
    found = loop.run(loss, weights, Momentum(learned), batches)
    vmap(loss)(found, query).sum().backward()
    slopes = {name: tensor.grad.item() for name, tensor in learned.items()}
    for tensor in learned.values():
        tensor.grad = None
    for episode in range(2):
        own = dict(weights)
        state = {name: torch.zeros_like(w) for name, w in own.items()}
        for batch in batches:
            value = loss(own, tuple(part[episode] for part in batch))
            gradients = torch.autograd.grad(value, list(own.values()), create_graph=True)
            for name, g in zip(own, gradients, strict=True):
                g = g if second_order else g.detach()
                state[name] = learned["mu"] * state[name] + g
            own = {name: w - learned["alpha"] * state[name] for name, w in own.items()}
        loss(own, tuple(part[episode] for part in query)).backward()
    for name, tensor in learned.items():
        assert slopes[name] == pytest.approx(tensor.grad.item(), rel=1e-9)
        assert slopes[name] != 0


# Finn et al. 2017, section 5.1: y = A sin(x - phi), A in [0.1, 5], phi in [0, pi], x in [-5, 5], 10 points.


def sinusoids(tasks, generator, points=10):
    height, phase = (torch.rand(tasks, 1, 1, generator=generator) * span for span in (4.9, math.pi))
    x = 10 * torch.rand(2, tasks, points, 1, generator=generator) - 5
    y = (height + 0.1) * torch.sin(x - phase)
    return (x[0], y[0]), (x[1], y[1])


def squares(weights, batch):
    x, y = batch
    for layer in (1, 2):
        x = torch.relu(nn.functional.linear(x, weights[f"w{layer}"], weights[f"b{layer}"]))
    return nn.functional.mse_loss(nn.functional.linear(x, weights["w3"], weights["b3"]), y)


def network():
    layers = [nn.Linear(1, 40), nn.Linear(40, 40), nn.Linear(40, 1)]
    weights = {f"w{i}": layer.weight for i, layer in enumerate(layers, 1)}
    return weights | {f"b{i}": layer.bias for i, layer in enumerate(layers, 1)}


def test_sinusoids_as_in_finn_et_al(meta):
    """MAML falls fast on new tasks, and goes on falling past the one step it was trained for.

    A network trained on all tasks together knows their mean only, and a few steps do not help it.
    """
    rate, generator = 0.01, torch.Generator().manual_seed(0)
    loop = meta.InnerLoop()

    def trained(loss_of, iterations):
        weights = network()
        optimiser = torch.optim.Adam(weights.values(), 3e-3)
        for _ in range(iterations):
            loss = loss_of(weights, *sinusoids(25, generator))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return weights

    def rates(weights):
        return {name: torch.tensor(rate) for name in weights}

    def maml(weights, support, query):
        return vmap(squares)(
            loop.run(squares, weights, meta.rule["sgd"](rates(weights)), [support]), query
        ).mean()

    def pooled(weights, support, query):
        return (squares(weights, support) + squares(weights, query)) / 2

    def after(weights, steps):
        support, query = sinusoids(200, torch.Generator().manual_seed(1), points=10)
        with torch.no_grad():
            found = (
                loop.run(squares, weights, meta.rule["sgd"](rates(weights)), [support] * steps)
                if steps
                else None
            )
            return float(vmap(squares)(found, query).mean() if steps else squares(weights, query))

    meta_learned, pretrained = trained(maml, 900), trained(pooled, 900)
    ours, theirs = ([after(weights, steps) for steps in (0, 1, 5)] for weights in (meta_learned, pretrained))
    assert ours[1] < 0.5 * ours[0]
    assert ours[2] < 0.8 * ours[1]
    assert theirs[1] > 0.7 * theirs[0]
    assert theirs[2] > 1.5 * ours[1]
    assert theirs[2] > 2.5 * ours[2], (ours, theirs)
