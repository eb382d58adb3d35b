"""The chunked cross-entropy against the plain one."""

import pytest
import torch


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
