"""Check that a submission keeps the contract; every message says what was expected and what was found."""

from __future__ import annotations

import difflib
import inspect
from typing import Any

import numpy as np
import torch

from fsdl_bench.errors import BadInput

_SUBMISSION: dict[str, tuple[str, ...]] = {
    "adapt": ("support",),
    "fit": ("train", "validation", "context"),
    "prepare": ("context",),
}
_PREDICTOR: dict[str, tuple[str, ...]] = {"logits": ("songs",), "observe": ("song",), "stream": ("songs",)}
_BOUND: dict[str, tuple[str, ...]] = {"nats": ("songs",), "observe": ("song",)}
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
"""The types that scores may have."""


class ContractError(BadInput):
    """A submission lacks what the contract asks for, or returns something else."""


def check_submission(submission: Any) -> None:
    """Raise `ContractError` unless it has `adapt` and its methods take the arguments of the contract."""
    if inspect.isclass(submission):
        name = submission.__name__
        raise ContractError(f"{name} is a class: expected an object, such as {name}()")
    _check_methods(submission, _SUBMISSION, required="adapt")


def check_predictor(predictor: Any, submission: Any) -> None:
    """Raise `ContractError` unless what `adapt` returned has `logits`, or `nats` with `exact = False`."""
    exact = is_exact(submission)
    required = "logits" if exact else "nats"
    if predictor is None:
        raise ContractError(
            f"{type(submission).__name__}.adapt returned None: expected a predictor with `{required}(songs)`"
        )
    if exact and hasattr(predictor, "nats") and not hasattr(predictor, "logits"):
        raise ContractError(
            f"{type(predictor).__name__} has `nats` and no `logits`: set `exact = False` on "
            f"{type(submission).__name__} if it can only bound its likelihood"
        )
    _check_methods(predictor, _PREDICTOR if exact else _BOUND, required=required)


def is_exact(submission: Any) -> bool:
    """Return whether a submission's predictors give scores (`logits`) and not a bound (`nats`)."""
    return bool(getattr(submission, "exact", True))


def as_bound(raw: Any, songs: int, predictor: Any) -> torch.Tensor:
    """Return what `nats` returned as a plain tensor [B] without history; raises like `as_scores`."""
    return _as_floats(raw, (songs,), f"{type(predictor).__name__}.nats")


def as_scores(raw: Any, songs: torch.Tensor, vocab_size: int, predictor: Any) -> torch.Tensor:
    """Return what `logits` returned as a plain tensor [B, T, V] without gradient history.

    Raises:
        ContractError: the type or the shape is wrong.
    """
    expected = (*songs.shape, vocab_size)
    return _as_floats(raw, expected, f"{type(predictor).__name__}.logits")


def as_step_scores(raw: Any, songs: int, vocab_size: int, stream: Any) -> torch.Tensor:
    """Return what `step` returned as a plain tensor [B, V] without history; raises like `as_scores`."""
    return _as_floats(raw, (songs, vocab_size), f"{type(stream).__name__}.step")


def _as_floats(raw: Any, expected: tuple[int, ...], name: str) -> torch.Tensor:
    if isinstance(raw, torch.Tensor):
        # a subclass could replace the harness's arithmetic by its own
        with torch._C.DisableTorchFunctionSubclass():
            scores = raw.detach().as_subclass(torch.Tensor)
    else:
        scores = _from_array(raw, name)
    if scores.dtype not in FLOATS:
        raise ContractError(
            f"{name} returned {_dtype(scores)}; expected a floating type: {', '.join(map(_dtype, FLOATS))}"
        )
    if scores.shape != expected:
        raise ContractError(
            f"{name} returned a tensor of shape {list(scores.shape)}; expected {list(expected)}"
            f"{' (songs, tokens, vocabulary)' if len(expected) == 3 else ''}"
            f"{_shape_hint(tuple(scores.shape), expected)}"
        )
    return scores


def _from_array(raw: Any, name: str) -> torch.Tensor:
    try:
        array = np.asarray(raw)
        if array.dtype not in (np.float16, np.float32):
            array = array.astype(np.float64, casting="same_kind" if array.dtype.kind in "fiu" else "no")
    except (TypeError, ValueError) as error:
        raise ContractError(
            f"{name} returned {type(raw).__name__}; expected a tensor or an array of floats ({error})"
        ) from None
    return torch.from_numpy(np.array(array))


def _shape_hint(found: tuple[int, ...], expected: tuple[int, ...]) -> str:
    if len(found) != 3 or len(expected) != 3 or found[0] != expected[0]:
        return ""
    if found[1] == expected[1] - 1:
        return ". One position is missing: position 0 scores the first token, before any token was seen"
    if found[1] == expected[1] + 1:
        return ". One position is too many: nothing is scored after the last token"
    if found[2] != expected[2]:
        return f". The vocabulary is the codec's: context.vocab_size == {expected[2]}"
    return ""


def _check_methods(thing: Any, methods: dict[str, tuple[str, ...]], required: str) -> None:
    kind = type(thing).__name__
    found = {name for name in dir(thing) if not name.startswith("_")}
    for name, arguments in methods.items():
        usage = f"{name}({', '.join(arguments)})"
        if name not in found:
            typo = _typo(name, thing, found - methods.keys())
            if name == required or typo:
                meant = f"; did you mean `{typo}`?" if typo else ""
                raise ContractError(f"{kind} has no method `{usage}`{meant}")
            continue
        method = getattr(thing, name)
        if not callable(method):
            raise ContractError(f"{kind}.{name} is {type(method).__name__}; expected a method `{usage}`")
        try:
            signature = inspect.signature(method)
        except (TypeError, ValueError):  # written in C
            continue
        try:
            signature.bind(*arguments)
        except TypeError:
            raise ContractError(f"{kind}.{name}{signature} cannot be called as `{usage}`") from None


def _typo(name: str, thing: Any, candidates: set[str]) -> str:
    """A method with almost this name; a misspelt optional one would be ignored silently."""
    same = [found for found in sorted(candidates) if found.lower().strip("_") == name]
    close = difflib.get_close_matches(name, sorted(candidates), n=1, cutoff=0.85)
    return next((found for found in (*same, *close) if callable(getattr(thing, found, None))), "")


def _dtype(value: torch.Tensor | torch.dtype) -> str:
    return str(value.dtype if isinstance(value, torch.Tensor) else value).removeprefix("torch.")
