"""Weights that ship: what is written comes back rounded to half precision, for this training only."""

import pytest
import torch

from fsdl_bench import fingerprint
from fsdl_bench.errors import BadInput
from fsdl_bench.submissions.fitting import fitted
from fsdl_bench.submissions.inputs import Tracker
from fsdl_bench.submissions.pretrained import write_pretrained
from fsdl_bench.submissions.setup import set_up

SETTINGS = {"hidden": 3, "minutes": float("inf")}
TENSORS = {"weight": torch.tensor([[1 / 3, 2e-5], [-70.01, 0.0]]), "bias": torch.ones(2)}
SHIPPING = """
class Shipping:
    def fit(self, train, validation, context):
        found = context.pretrained("net", {"hidden": 3, "minutes": float("inf")})
        self.bias = None if found is None else found.tensors["bias"].tolist()
        self.size = context.vocab_size
    def adapt(self, support):
        return self
    def logits(self, songs):
        import torch
        return torch.zeros(*songs.shape, self.size)
"""

MIXING = """
class Mixing:
    def fit(self, train, validation, context):
        self.parts = [context.once(name, {}, make) for name in ("left", "right")]
        self.size = context.vocab_size
    def adapt(self, support):
        return self
    def logits(self, songs):
        import torch
        return torch.zeros(*songs.shape, self.size)
def make(context):
    found = context.pretrained("net", {"hidden": 3, "minutes": float("inf")})
    return found.tensors["bias"].tolist()
"""


@pytest.fixture
def setup(toy, model, tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprint, "PRETRAINED", tmp_path / "pretrained")
    return set_up(model(SHIPPING), "toy")


@pytest.fixture
def ship(setup):
    def write(tensors=TENSORS, **changes):
        facts = {
            "name": "net",
            "track": "toy",
            "digest": setup.track.digest,
            "seed": 0,
            "settings": {"hidden": 3, "minutes": "inf"},
            "training": {"batches": 7, "curve": ((3, 1.5), (7, 1.25))},
            "processor_seconds": 90.0,
            "figure": 1.25,
            "commit": "0" * 40,
        }
        return write_pretrained(tensors, **facts | changes)

    return write


def test_the_tensors_come_back_in_half_precision(setup, ship):
    card = ship()
    found = setup.context(0, print).pretrained("net", SETTINGS)
    assert found.card.model_dump_json() == card.model_dump_json()
    assert found.tensors.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        assert torch.equal(found.tensors[name], value.half().float())


@pytest.mark.parametrize(
    "changes", [{"digest": "0" * 64}, {"seed": 1}, {"settings": {"hidden": 4, "minutes": "inf"}}]
)
def test_weights_of_another_training_are_not_taken(setup, ship, changes):
    ship(**changes)
    assert setup.context(0, print).pretrained("net", SETTINGS) is None


def test_none_ship_for_other_names_and_tracks_or_with_refit(setup, ship):
    ship()
    ship(track="elsewhere")
    assert setup.context(0, print).pretrained("other", SETTINGS) is None
    assert setup.context(0, print, refit=True).pretrained("net", SETTINGS) is None


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
def test_damage_is_refused(setup, ship, tmp_path, suffix):
    ship()
    path = tmp_path / "pretrained" / "toy" / f"net{suffix}"
    data = path.read_bytes()
    for damaged in (data[:-7], b"\x00" + data[1:], data.replace(b"figure", b"figura") + b" "):
        path.write_bytes(damaged)
        with pytest.raises(BadInput, match=f"net{suffix}: the weights of the package are damaged"):
            setup.context(0, print).pretrained("net", SETTINGS)
    path.write_bytes(data)
    assert setup.context(0, print).pretrained("net", SETTINGS)


def test_missing_weights_are_damage(setup, ship, tmp_path):
    ship()
    (tmp_path / "pretrained" / "toy" / "net.safetensors").unlink()
    with pytest.raises(BadInput, match="damaged"):
        setup.context(0, print).pretrained("net", SETTINGS)


def test_a_fit_depends_on_the_weights_and_counts_their_training(setup, ship):
    ship()
    first = fitted(setup, setup.context(0, print))
    assert first.make().bias == [1.0, 1.0]
    assert 90 <= first.record.processor_seconds < 150
    ship(TENSORS | {"bias": torch.zeros(2)})
    assert fitted(setup, setup.context(0, print)).make().bias == [0.0, 0.0]
    assert fitted(setup, setup.context(0, print, refit=True)).make().bias is None


def test_a_training_behind_several_parts_counts_once_whether_they_are_made_or_reused(setup, ship, model):
    ship()
    mixing = set_up(model(MIXING), "toy")
    for again in (False, True):
        record = fitted(mixing, mixing.context(0, print, refit=again)).record
        assert 90 <= record.processor_seconds < 150
        assert record.own_seconds < 60


def test_the_weights_are_the_only_recorded_files_of_the_package():
    tracker = Tracker(None)
    assert tracker.counts(str(fingerprint.PRETRAINED / "toy" / "net.safetensors"))
    assert not tracker.counts(str(fingerprint.PACKAGE / "songs.py"))
