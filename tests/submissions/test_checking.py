"""Every way of not keeping the contract has one message that says what was expected and what was found."""

import numpy as np
import pytest
import torch

from fsdl_bench.submissions.checking import (
    ContractError,
    as_scores,
    as_step_scores,
    check_predictor,
    check_submission,
)
from fsdl_bench.submissions.loading import load_submission

SONGS = torch.zeros(2, 3, dtype=torch.long)


class Predictor:
    def logits(self, songs):
        return songs


def submission(**methods):
    return type("Model", (), methods)()


def adapt(self, support):
    return Predictor()


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ({}, r"Model has no method `adapt\(support\)`"),
        ({"adapts": adapt}, r"Model has no method `adapt\(support\)`; did you mean `adapts`\?"),
        ({"adapt": 3}, r"Model.adapt is int; expected a method `adapt\(support\)`"),
        ({"adapt": lambda self: 1}, r"Model.adapt\(\) cannot be called as `adapt\(support\)`"),
        (
            {"adapt": adapt, "fit": lambda self, train: 1},
            r"cannot be called as `fit\(train, validation, context\)`",
        ),
        ({"adapt": adapt, "Fit": lambda self, a, b, c: 1}, r"no method `fit\(.*\)`; did you mean `Fit`"),
        (
            {"adapt": adapt, "prepares": lambda self, c: 1},
            r"no method `prepare\(context\)`; did you mean `prepares`",
        ),
    ],
)
def test_a_submission_that_lacks_something(methods, message):
    with pytest.raises(ContractError, match=message):
        check_submission(submission(**methods))


def test_submissions_that_lack_nothing():
    check_submission(submission(adapt=adapt))
    check_submission(submission(adapt=adapt, fit=lambda self, t, v, c: 1, prepare=lambda self, *anything: 1))
    check_submission(type("Net", (torch.nn.Module,), {"adapt": adapt})())


@pytest.mark.parametrize(
    ("predictor", "message"),
    [
        (None, "Model.adapt returned None: expected a predictor with `logits\\(songs\\)`"),
        (3, r"int has no method `logits\(songs\)`"),
        (submission(logits=lambda self, songs: 1, obsrve=lambda self, song: 1), "did you mean `obsrve`"),
        (
            submission(logits=lambda self, songs: 1, stream=lambda self: 1),
            r"cannot be called as `stream\(songs\)`",
        ),
    ],
)
def test_a_predictor_that_lacks_something(predictor, message):
    with pytest.raises(ContractError, match=message):
        check_predictor(predictor, submission())


@pytest.mark.parametrize(
    ("predictor", "message"),
    [
        (None, "Model.adapt returned None: expected a predictor with `nats\\(songs\\)`"),
        (Predictor(), r"Predictor has no method `nats\(songs\)`"),
        (submission(nats=lambda self: 1), r"cannot be called as `nats\(songs\)`"),
    ],
)
def test_a_bound_that_lacks_something(predictor, message):
    with pytest.raises(ContractError, match=message):
        check_predictor(predictor, submission(exact=False))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (torch.zeros(2, 3, 5), r"shape \[2, 3, 5\]; expected \[2, 3, 7\].*context.vocab_size == 7"),
        (torch.zeros(2, 2, 7), "One position is missing: position 0 scores the first token"),
        (torch.zeros(2, 4, 7), "One position is too many"),
        (torch.zeros(3, 7), r"shape \[3, 7\]; expected \[2, 3, 7\] \(songs, tokens, vocabulary\)"),
        (torch.zeros(2, 3, 7, dtype=torch.long), "Predictor.logits returned int64; expected a floating type"),
        (
            torch.zeros(2, 3, 7, dtype=torch.complex64),
            "returned complex64; expected a floating type: float16",
        ),
        (None, "returned NoneType; expected a tensor or an array of floats"),
        ([[1.0], [1.0, 2.0]], "returned list; expected a tensor or an array of floats"),
        ("scores", "returned str; expected"),
    ],
)
def test_scores_that_are_none(raw, message):
    with pytest.raises(ContractError, match=message):
        as_scores(raw, SONGS, 7, Predictor())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_tensors_are_taken_as_they_are(dtype):
    scores = torch.randn(2, 3, 7).to(dtype).requires_grad_()
    found = as_scores(scores, SONGS, 7, Predictor())
    assert torch.equal(found, scores)
    assert found.dtype == dtype
    assert not found.requires_grad


@pytest.mark.parametrize(
    ("convert", "dtype"),
    [
        (lambda array: array.tolist(), torch.float64),
        (lambda array: array.astype(np.float32), torch.float32),
        (lambda array: array.astype(np.float16), torch.float16),
        (lambda array: array.astype(np.longdouble), torch.float64),
        (lambda array: array[::-1][::-1], torch.float64),
    ],
)
def test_arrays_and_lists_are_taken_too(convert, dtype):
    array = np.random.default_rng(0).normal(size=(2, 3, 7))
    found = as_scores(convert(array), SONGS, 7, Predictor())
    assert found.dtype == dtype
    assert found.double().numpy() == pytest.approx(array, abs=2e-3)


def test_a_subclass_of_tensor_becomes_a_plain_one():
    class Lying(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            return torch.zeros(2, 3, 7)

    found = as_scores(torch.ones(2, 3, 7).as_subclass(Lying), SONGS, 7, Predictor())
    assert type(found) is torch.Tensor
    assert found.sum() == 42


def test_a_step():
    assert as_step_scores([[0.5] * 7] * 2, 2, 7, Predictor()).tolist() == [[0.5] * 7] * 2
    with pytest.raises(
        ContractError, match=r"Predictor.step returned a tensor of shape \[7\]; expected \[1, 7\]"
    ):
        as_step_scores(torch.zeros(7), 1, 7, Predictor())


def test_the_message_comes_through_a_run(toy, model, run):
    path = model(
        """
        class Short:
            def adapt(self, support):
                return self
            def logits(self, songs):
                return torch.zeros(*songs.shape, 5)
        """
    )
    assert load_submission(path).name == "Short"
    with pytest.raises(ContractError, match=r"expected \[4, .*, 100\]"):
        run(path)
