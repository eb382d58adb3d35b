"""The LSTM against its equations, the training loop against a plain one, and what is made once."""

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fsdl_bench import BOS, PAD


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def common(baseline):
    names = ["dropout", "lstm", "once", "softmax", "songs", "training"]
    return SimpleNamespace(**{name: baseline(f"common.{name}") for name in names})


@pytest.fixture
def model(common):
    torch.manual_seed(0)
    return common.lstm.LSTMLanguageModel(20, embedding=5, hidden=7, layers=2, dropout=0.4).double().eval()


@pytest.fixture
def exact(common, monkeypatch):
    """Training code without bfloat16."""
    monkeypatch.setattr(common.songs, "half", lambda device: torch.autocast(device.type, enabled=False))


def by_hand(model, song, vocab_size=20):
    """The equations of the LSTM in numpy, one token at a time: log-probabilities [T, V]."""
    weights = {name: value.detach().numpy() for name, value in model.named_parameters()}

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    h, c = np.zeros((2, 7)), np.zeros((2, 7))
    rows = []
    for token in [BOS, *song[:-1]]:
        x = weights["embed.weight"][token]
        for layer in range(2):
            gates = (
                weights[f"lstm.weight_ih_l{layer}"] @ x
                + weights[f"lstm.bias_ih_l{layer}"]
                + weights[f"lstm.weight_hh_l{layer}"] @ h[layer]
                + weights[f"lstm.bias_hh_l{layer}"]
            )
            i, f, g, o = np.split(gates, 4)
            c[layer] = sigmoid(f) * c[layer] + sigmoid(i) * np.tanh(g)
            h[layer] = sigmoid(o) * np.tanh(c[layer])
            x = h[layer]
        scores = weights["embed.weight"] @ (weights["project.weight"] @ x + weights["project.bias"])
        scores += weights["bias"]
        rows.append(scores - np.log(np.exp(scores).sum()))
    return np.array(rows)


def test_lstm_is_its_equations(model):
    song = [5, 9, 3, 19, 5, 2]
    found = model(torch.tensor([song])).log_softmax(-1)[0].detach().numpy()
    assert found == pytest.approx(by_hand(model, song), abs=1e-12)


def test_stream_is_the_batch_from_any_state(common, model):
    before = common.lstm.as_row(
        [np.array([4, 5, 2], np.uint16), np.array([7], np.uint16)], torch.device("cpu")
    )
    assert before.tolist() == [[BOS, 4, 5, 2, BOS, 7]]
    song = torch.tensor([[3, 8, 8, 11]])
    for state in (None, model.features(before)[1]):
        stream = common.lstm.LSTMStream(model, state)
        rows = torch.stack([stream.step(token) for token in [BOS, 3, 8, 8]])
        assert rows.numpy() == pytest.approx(model(song, state)[0].detach().numpy(), abs=1e-12)


def test_adaptable_copy_has_no_dropout_and_its_own_weights(model):
    copy = model.adaptable()
    song = torch.tensor([[3, 8, 8, 11]])
    assert torch.equal(copy(song), model(song))
    assert torch.equal(copy(song), copy(song))
    assert copy.training
    assert not model.train()(song).equal(model(song))
    with torch.no_grad():
        copy.bias.add_(1.0)
    assert not model.bias.any()


def test_song_batches_hold_every_song_once_an_epoch(common, toy_splits):
    train = toy_splits[0]
    batches = common.songs.SongBatches(train, 7, 3, torch.device("cpu"))
    orders = []
    for epoch in range(2):
        numbers = range(epoch * batches.per_epoch, (epoch + 1) * batches.per_epoch)
        rows = [row[row != PAD].tolist() for number in numbers for row in batches(number)]
        assert sorted(rows) == sorted(song.tokens.tolist() for song in train.songs)
        orders.append(rows)
    assert orders[0] != orders[1]
    again = common.songs.SongBatches(train, 7, 3, torch.device("cpu"))
    late = batches.per_epoch + 1
    assert torch.equal(again(late), batches(late))
    assert torch.equal(again(1), batches(1))
    other = common.songs.SongBatches(train, 7, 4, torch.device("cpu"))
    assert other(0).shape != batches(0).shape or not torch.equal(other(0), batches(0))


