"""A submission driven by the harness."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from fsdl_bench.codecs import load_codec
from fsdl_bench.submissions.checking import ContractError
from fsdl_bench.submissions.context import FitContext
from fsdl_bench.submissions.session import LocalSession, describe

SONG = np.array([4, 5, 3, 2], np.uint16)


@pytest.fixture
def context(tmp_path):
    """What a submission is told about a track of word songs."""
    return FitContext(
        track="toy",
        kind="lyrics",
        digest="0" * 64,
        codec=load_codec("words-v1"),
        shots=(0, 1),
        queries=4,
        device=torch.device("cpu"),
        seed=3,
        checkpoints=tmp_path,
    )


class Recorder:
    """Writes down what the harness does to it."""

    def __init__(self):
        self.calls = []

    def prepare(self, context):
        self.calls.append(("prepare", context.vocab_size, torch.rand(1).item()))

    def adapt(self, support):
        drawn = random.random(), float(np.random.rand()), torch.rand(1).item()
        self.calls.append(("adapt", [song.tolist() for song in support], torch.is_grad_enabled(), drawn))
        for song in support:
            song[:] = 0
        return self

    def logits(self, songs):
        self.calls.append(("logits", songs.tolist(), torch.is_grad_enabled()))
        songs[:] = 7
        return torch.zeros(*songs.shape, 100)

    def observe(self, song):
        self.calls.append(("observe", song.tolist(), torch.is_grad_enabled()))
        song[:] = 0


def test_what_a_submission_is_handed(context):
    recorder = Recorder()
    session = LocalSession(recorder, context)
    support = (SONG.copy(), SONG[:2].copy())
    assert session.adapt(support, seed=5) > 0
    assert session.scores([SONG, SONG[:2]]).shape == (2, 4, 100)
    session.observe(SONG)
    names = [call[0] for call in recorder.calls]
    assert names == ["prepare", "adapt", "logits", "observe"]
    assert recorder.calls[1][1:3] == ([[4, 5, 3, 2], [4, 5]], True)
    assert recorder.calls[2][1:] == ([[4, 5, 3, 2], [4, 5, 0, 0]], False)
    assert recorder.calls[3][1:] == ([4, 5, 3, 2], True)
    assert SONG.tolist() == [4, 5, 3, 2], "the harness's songs are out of reach"
    assert support[0].tolist() == [4, 5, 3, 2]


def test_random_adaptation_depends_on_the_seed_alone(context):
    recorder = Recorder()
    session = LocalSession(recorder, context)
    for seed in (5, 6, 5):
        session.adapt((), seed)
        torch.rand(3)
    one, other, again = (call[3] for call in recorder.calls[1:])
    assert one == again
    assert all(a != b for a, b in zip(one, other, strict=True))


def test_stream_scores(context):
    class Counting:
        def adapt(self, support):
            return self

        def logits(self, songs):
            return None

        def stream(self, songs=1):
            self.fed = []
            return self

        def step(self, tokens):
            self.fed += tokens.tolist()
            return np.full((1, 100), float(len(self.fed)))

    model = Counting()
    session = LocalSession(model, context)
    session.adapt((), 0)
    assert session.stream_scores(SONG)[:, 0].tolist() == [1, 2, 3, 4]
    assert model.fed == [1, 4, 5, 3], "BOS first, and never the last token"


def test_no_stream_and_no_observe(context):
    class Bare:
        def adapt(self, support):
            return self

        def logits(self, songs):
            return torch.zeros(*songs.shape, 100)

    session = LocalSession(Bare(), context)
    session.adapt((), 0)
    session.observe(SONG)
    assert session.stream_scores(SONG) is None


def test_what_a_submission_says_of_itself():
    class Model:
        """A model in one sentence
        of two lines.

        And more.
        """

        name, family, exact = "M-1", "adaptive", False
        notes = {"tokens": 3, "loss": torch.tensor(0.5), "steps": np.int64(7), "sizes": (1, 2)}  # noqa: RUF012
        precision = torch.bfloat16

        def __init__(self):
            self.body = torch.nn.Linear(3, 4)
            self.tied = self.body

    facts = describe(Model())
    assert facts.name == "M-1"
    assert facts.description == "A model in one sentence of two lines."
    assert (facts.family, facts.exact, facts.notes) == ("adaptive", False, facts.notes)
    assert facts.notes == {"tokens": 3, "loss": 0.5, "steps": 7, "sizes": "(1, 2)"}
    assert (facts.precision, facts.dtype) == ("bfloat16", torch.bfloat16)
    assert facts.parameters == 16, "shared modules count once"


def test_what_is_said_by_a_submission_that_says_nothing():
    class Silent:
        __slots__ = ()

    facts = describe(Silent())
    assert (facts.name, facts.family, facts.description, facts.exact) == ("Silent", "", "", True)
    assert (facts.parameters, facts.precision, facts.dtype, facts.notes) == (None, None, None, {})


@pytest.mark.parametrize(
    ("parameters", "expected"), [(lambda self: 7, 7), (lambda self: [torch.zeros(2, 3)], 6), (8, 8)]
)
def test_parameters_of_its_own(parameters, expected):
    assert describe(type("Model", (), {"parameters": parameters})()).parameters == expected


def test_a_module_counts_itself():
    assert describe(torch.nn.Linear(3, 4)).parameters == 16


def test_a_precision_that_is_none():
    with pytest.raises(ContractError, match=r"`precision` should be a floating torch.dtype, found 'half'"):
        describe(type("Model", (), {"precision": "half"})())


def test_context_facts(context):
    assert (context.vocab_size, context.unit) == (100, "byte")
    assert isinstance(context.checkpoints, Path)


@pytest.mark.parametrize(
    "value", [float("inf"), float("nan"), torch.tensor(-float("inf")), np.float64("nan")]
)
def test_a_note_that_is_no_finite_number_becomes_a_text(value):
    """JSON cannot write it, and a run must not fail at its end."""

    class Model:
        notes = {"figure": value}  # noqa: RUF012

        def adapt(self, support):
            return support

    assert describe(Model()).notes["figure"] in ("inf", "-inf", "nan")


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"budget": "hour", "outside_data": "Lakh", "system": True}, ("hour", "Lakh", True)),
        ({}, ("open", "", False)),
    ],
)
def test_declarations(said, found):
    facts = describe(type("Model", (), said)())
    assert (facts.budget, facts.outside_data, facts.system) == found


def test_a_budget_that_is_none():
    with pytest.raises(ContractError, match="one of quarter-hour, hour, open, found 'week'"):
        describe(type("Model", (), {"budget": "week"})())
