"""The LSTM with the weights that ship with the package, or trained here where none ship for the settings."""

from __future__ import annotations

from dataclasses import asdict

from common.base import LSTMSettings, new_lstm, trained_lstm
from common.lstm import LSTMLanguageModel
from common.training import Training
from fsdl_bench import FitContext, Split


def pretrained_lstm(
    settings: LSTMSettings, train: Split, validation: Split, context: FitContext
) -> tuple[LSTMLanguageModel, Training, str]:
    """Return the model of `trained_lstm`, the record of its training, and where its weights come from."""
    shipped = context.pretrained("lstm", asdict(settings))
    if shipped is None:
        return *trained_lstm(settings, train, validation, context), "trained here"
    card = shipped.card
    context.log(f"using the weights that ship for {card.track}; --refit trains them anew")
    model = new_lstm(settings, context)
    model.load_state_dict(shipped.tensors)
    return (
        model.eval(),
        Training(**card.training | {"curve": tuple(map(tuple, card.training["curve"]))}),
        f"shipped, SHA-256 {card.sha256}",
    )
