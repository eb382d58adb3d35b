"""Dynamic evaluation against plain loops of its two rules, and on a source whose entropy is known."""

import copy
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fsdl_bench import BOS, PAD

SUPPORT = [np.array([4, 5, 2], np.uint16), np.array([6, 7, 5, 4, 9, 9, 8], np.uint16)]
QUERY = [[5, 5, 4, 5, 6, 7, 2], [12, 13, 12, 13]]


@pytest.fixture
def module(baseline):
    """The predictor, and the statistics that its rules come from."""
    dynamic, statistics = baseline("common.dynamic"), baseline("common.gradient_statistics")
    return SimpleNamespace(
        DynamicPredictor=dynamic.DynamicPredictor,
        Learner=dynamic.Learner,
        make_rule=statistics.make_rule,
        root_mean_squares=statistics.root_mean_squares,
        usual_norm=statistics.usual_norm,
    )


@pytest.fixture(autouse=True)
def exact(baseline, monkeypatch):
    """Learning without bfloat16."""
    pieces = baseline("common.pieces")
    monkeypatch.setattr(pieces, "half", lambda device: torch.autocast(device.type, enabled=False))


@pytest.fixture
def model(baseline):
    torch.manual_seed(0)
    made = baseline("common.lstm").LSTMLanguageModel(20, 5, 7, dropout=0.5).double().eval()
    torch.nn.init.normal_(made.project.weight)
    return made


@pytest.fixture
def roots(model):
    generator = torch.Generator().manual_seed(3)
    return [torch.rand(p.shape, generator=generator, dtype=torch.float64) / 100 for p in model.parameters()]


def padded(*songs):
    longest = max(map(len, songs))
    return torch.tensor([[*song, *[PAD] * (longest - len(song))] for song in songs])


def plain_songs(model, origin, songs, segment, change):
    """Score songs side by side and learn, with nothing of the baseline but its model: [T, V] of each."""
    inputs = [[BOS, *song[:-1]] for song in songs]
    states, rows = [None] * len(songs), [[] for _ in songs]
    for start in range(0, max(map(len, songs)), segment):
        part = slice(start, start + segment)
        model.zero_grad()
        loss = 0.0
        for i, song in enumerate(songs):
            if len(song) <= start:
                continue
            features, state = model.features(torch.tensor([inputs[i][part]]), states[i])
            states[i] = tuple(tuple(part.detach() for part in layer) for layer in state)
            scores = features[0] @ model.embed.weight.T + model.bias
            rows[i].append(scores.detach())
            logp = scores - scores.logsumexp(-1, keepdim=True)
            loss = loss - sum(logp[place, token] for place, token in enumerate(song[part])) / segment
        loss.backward()
        with torch.no_grad():
            new = [change(i, p, p.grad, origin[i]) for i, p in enumerate(model.parameters())]
            for p, value in zip(model.parameters(), new, strict=True):
                p.copy_(value)
    return [torch.cat(own) for own in rows]


def plain_song(model, origin, song, segment, change):
    return plain_songs(model, origin, [song], segment, change)[0]


def sgd(eta, decay):
    return lambda _, p, g, origin: p - eta * g + decay * (origin - p)


def rms(eta, decay, roots):
    mean = np.mean([root.mean().item() for root in roots])

    def change(i, p, g, origin):
        pull = torch.minimum(roots[i] / mean, torch.tensor(1 / decay if decay else math.inf))
        return p - eta * g / (roots[i] + 2e-5) + decay * pull * (origin - p)

    return change


@pytest.mark.parametrize("segment", [1, 3, 100])
@pytest.mark.parametrize(("eta", "decay"), [(0.1, 0.0), (0.03, 0.8)])
@pytest.mark.parametrize("kind", ["sgd", "rms"])
def test_it_is_the_plain_loop(module, model, roots, segment, eta, decay, kind):
    if kind == "rms":
        eta /= 1000
        change, rule = rms(eta, decay, roots), module.make_rule(roots, eta, decay, segment, 2e-5)
    else:
        ones = [torch.ones((), dtype=torch.float64) for _ in roots]
        change, rule = sgd(eta, decay), module.make_rule(ones, eta, decay, segment, 0.0)
    origin = [p.detach().clone() for p in model.parameters()]
    if kind == "rms":
        first, before = module.make_rule(roots, eta / 3, decay, segment, 2e-5), rms(eta / 3, decay, roots)
    else:
        first, before = module.make_rule(ones, eta / 3, decay, segment, 0.0), sgd(eta / 3, decay)
    first = replace(first, passes=2)
    learner = model.adaptable()
    for _ in range(2):
        plain_songs(learner, origin, [song.tolist() for song in SUPPORT], segment, before)
    with torch.no_grad():
        found = module.DynamicPredictor(model, {1: first}, rule, SUPPORT).logits(padded(*QUERY))
    for scores, song in zip(found, QUERY, strict=True):
        expected = plain_song(copy.deepcopy(learner), origin, song, segment, change)
        assert scores[: len(song)].numpy() == pytest.approx(expected.numpy(), abs=1e-10)
    for p, before in zip(model.parameters(), origin, strict=True):
        assert torch.equal(p, before)