def test_song_batches_waste_little_on_padding(common, toy_splits):
    batches = common.songs.SongBatches(toy_splits[0], 7, 0, torch.device("cpu"))
    cells = sum(batches(number).numel() for number in range(batches.per_epoch))
    assert cells < 1.1 * sum(len(song.tokens) for song in toy_splits[0].songs)


def nats_of(model, songs):
    """-log p of each song by itself."""
    return [-by_hand(model, song)[range(len(song)), song].sum() for song in songs]


@pytest.mark.parametrize("piece", [3, 4, 100])
def test_pieces_add_up_to_the_songs(common, model, exact, piece):
    songs = [[5, 9, 3, 19, 5, 2], [4, 4], [7, 8, 9, 10, 2]]
    batch = common.songs.padded([np.array(song, np.uint16) for song in songs], torch.device("cpu"))
    losses = list(common.songs.song_losses(model, piece)(batch))
    assert len(losses) == math.ceil(6 / piece)
    assert sum(loss.item() for loss in losses) * 3 * min(piece, 6) == pytest.approx(
        sum(nats_of(model, songs)), rel=1e-6
    )


def test_a_piece_learns_from_its_own_targets_only(common, model, exact):
    """The gradient stops at the cut, and padding teaches nothing."""
    batch = torch.tensor([[5, 9, 3, 19], [6, PAD, PAD, PAD]])
    _, second = common.songs.song_losses(model, 2)(batch)
    found = torch.autograd.grad(second, model.lstm.weight_hh_l0)[0]
    state = tuple(part.detach() for part in model.features(torch.tensor([[BOS, 5]]))[1])
    scores = model.scores(model.features(torch.tensor([[9, 3]]), state)[0])
    loss = torch.nn.functional.cross_entropy(scores[0], torch.tensor([3, 19]), reduction="sum") / 4
    expected = torch.autograd.grad(loss, model.lstm.weight_hh_l0)[0]
    assert found.numpy() == pytest.approx(expected.numpy(), abs=1e-8)


def test_validation_nll_is_the_mean_over_artists(common, baseline, toy_splits, exact):
    torch.manual_seed(0)
    model = common.lstm.LSTMLanguageModel(100, 8, 8).eval()
    figures = []
    for artist in toy_splits[1].artists:
        songs = list(artist.songs)[:4]
        nats = 0.0
        for song in songs:
            ids = torch.from_numpy(song.tokens.astype(np.int64))
            nats -= model(ids[None])[0].log_softmax(-1)[range(len(ids)), ids].sum().item()
        figures.append(nats / sum(song.units for song in songs))
    found = common.songs.validation_nll(model, toy_splits[1], torch.device("cpu"), songs=4)
    assert found == pytest.approx(np.mean(figures), rel=1e-5)


def test_rate_warms_up_and_decays(common):
    recipe = common.training.Recipe(batches=1000, warmup=10, floor=0.1)
    assert [recipe.rate(i) for i in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1.0], abs=1e-3)
    assert recipe.rate(500) == pytest.approx(0.55)
    assert recipe.rate(1000) == pytest.approx(0.1)
    assert max(map(recipe.rate, range(1001))) <= 1


class Regression:
    """Something to train: batches that are a function of their number, and dropout that draws at random."""

    def __init__(self):
        torch.manual_seed(5)
        self.model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
        self.stop_at = None

    def batch(self, index):
        if index == self.stop_at:
            raise KeyboardInterrupt
        generator = torch.Generator().manual_seed(index)
        x = torch.randn(16, 3, generator=generator)
        return x, x.sum(1, keepdim=True) ** 2

    def losses(self, batch):
        x, y = batch
        for half in (slice(0, 8), slice(8, 16)):
            yield (self.model(x[half]) - y[half]).square().mean()

    def validate(self):
        assert not self.model.training
        return float(sum((self.model(x) - y).square().mean() for x, y in map(self.batch, range(900, 904))))

    def train(self, training, context, **options):
        recipe = training.Recipe(**({"batches": 40, "warmup": 5, "every": 7, "patience": 99} | options))
        torch.manual_seed(1)
        return training.train(
            self.model, self.batch, self.losses, self.validate, recipe, context, tokens=lambda b: len(b[0])
        )


