"""The LSTM with the weights that ship with the package, or trained here where none ship for the settings."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from torch import nn

from common.base import LSTMSettings, new_lstm, trained_lstm
from common.lstm import LSTMLanguageModel
from common.training import Training
from fsdl_bench import FitContext, Pretrained, Split


@dataclass(eq=False)
class Trained:
    """What a fit trained last, or loaded: enough to ship it.

    Attributes:
        name: of the weights.
        module: has the weights.
        training: the record of the training.
        settings: what the weights depend on.
        chosen: settings that were chosen on validation episodes afterwards.
        seconds: the processor time of this choice.
    """

    name: str
    module: nn.Module
    training: Training
    settings: dict[str, Any]
    chosen: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def choose(self, search: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return the settings that were chosen; `search` chooses them if they are not known."""
        if not self.chosen:
            begin = time.process_time()
            self.chosen = search()
            self.seconds = time.process_time() - begin
        return self.chosen


def pretrained_lstm(
    settings: LSTMSettings, train: Split, validation: Split, context: FitContext
) -> tuple[LSTMLanguageModel, Training, str]:
    """Return the model of `trained_lstm`, the record of its training, and where its weights come from."""
    shipped = context.pretrained("lstm", asdict(settings))
    if shipped is None:
        return *trained_lstm(settings, train, validation, context), "trained here"
    model = new_lstm(settings, context)
    return model, loaded(model, shipped, context), f"shipped, SHA-256 {shipped.card.sha256}"


def loaded(module: nn.Module, shipped: Pretrained, context: FitContext) -> Training:
    """Give a module the weights that ship, and return the record of their training."""
    card = shipped.card
    context.log(f"using the weights of {card.name} that ship for {card.track}; --refit trains them again")
    module.load_state_dict(shipped.tensors)
    module.eval()
    return Training(**card.training | {"curve": tuple(map(tuple, card.training["curve"]))})


def choice(submission: Any, name: str, context: FitContext) -> Trained:
    """Return a part without weights, for a model that only chooses settings on top of the trained LSTM."""
    settings = identity(submission)
    shipped = context.pretrained(name, settings)
    if shipped is not None:
        context.log(f"using the settings of {name} that ship for {shipped.card.track}")
    known = shipped.card.chosen if shipped else {}
    return Trained(name, nn.Module(), Training(), settings, dict(known))


def identity(submission: Any) -> dict[str, Any]:
    """Return what the weights of a learner depend on: the submission's arguments, and the LSTM's weights."""
    given = {field.name: getattr(submission, field.name) for field in fields(submission)}
    return given | {"weights": submission.notes["weights"]}