@pytest.mark.parametrize("songs", [QUERY[:1], QUERY])
def test_long_gradients_are_shortened(module, model, songs):
    """To a norm that each exceeds, times the root of the songs: then all steps are equally long."""
    ones = [torch.ones((), dtype=torch.float64) for _ in model.parameters()]
    rule = replace(module.make_rule(ones, 0.1, 0.0, 3, 0.0), longest=0.01)
    origin = [p.detach().clone() for p in model.parameters()]
    lengths, bound = [], 0.01 * math.sqrt(len(songs))

    def change(i, p, g, _):
        whole = math.sqrt(sum(q.grad.square().sum().item() for q in learner.parameters()))
        lengths.append(whole)
        return p - 0.1 * bound / whole * g

    learner = model.adaptable()
    plain_songs(learner, origin, songs, 3, change)
    found = module.DynamicPredictor(model, {1: rule}, rule, [np.array(song, np.uint16) for song in songs])
    assert min(lengths) > bound
    for weight, expected in zip(found.weights, learner.parameters(), strict=True):
        assert weight.numpy() == pytest.approx(expected.detach().numpy(), abs=1e-12)


def test_the_usual_norm_is_the_median_over_segments(module, baseline, toy_splits):
    torch.manual_seed(0)
    model = baseline("common.lstm").LSTMLanguageModel(100, 5, 7, dropout=0.5).double().eval()
    train = toy_splits[0]
    norms = []

    def change(i, p, g, _):
        if i == 0:
            norms.append(math.sqrt(sum(q.grad.square().sum().item() for q in model.parameters())))
        return p

    for index in (0, round((len(train) - 1) / 2), len(train) - 1):
        plain_song(model, [None] * 8, train.songs[index].tokens.tolist(), 10, change)
    found = module.usual_norm(model, train, 10, songs=3)
    assert found == pytest.approx(np.median(norms), rel=1e-9)


def predictor(module, model, roots, support=SUPPORT, eta=3e-4, decay=0.1, segment=3):
    rule = module.make_rule(roots, eta, decay, segment, 2e-5)
    return module.DynamicPredictor(model, {1: rule}, rule, support)


def test_without_a_rate_it_is_static(module, model, roots):
    reader = predictor(module, model, roots, eta=0.0)
    songs = padded(*QUERY)
    expected = model(songs)
    for row, want, song in zip(reader.logits(songs), expected, QUERY, strict=True):
        assert row[: len(song)].numpy() == pytest.approx(want[: len(song)].detach().numpy(), abs=1e-12)
    moved = predictor(module, model, roots).logits(songs)[0] - expected[0]
    assert moved.abs().max() > 1e-3


def test_weights_go_back_between_songs_and_on_after_observe(module, model, roots):
    reader = predictor(module, model, roots)
    both = reader.logits(padded(*QUERY))
    for index in (1, 0):
        length = len(QUERY[index])
        alone = reader.logits(padded(QUERY[index]))[0]
        assert alone.numpy() == pytest.approx(both[index, :length].numpy(), abs=1e-12)
    reader.observe(np.array(QUERY[1], np.uint16))
    learner, origin = model.adaptable(), list(model.parameters())
    change = rms(3e-4, 0.1, roots)
    plain_songs(learner, origin, [song.tolist() for song in SUPPORT], 3, change)
    plain_song(learner, origin, QUERY[1], 3, change)
    expected = plain_song(learner, origin, QUERY[0], 3, change)
    found = reader.logits(padded(*QUERY))[0]
    assert found.numpy() == pytest.approx(expected.numpy(), abs=1e-10)
    assert not torch.equal(found, both[0])


def test_the_rate_over_the_support_is_that_of_the_number_of_songs(module, model, roots):
    songs = [*SUPPORT, np.array(QUERY[1], np.uint16)]
    rules = {shots: module.make_rule(roots, shots * 1e-4, 0.0, 3, 2e-5) for shots in (2, 3, 5)}
    within = module.make_rule(roots, 0.0, 0.0, 3, 2e-5)
    for count, shots in [(1, 2), (2, 2), (3, 3)]:
        found = module.DynamicPredictor(model, rules, within, songs[:count])
        expected = module.DynamicPredictor(model, {1: rules[shots]}, within, songs[:count])
        assert all(map(torch.equal, found.weights, expected.weights))
    found = module.DynamicPredictor(model, rules, within, songs[:2])
    found.observe(songs[2])  # the third: by its rate
    learner = module.Learner(model)
    learner.put(module.DynamicPredictor(model, {1: rules[2]}, within, songs[:2]).weights)
    learner.learn(torch.tensor([songs[2].tolist()]), rules[3])
    assert all(map(torch.equal, found.weights, learner.copy_of_weights()))