def test_training_is_the_plain_loop(common, context):
    """AdamW, schedule and clipping written out; the weights of the best validation."""
    task = Regression()
    done = task.train(common.training, context, peak=0.01, clip=0.3)
    plain = Regression()
    matrices = [p for p in plain.model.parameters() if p.dim() > 1]
    vectors = [p for p in plain.model.parameters() if p.dim() == 1]
    groups = [{"params": matrices, "weight_decay": 0.01}, {"params": vectors, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=0.01, fused=False)
    torch.manual_seed(1)
    curve, states = [], []
    for index in range(40):
        cosine = 0.05 + 0.95 * (1 + math.cos(math.pi * index / 40)) / 2
        for group in optimiser.param_groups:
            group["lr"] = 0.01 * min((index + 1) / 5, cosine)
        plain.model.train()
        for loss in plain.losses(plain.batch(index)):
            optimiser.zero_grad()
            loss.backward()
            norm = math.sqrt(sum(float(p.grad.square().sum()) for p in plain.model.parameters()))
            for p in plain.model.parameters():
                p.grad *= min(1.0, 0.3 / (norm + 1e-6))
            optimiser.step()
        if (index + 1) % 7 == 0 or index == 39:
            plain.model.eval()
            with torch.no_grad():
                curve.append((index + 1, plain.validate()))
            states.append({name: value.clone() for name, value in plain.model.state_dict().items()})
    assert [batches for batches, _ in done.curve] == [batches for batches, _ in curve]
    figures = [figure for _, figure in curve]
    assert [figure for _, figure in done.curve] == pytest.approx(figures, rel=1e-4)
    assert done.best == min(figure for _, figure in done.curve)
    best = states[figures.index(min(figures))]
    for name, value in task.model.state_dict().items():
        assert value.numpy() == pytest.approx(best[name].numpy(), abs=1e-5)
    assert done.batches == 40
    assert done.tokens == 40 * 16
    assert done.notes()["training tokens"] == 640
    assert not task.model.training


@pytest.mark.parametrize("stops", [[3], [7], [15, 20, 36]])
def test_interrupted_and_resumed_is_uninterrupted_bit_for_bit(common, context, stops):
    whole = Regression()
    one = whole.train(common.training, replace(context, checkpoints=folder(context, "whole")))
    place = replace(context, checkpoints=folder(context, "parts"))
    for stop in stops:
        killed = Regression()
        killed.stop_at = stop
        with pytest.raises(KeyboardInterrupt):
            killed.train(common.training, place)
    again = Regression()
    other = again.train(common.training, place)
    assert other.curve == one.curve
    assert other.tokens == one.tokens
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name])
    finished = Regression()
    assert finished.train(common.training, place).curve == one.curve
    assert torch.equal(finished.model[0].weight, whole.model[0].weight)


def folder(context, name):
    place = context.checkpoints / name
    place.mkdir()
    return place


@pytest.mark.parametrize(
    ("figures", "best", "stops"),
    [
        ([3.0, 2.0, 2.5, 2.4, 2.3, 1.0], 2, 5),
        ([3.0, math.nan, 2.0, 2.0, math.inf, 2.1, 0.0], 3, 6),
        ([math.nan, 4.0, 5.0, 3.0, 3.5, 3.5, 3.5], 4, 7),
    ],
)
def test_early_stopping_keeps_the_best_weights(common, context, figures, best, stops):
    task, given, states = Regression(), iter(figures), []

    def validate():
        states.append(task.model[0].weight.clone())
        return next(given)

    task.validate = validate
    done = task.train(common.training, context, every=2, patience=3)
    assert done.batches == 2 * stops
    assert len(states) == stops
    assert torch.equal(task.model[0].weight, states[best - 1])
    assert done.best == figures[best - 1]


def test_no_time_no_training(common, context):
    task = Regression()
    before = task.model[0].weight.clone()
    assert task.train(common.training, context, minutes=0).batches == 0
    assert torch.equal(task.model[0].weight, before)


