"""What is made once is found by the next who asks, and made again where nothing can be kept."""

from dataclasses import replace
from pathlib import Path

import torch


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