def test_the_support_is_a_set(module, model, roots):
    one = predictor(module, model, roots).logits(padded(*QUERY))
    other = predictor(module, model, roots, SUPPORT[::-1]).logits(padded(*QUERY))
    assert one.numpy() == pytest.approx(other.numpy(), abs=1e-12)


@pytest.mark.parametrize("segment", [1, 3, 7, 100])
def test_the_stream_is_the_batch(module, model, roots, segment, check_stream):
    reader = predictor(module, model, roots, segment=segment)
    check_stream(reader, padded(*QUERY), 1e-12)


def test_two_streams_and_logits_do_not_disturb_each_other(module, model, roots):
    reader = predictor(module, model, roots)
    expected = reader.logits(padded(QUERY[0]))[0]
    one, other, steps = reader.stream(), reader.stream(), []
    for number, token in enumerate([BOS, *QUERY[0][:-1]]):
        steps.append(one.step(torch.tensor([token])))
        other.step(torch.tensor([number % 2 + 3 if number else BOS]))
        reader.logits(padded(QUERY[1]))
    assert torch.cat(steps).numpy() == pytest.approx(expected.numpy(), abs=1e-12)


@pytest.mark.parametrize("cut", [1, 2, 3, 5])
def test_no_score_depends_on_its_own_or_a_later_token(module, model, roots, cut):
    reader = predictor(module, model, roots)
    song = QUERY[0]
    other = song[:cut] + [PAD, 17, 3, 18, 19, 11, 16][cut:]
    one, two = reader.logits(padded(song))[0], reader.logits(padded(other))[0]
    assert torch.equal(one[: cut + 1], two[: cut + 1])
    if cut < 5:
        assert not torch.equal(one[cut + 1 :], two[cut + 1 :])


def test_the_statistics_are_of_every_segment(module, baseline, toy_splits):
    songs = baseline("common.songs")
    torch.manual_seed(0)
    model = baseline("common.lstm").LSTMLanguageModel(100, 5, 7, dropout=0.5).double()
    batches = songs.SongBatches(toy_splits[0], 4, 0, torch.device("cpu"))
    found = module.root_mean_squares(model, batches, 10, 9)
    squares, count = [0.0] * len(found), 0
    for index in range(9):
        batch, state = batches(index), None
        inputs = torch.cat([torch.full((4, 1), BOS), batch[:, :-1]], 1)
        for start in range(0, batch.shape[1], 10):
            if count == 9:
                break
            features, state = model.eval().features(inputs[:, start : start + 10], state)
            state = tuple(tuple(part.detach() for part in layer) for layer in state)
            targets = batch[:, start : start + 10]
            logp = model.scores(features).log_softmax(-1).gather(2, targets[..., None])[..., 0]
            gradients = torch.autograd.grad(-(logp * (targets != PAD)).sum() / 40, model.parameters())
            squares = [s + g**2 / 9 for s, g in zip(squares, gradients, strict=True)]
            count += 1
    for root, square in zip(found, squares, strict=True):
        assert root.numpy() == pytest.approx(square.sqrt().detach().numpy(), rel=1e-4, abs=1e-9)


@pytest.mark.parametrize(("kind", "eta"), [("sgd", 1.0), ("rms", 2e-3)])
def test_two_symbols_approach_their_entropy(module, baseline, kind, eta):
    """A model that expects 20 ids alike meets a coin of 0.9: it soon pays little more than the entropy."""
    torch.manual_seed(0)
    model = baseline("common.lstm").LSTMLanguageModel(20, 8, 12).eval()
    roots = [torch.ones(()) if kind == "sgd" else torch.full(p.shape, 0.01) for p in model.parameters()]
    rule = module.make_rule(roots, eta, 0.0, 5, 0.0)
    rng = np.random.default_rng(1)
    song = torch.from_numpy(np.where(rng.random(1500) < 0.9, 4, 5))
    scores = module.DynamicPredictor(model, {}, rule, ()).logits(song[None])[0].double().log_softmax(-1)
    nats = -scores[range(1500), song]
    entropy = -0.9 * math.log(0.9) - 0.1 * math.log(0.1)
    assert nats[:5].mean() > 2.5
    late = song[500:]
    ideal = -np.where(late == 4, math.log(0.9), math.log(0.1)).mean()
    assert ideal == pytest.approx(entropy, abs=0.05)
    assert ideal - 0.01 < nats[500:].mean() < ideal + 0.06
    static = -model(song[None])[0].log_softmax(-1)[range(1500), song]
    assert static[500:].mean() > 2.5