def test_made_once(common, context):
    calls = []

    def make(place):
        calls.append(place.checkpoints)
        return {"drawn": torch.rand(3)}

    def ask(settings=None, **changes):
        modules = ["common.lstm", "common.training"]
        return common.once.made_once(make, settings or {"hidden": 3}, modules, replace(context, **changes))

    torch.manual_seed(11)
    first = ask()
    after = torch.rand(1)
    other_fit = context.checkpoints.parents[1] / "another" / "checkpoints"
    torch.manual_seed(11)
    again = ask(checkpoints=other_fit)
    assert torch.equal(first["drawn"], again["drawn"])
    assert torch.equal(after, torch.rand(1))
    assert len(calls) == 1
    assert calls[0].is_dir()
    assert calls[0].parents[1] == context.checkpoints.parents[1]
    assert not torch.equal(ask(seed=1)["drawn"], first["drawn"])
    ask({"hidden": 4})
    ask(digest="another track")
    assert len(set(calls)) == len(calls) == 4


def test_made_again_where_the_store_is_locked(common, context, monkeypatch):
    def locked(self, *args, **kwargs):
        raise PermissionError

    monkeypatch.setattr(Path, "mkdir", locked)
    made = common.once.made_once(lambda place: place.checkpoints, {}, ["common.lstm"], context)
    assert made == context.checkpoints


@pytest.mark.parametrize("rows", [1, 3, 7, 50])
def test_nats_of_the_softmax_are_the_plain_ones(common, monkeypatch, rows):
    monkeypatch.setattr(common.softmax, "ROWS", rows)
    generator = torch.Generator().manual_seed(0)
    shapes = [(7, 5), (20, 5), (20,)]
    given = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    features, weight, bias = (part.requires_grad_() for part in given)
    targets = torch.tensor([3, 0, 19, 3, 3, 7, 1])
    found = common.softmax.nats(features, targets, weight, bias)
    plain = torch.nn.functional.cross_entropy(features @ weight.T + bias, targets, reduction="sum")
    assert found.item() == pytest.approx(plain.item(), abs=1e-12)
    assert torch.autograd.gradcheck(
        lambda *parts: common.softmax.nats(parts[0], targets, *parts[1:]), (features, weight, bias)
    )
    with torch.no_grad():
        assert common.softmax.nats(features, targets, weight, bias).item() == pytest.approx(plain.item())


def test_nats_in_bfloat16_are_near(common):
    generator = torch.Generator().manual_seed(0)
    features, weight = (torch.randn(n, 16, generator=generator, requires_grad=True) for n in (600, 40))
    bias, targets = torch.zeros(40), torch.randint(40, (600,), generator=generator)
    plain = torch.nn.functional.cross_entropy(features @ weight.T, targets, reduction="sum")
    wanted = torch.autograd.grad(plain, (features, weight))
    with torch.autocast("cpu", torch.bfloat16):
        found = common.softmax.nats(features, targets, weight, bias)
    assert found.item() == pytest.approx(plain.item(), rel=1e-2)
    for one, other in zip(torch.autograd.grad(found, (features, weight)), wanted, strict=True):
        assert one.dtype == torch.float32
        assert (one - other).norm() < 0.02 * other.norm()


def test_dropout_keeps_the_mean_and_drops_its_share(common):
    torch.manual_seed(0)
    x = torch.ones(64, 50, 40)
    drop = common.dropout.Dropout(0.3)
    y = drop(x)
    dropped = round(0.3 * 256) / 256
    assert float((y == 0).float().mean()) == pytest.approx(dropped, abs=0.005)
    assert y[y != 0].unique().tolist() == pytest.approx([1 / (1 - dropped)])
    assert drop.eval()(x) is x


def test_locked_dropout_has_one_mask_for_all_places(common):
    torch.manual_seed(0)
    y = common.dropout.Dropout(0.5, locked=True)(torch.ones(8, 30, 25))
    assert torch.equal(y, y[:, :1].expand_as(y))
    assert 0 < float((y == 0).float().mean()) < 1
    assert not torch.equal(y[0], y[1])
