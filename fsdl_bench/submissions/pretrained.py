"""Weights and settings that ship with the package, so that a reference model is ready at once.

    fsdl_bench/pretrained/<track>/<name>.json           its `Card`
    fsdl_bench/pretrained/<track>/<name>.safetensors    the tensors, in half precision

They replace a training with the same settings and seed on the same track. A submission asks for them with
`FitContext.pretrained`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import Field, ValidationError
from safetensors.torch import load, save

from fsdl_bench import fingerprint
from fsdl_bench.errors import BadInput
from fsdl_bench.frozen import Frozen, Plain, plain
from fsdl_bench.paths import atomic_file
from fsdl_bench.submissions.inputs import Tracker
from fsdl_bench.submissions.watch import recorder


class Card(Frozen):
    """The origin of weights.

    Attributes:
        name: of what was trained: "lstm", or the model whose learner on top of the LSTM this is.
        track: the name of the track whose meta-training songs it saw.
        digest: the track's logical digest.
        seed: of the training.
        settings: of the training; numbers that JSON cannot write are texts.
        training: the record of the training.
        chosen: settings that were chosen on validation episodes afterwards.
        processor_seconds: of the training and of the choice, on one core.
        figure: the validation figure of the weights as they are shipped.
        commit: of the code that trained them.
        sha256: of the file of weights.
    """

    name: str
    track: str
    digest: str
    seed: int
    settings: dict[str, Plain]
    training: dict[str, Any]
    chosen: dict[str, Plain] = Field(default_factory=dict)
    processor_seconds: float
    figure: float
    commit: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


@dataclass(frozen=True)
class Pretrained:
    """Weights and their card; the tensors are in single precision, on the CPU."""

    card: Card
    tensors: dict[str, torch.Tensor]


def _written(settings: Mapping[str, Any]) -> dict[str, Plain]:
    return {name: plain(value) for name, value in settings.items()}


def read_pretrained(
    name: str, track: str, digest: str, seed: int, settings: Mapping[str, Any]
) -> Pretrained | None:
    """Return the weights of this training; None if weights of this training do not ship.

    Raises:
        BadInput: the card or the weights are damaged.
    """
    place = fingerprint.PRETRAINED / track / f"{name}.json"
    if not place.is_file():
        return None
    try:
        card = Card.model_validate_json(place.read_bytes())
    except ValidationError as error:
        raise _damaged(place, str(error)) from None
    if (card.digest, card.seed, card.settings) != (digest, seed, _written(settings)):
        return None
    weights = place.with_suffix(".safetensors")
    # Through Python, so that the harness sees that the fit came from this file.
    data = weights.read_bytes() if weights.is_file() else b""
    if (found := hashlib.sha256(data).hexdigest()) != card.sha256:
        raise _damaged(weights, f"expected SHA-256 {card.sha256}, found {found}")
    outer = recorder()
    if isinstance(outer, Tracker):
        outer.reused[card.sha256] = card.processor_seconds
    return Pretrained(card, {key: value.float() for key, value in load(data).items()})


def write_pretrained(
    tensors: Mapping[str, torch.Tensor], *, settings: Mapping[str, Any], **facts: Any
) -> Card:
    """Write weights in half precision, and their card.

    Args:
        tensors: as in a module's `state_dict`.
        settings: of the training, as for `read_pretrained`.
        facts: the other fields of the card but `sha256`.
    """
    data = save({key: value.detach().half().contiguous() for key, value in tensors.items()})
    card = Card(**facts, settings=_written(settings), sha256=hashlib.sha256(data).hexdigest())
    place = fingerprint.PRETRAINED / card.track / f"{card.name}.json"
    with atomic_file(place.with_suffix(".safetensors")) as temporary:
        temporary.write_bytes(data)
    with atomic_file(place) as temporary:
        temporary.write_text(card.model_dump_json(indent=1) + "\n", "utf-8")
    return card


def remove_pretrained(name: str, track: str) -> None:
    """Remove weights that ship, if there are any."""
    for suffix in (".json", ".safetensors"):
        (fingerprint.PRETRAINED / track / f"{name}{suffix}").unlink(missing_ok=True)


def _damaged(path: Path, what: str) -> BadInput:
    return BadInput(f"{path}: the weights of the package are damaged ({what}); install it again")
