"""The seal on the scorer and the watch on the songs' files."""

import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from fsdl_bench.errors import RuleBreach
from fsdl_bench.evaluation import audit, rounding, scoring
from fsdl_bench.evaluation.sealing import Seal
from fsdl_bench.results import files
from fsdl_bench.submissions.watch import watched

pytestmark = pytest.mark.walls


def test_an_untouched_harness_holds():
    seal = Seal()
    scoring.token_nats(torch.zeros(3, 5), np.zeros(3, np.uint16))
    seal.check()


@pytest.mark.parametrize(
    ("owner", "name", "value"),
    [
        (scoring, "token_nats", lambda scores, targets: np.zeros(len(targets))),
        (scoring, "torch", None),
        (rounding, "LIMIT", 1e9),
        (audit.Auditor, "check", lambda *arguments: []),
        (files, "summarise", lambda *arguments: None),
        (torch, "empty", lambda *shape, **more: torch.zeros(*shape)),
        (torch.Tensor, "gather", lambda *arguments: None),
        (np, "concatenate", lambda parts: parts[0]),
    ],
)
def test_a_replaced_part_is_named(monkeypatch, owner, name, value):
    seal = Seal()
    monkeypatch.setattr(owner, name, value)
    with pytest.raises(RuleBreach, match=f"rule broken: scorer.*{name}.* was replaced"):
        seal.check()


def test_a_function_whose_code_was_replaced(monkeypatch):
    seal = Seal()
    monkeypatch.setattr(scoring.token_nats, "__code__", (lambda scores, targets: 0).__code__)
    with pytest.raises(RuleBreach, match=r"token_nats.__code__ was replaced"):
        seal.check()


@pytest.mark.parametrize("kind", [TorchFunctionMode, TorchDispatchMode])
def test_a_mode_that_was_left_on(kind):
    seal = Seal()
    with kind(), pytest.raises(RuleBreach, match="left a mode on"):
        seal.check()
    seal.check()


@pytest.fixture
def songs(tmp_path):
    """A folder of songs, resolved, with a test and a training file."""
    folder = (tmp_path / "track").resolve()
    folder.mkdir()
    (folder / "test-0.parquet").write_bytes(b"test")
    (folder / "train-0.parquet").write_bytes(b"train")
    return folder


READS = [
    lambda folder: (folder / "test-0.parquet").read_bytes(),
    lambda folder: os.close(os.open(folder / "test-0.parquet", os.O_RDONLY)),
    lambda folder: np.fromfile(str(folder / "test-0.parquet")),
    lambda folder: os.listdir(folder),  # noqa: PTH208
    lambda folder: list(os.scandir(os.fsencode(folder))),
    lambda folder: list(folder.glob("*")),
    lambda folder: (folder.parent / "other" / ".." / "track" / "test-0.parquet").read_bytes(),
]


@pytest.mark.parametrize("read", READS)
def test_what_python_opens_is_seen(songs, read):
    (songs.parent / "other").mkdir()
    read(songs)
    with pytest.raises(RuleBreach, match=r"sealed songs.*tried to read .*track"), watched([songs]):
        read(songs)
    read(songs)


def test_a_link_does_not_hide_it(songs, tmp_path):
    link = tmp_path / "innocent"
    link.symlink_to(songs / "test-0.parquet")
    with pytest.raises(RuleBreach, match="test-0"), watched([songs]):
        link.read_bytes()


def test_catching_the_error_does_not_help(songs):
    with pytest.raises(RuleBreach), watched([songs]), suppress(PermissionError):
        (songs / "test-0.parquet").read_bytes()


def test_what_is_allowed_and_what_lies_elsewhere(songs, tmp_path):
    (tmp_path / "track2").mkdir()
    (tmp_path / "track2" / "test-0.parquet").write_bytes(b"x")
    with watched([songs], ("train", "validation")):
        (songs / "train-0.parquet").read_bytes()
        (tmp_path / "track2" / "test-0.parquet").read_bytes()
        Path(__file__).read_bytes()
    with pytest.raises(RuleBreach), watched([songs], ("train", "validation")):
        (songs / "test-0.parquet").read_bytes()


def test_the_submissions_own_error_comes_first(songs):
    with pytest.raises(ZeroDivisionError), watched([songs]):
        1 / 0  # noqa: B018
