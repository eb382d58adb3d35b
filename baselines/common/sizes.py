"""The settings of the LSTM for each budget class and kind of song.

    quarter-hour, hour, open      processor time of the training on one core

docs/baselines.md shows the search that led to them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, Literal

from common.base import LSTMSettings
from fsdl_bench import BadInput

Size = Literal["quarter-hour", "hour", "open"]

SETTINGS: Final[dict[tuple[str, str], LSTMSettings]] = {
    ("quarter-hour", "lyrics"): LSTMSettings(epochs=4),
    ("quarter-hour", "midi"): LSTMSettings(epochs=4),
    ("hour", "lyrics"): LSTMSettings(256, 768, dropout=0.15, peak=4e-3, decay=0.03, epochs=8, average=0.01),
    ("hour", "midi"): LSTMSettings(256, 512, dropout=0.1, peak=5e-3, decay=0.05, epochs=18),
}


def lstm_settings(size: str, kind: str, **changes: Any) -> LSTMSettings:
    """Return the settings of a size, with changes; a change of None keeps the setting.

    Raises:
        BadInput: there is no such size for this kind of song.
    """
    if (size, kind) not in SETTINGS:
        sizes = ", ".join(known for known, of in SETTINGS if of == kind)
        raise BadInput(f"size: found {size!r}; the sizes for {kind} are {sizes}")
    return replace(
        SETTINGS[size, kind], **{name: value for name, value in changes.items() if value is not None}
    )
