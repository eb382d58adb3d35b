"""The training loop against a plain one, interrupted and not."""

import copy
import math
from dataclasses import replace

import pytest
import torch


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


def test_muon_turns_linear_layers_by_orthogonal_matrices(common, context):
    """After one step: the gradient's singular vectors, values near one, and all else as with AdamW."""
    with_muon, without = Regression(), Regression()
    before = copy.deepcopy(with_muon.model.state_dict())
    options = {"batches": 1, "warmup": 1, "peak": 0.01, "weight_decay": 0.0}
    for task, muon in ((with_muon, True), (without, False)):
        task.losses = lambda batch, model=task.model: [(model(batch[0]) - batch[1]).square().mean()]
        task.train(
            common.training,
            replace(context, checkpoints=folder(context, f"muon {muon}")),
            muon=muon,
            **options,
        )
    fresh = Regression()
    torch.manual_seed(1)
    (fresh.model.train()(fresh.batch(0)[0]) - fresh.batch(0)[1]).square().mean().backward()
    for name, parameter in fresh.model.named_parameters():
        moved = before[name] - with_muon.model.state_dict()[name]
        if parameter.dim() == 1:
            assert torch.equal(before[name] - without.model.state_dict()[name], moved)
            continue
        left, values, right = torch.linalg.svd(parameter.grad, full_matrices=False)
        sizes = left.T @ moved @ right.T / (0.2 * math.sqrt(max(moved.shape)) * 0.01)
        kept = values > 0.05 * values[0]
        assert kept.any()
        assert ((sizes.diag()[kept] > 0.6) & (sizes.diag()[kept] < 1.3)).all()
        assert (sizes - sizes.diag().diag()).abs().max() < 0.1


@pytest.fixture
def every_batch(common, monkeypatch):
    """A checkpoint after every batch."""
    monkeypatch.setattr(common.training, "CHECKPOINT_SECONDS", 0.0)


@pytest.mark.parametrize(("muon", "average"), [(False, 0.0), (False, 0.2), (True, 0.0)])
@pytest.mark.parametrize("stops", [[3], [7], [15, 20, 36]])
def test_interrupted_and_resumed_is_uninterrupted_bit_for_bit(
    common, context, stops, muon, average, every_batch
):
    whole = Regression()
    one = whole.train(
        common.training, replace(context, checkpoints=folder(context, "whole")), muon=muon, average=average
    )
    place = replace(context, checkpoints=folder(context, "parts"))
    for stop in stops:
        killed = Regression()
        killed.stop_at = stop
        with pytest.raises(KeyboardInterrupt):
            killed.train(common.training, place, muon=muon, average=average)
    again = Regression()
    other = again.train(common.training, place, muon=muon, average=average)
    assert other.curve == one.curve
    assert other.tokens == one.tokens
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name])
    finished = Regression()
    assert finished.train(common.training, place, muon=muon, average=average).curve == one.curve
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


def test_a_damaged_checkpoint_is_reported_and_not_used(common, context, every_batch):
    lines = []
    context = replace(context, log=lines.append)
    first = Regression()
    first.stop_at = 9
    with pytest.raises(KeyboardInterrupt):
        first.train(common.training, context)
    path = context.checkpoints / "training.pt"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    again, whole = Regression(), Regression()
    again.train(common.training, context)
    assert "damaged" in lines[0]
    whole.train(common.training, replace(context, checkpoints=folder(context, "whole")))
    assert torch.equal(again.model[0].weight, whole.model[0].weight)


def test_the_averaged_weights_are_validated_and_kept(common, context):
    """The average of all weights, written out."""
    task, weights = Regression(), []
    task.losses = lambda batch: (
        weights.append(task.model[0].weight.detach().clone()),
        Regression.losses(task, batch),
    )[1]
    seen = []
    task.validate = lambda: seen.append(task.model[0].weight.detach().clone()) or 1.0 / len(seen)
    task.train(common.training, context, batches=10, every=10, average=1.0)
    last = Regression()
    last.validate = lambda: 0.0
    last.train(common.training, replace(context, checkpoints=folder(context, "last")), batches=10, every=10)
    after = [*weights[1:], last.model[0].weight.detach()]
    mean = torch.stack(after).mean(0)
    assert seen[0].numpy() == pytest.approx(mean.numpy(), abs=1e-6)
    assert torch.equal(task.model[0].weight, seen[0])


def test_processor_time_is_measured(common, context):
    done = Regression().train(common.training, context)
    assert done.processor_seconds > 0
    assert done.notes()["training processor seconds"] == round(done.processor_seconds, 1)


def test_no_time_no_training(common, context):
    task = Regression()
    before = task.model[0].weight.clone()
    assert task.train(common.training, context, minutes=0).batches == 0
    assert torch.equal(task.model[0].weight, before)
